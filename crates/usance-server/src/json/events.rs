//! Server-sent events for one customer: position opened, redeemed, reward credited, matured, renewed, rate changed.
//!
//! The id of an event is its log position; `Last-Event-ID` goes on behind it. Several events of one position share the
//! id and only the last of them carries it, so a connection lost in between gets all of them again, never too few.

use crate::app::App;
use crate::json::notices::notice_shape;
use crate::json::shape;
use crate::wire::fair::Party;
use crate::wire::problem::Problem;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event as Sse, KeepAlive, Sse as Stream};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use usance_core::id::LogPosition;
use usance_core::machine::State as Machine;
use usance_engine::caller::Caller;
use usance_engine::lines::{Chosen, Cut};
use usance_engine::operations::notice::{self, Happening};
use usance_store::projection::Span;

/// Batches of the log that are caught up at a time.
const STRETCH_BATCHES: u64 = 256;
/// How long a stream rests after it has told everything: many changes are then told together.
const REST: Duration = Duration::from_millis(100);
/// How often an idle connection is shown to be alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// GET /v1/events
pub async fn event_stream(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let who = caller.acts_for().to_owned();
    let resume = match headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|text| text.parse().ok())) {
        None => None,
        Some(Some(number)) => Some(LogPosition::from_number(number)),
        Some(None) => return Err(Problem::malformed("Last-Event-ID: the id of an event of this stream")),
    };
    let now = Cut::take(&app.engine, &who, Chosen { asset: None, position: None }).await.map_err(|no| app.refused(no))?.through;
    let from = resume.unwrap_or(now);
    if from > now {
        return Err(Problem::malformed("Last-Event-ID: it lies ahead of this log; start without it and read the lists"));
    }
    let open = app.event_streams.one_more(&who)?;
    let party = Party::of(&caller);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Sse, Infallible>>(64);
    tokio::spawn(async move {
        follow(app, (who, party), from, sender).await;
        drop(open);
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    Ok(Stream::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

async fn follow(
    app: App,
    (who, party): (String, Party),
    mut from: LogPosition,
    sender: tokio::sync::mpsc::Sender<Result<Sse, Infallible>>,
) {
    loop {
        // However many streams there are, a change in the log has few of them look at a time.
        let Some(place) = app.admission.streams.enter_in_time(party.clone()).await else { return };
        let Ok(mut cut) = Cut::take(&app.engine, &who, Chosen::default()).await else { return };
        // A long absence is caught up in stretches.
        let through = cut.through.min(LogPosition::end_of(from.seq().saturating_add(STRETCH_BATCHES)));
        let Ok(events) = notice::happened(&app.engine, &mut cut, Span { after: from, through }) else { return };
        drop(place);
        for (place, happened) in events {
            let last = happened.len().saturating_sub(1);
            for (index, happening) in happened.iter().enumerate() {
                let (kind, data) = app.engine.peek(|state| shown(state, happening));
                let mut event = Sse::default().event(kind).data(data.to_string());
                if index == last {
                    event = event.id(place.to_string());
                }
                if sender.send(Ok(event)).await.is_err() {
                    return;
                }
            }
        }
        from = from.max(through);
        if through < cut.through {
            continue;
        }
        tokio::time::sleep(REST).await;
        let gone = tokio::select! {
            more = app.engine.durable_after(from.seq()) => !more,
            () = sender.closed() => true,
            () = app.serving.closed() => true,
        };
        if gone {
            return;
        }
    }
}

/// What happened, as an event of the stream: its name and its data.
fn shown(state: &Machine, happening: &Happening) -> (&'static str, Value) {
    match happening {
        Happening::Closed(notice) => {
            let notice = notice_shape(state, notice);
            (if notice.kind == "reward_paid" { "reward_credited" } else { notice.kind }, json!(notice))
        }
        Happening::Staked { at, asset, made } => (
            "position_opened",
            json!({
                "position": made.position.to_string(),
                "product": shape::product_id(state, made.product),
                "asset": shape::symbol(state, *asset),
                "amount": shape::amount(state, *asset, made.amount()),
                "at": at.to_string(),
            }),
        ),
        Happening::Unstaked { at, asset, made } => (
            "redeemed",
            json!({
                "position": made.position.to_string(),
                "product": shape::product_id(state, made.product),
                "asset": shape::symbol(state, *asset),
                "payout": shape::amount(state, *asset, made.figures.payout),
                "at": at.to_string(),
            }),
        ),
        Happening::RateChanged { product, from } => {
            let terms = state.product(*product);
            let bands = terms.and_then(|terms| terms.schedule.get(from)).and_then(|version| state.bands(*version));
            let digits = terms.map_or(0, |terms| shape::decimals(state, terms.asset));
            let rate = bands.map(|bands| shape::bands(digits, bands));
            ("rate_changed", json!({"product": shape::product_id(state, *product), "from": from.to_string(), "rate": rate}))
        }
    }
}
