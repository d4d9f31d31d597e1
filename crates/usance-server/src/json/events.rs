//! Server-sent events for one customer: position opened, redeemed, reward credited, matured, renewed, rate changed.
//!
//! The id of an event is its log position; `Last-Event-ID` goes on behind it. Several events of one position share the
//! id and only the last of them carries it, so a connection lost in between gets all of them again, never too few. A stream says
//! its position when it begins and as long as nothing happens; it sleeps until its customer is touched, and ends with what
//! opened it.

use crate::app::App;
use crate::auth::credential::Credential;
use crate::json::notices::notice_shape;
use crate::json::shape;
use crate::wire::fair::Party;
use crate::wire::problem::Problem;
use crate::wire::streams::Open;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse;
use axum::response::sse::{Event as Sse, Sse as Stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use usance_core::id::LogPosition;
use usance_core::machine::State as Machine;
use usance_engine::caller::Caller;
use usance_engine::life::watching::Watcher;
use usance_engine::lines::{Chosen, Cut};
use usance_engine::operations::notice::{self, Happening, Reached};

/// How long a stream rests after it has told everything: many changes are then told together.
const REST: Duration = Duration::from_millis(100);
/// How often a stream that has nothing to tell says where in the log it stands, which also shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Parts of a long absence that are told with one look at the state.
const PARTS_A_LOOK: usize = 16;
/// Events that wait for their client at most.
const WAITING_MAX: usize = 64;

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
    let cut = Cut::take(&app.engine, &who, Chosen::NO_POSITIONS).await.map_err(|no| app.refused(no))?;
    let from = resume.unwrap_or(cut.through);
    if from > cut.through {
        return Err(Problem::malformed("Last-Event-ID: it lies ahead of this log; start without it and read the lists"));
    }
    let open = app.event_streams.one_more(&who, Credential::of_token(&app.auth, &headers)?)?;
    let watcher = app.engine.watch(cut.customer);
    let (sender, receiver) = tokio::sync::mpsc::channel(WAITING_MAX);
    let told = Teller { app, who, party: Party::of(&caller), reached: Reached::at(from), held: None, sender };
    tokio::spawn(async move {
        told.follow(&open, &watcher).await;
        drop(open);
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    // A proxy that gathers an answer before it passes it on would keep events back.
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], Stream::new(stream)))
}

/// Tells one customer what happens.
struct Teller {
    app: App,
    who: String,
    party: Party,
    reached: Reached,
    /// The last event of a place carries its id: one is held back until it is known whether another one follows.
    held: Option<(u64, Sse)>,
    sender: Sender<Result<Sse, Infallible>>,
}

/// The client has gone, or what was asked cannot be answered any more.
struct Gone;

impl Teller {
    /// Tells until the client has gone, what opened the stream opens nothing any more, or the service stops.
    async fn follow(mut self, open: &Open<Credential>, watcher: &Watcher) {
        let (app, sender) = (self.app.clone(), self.sender.clone());
        tokio::select! {
            _ = self.tell(watcher) => {}
            () = open.over() => {}
            () = sender.closed() => {}
            () = app.serving.closed() => {}
        }
    }

    async fn tell(&mut self, watcher: &Watcher) -> Result<(), Gone> {
        // Where it begins is said first: a client that is cut off before anything happens goes on there.
        self.say_position().await?;
        loop {
            watcher.look();
            self.catch_up().await?;
            tokio::time::sleep(REST).await;
            loop {
                match tokio::time::timeout(KEEP_ALIVE, watcher.touched()).await {
                    Ok(true) => break,
                    Ok(false) => return Err(Gone),
                    Err(_) => {
                        if let Some(seq) = watcher.quiet_through() {
                            // Whatever became durable since was nothing of this customer's.
                            self.reached = Reached::at(self.reached.place.max(LogPosition::end_of(seq)));
                        }
                        self.say_position().await?;
                    }
                }
            }
        }
    }

    /// Tells everything up to now, in parts.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        loop {
            let (events, is_all) = self.read().await?;
            for (place, event) in events {
                self.hold(place, event).await?;
            }
            if is_all {
                break;
            }
        }
        match self.held.take() {
            Some((place, event)) => self.send(event.id(place.to_string())).await,
            None => Ok(()),
        }
    }

    /// Reads what is to be told next, and whether that is all up to now. However many streams there are, a change in the log has few
    /// of them look at a time; a place is held while something is read, and not while somebody slow takes it.
    async fn read(&mut self) -> Result<(Vec<(u64, Sse)>, bool), Gone> {
        let _place = self.app.admission.streams.enter_in_time(self.party.clone()).await.ok_or(Gone)?;
        let mut cut = Cut::take(&self.app.engine, &self.who, Chosen::default()).await.map_err(|_| Gone)?;
        let (through, mut events) = (cut.through, Vec::new());
        // One look serves several parts of a long absence in which little happened.
        for _ in 0..PARTS_A_LOOK {
            let part = notice::happened(&self.app.engine, &mut cut, self.reached, through).await;
            let (happened, reached) = part.map_err(|_| Gone)?;
            self.reached = reached;
            events.extend(as_events(&self.app, &happened));
            if reached.place >= through || events.len() >= WAITING_MAX {
                break;
            }
        }
        Ok((events, self.reached.place >= through))
    }

    /// Sends the event before this one, which is the last of its place unless this one has the same.
    async fn hold(&mut self, place: u64, event: Sse) -> Result<(), Gone> {
        match self.held.replace((place, event)) {
            Some((same, before)) if same == place => self.send(before).await,
            Some((other, before)) => self.send(before.id(other.to_string())).await,
            None => Ok(()),
        }
    }

    /// Says up to where everything was told: an id without an event, which clients remember and hand to nobody.
    async fn say_position(&self) -> Result<(), Gone> {
        self.send(Sse::default().id(self.reached.place.to_string())).await
    }

    async fn send(&self, event: Sse) -> Result<(), Gone> {
        self.sender.send(Ok(event)).await.map_err(|_| Gone)
    }
}

/// What happened, as events of the stream without their ids, each with its place.
fn as_events(app: &App, happened: &BTreeMap<u64, Vec<Happening>>) -> Vec<(u64, Sse)> {
    let event = |state: &Machine, happening: &Happening| {
        let (kind, data) = shown(state, happening);
        Sse::default().event(kind).data(data.to_string())
    };
    app.engine
        .peek(|state| happened.iter().flat_map(|(place, told)| told.iter().map(|happening| (*place, event(state, happening)))).collect())
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
        Happening::Queued { at, asset, made } => (
            "exit_queued",
            json!({
                "redemption_id": made.redeemed.id.to_string(),
                "position": made.redeemed.position.to_string(),
                "product": shape::product_id(state, made.redeemed.product),
                "asset": shape::symbol(state, *asset),
                "payout": shape::amount(state, *asset, made.redeemed.figures.payout),
                "waits": shape::amount(state, *asset, made.waits()),
                "withheld": shape::amount(state, *asset, made.withheld),
                "promised": made.promised.to_string(),
                "at": at.to_string(),
            }),
        ),
        Happening::Paid { at, asset, made } => (
            "exit_paid",
            json!({
                "redemption_id": made.redemption.to_string(),
                "asset": shape::symbol(state, *asset),
                "to_spot": shape::amount(state, *asset, made.to_spot),
                "to_funding": shape::amount(state, *asset, made.to_funding),
                "at": at.to_string(),
            }),
        ),
        Happening::WaitingEarned { at, asset, made } => (
            "exit_reward",
            json!({
                "redemption_id": made.redemption.to_string(),
                "asset": shape::symbol(state, *asset),
                "amount": shape::amount(state, *asset, made.reward),
                "through": made.through.to_string(),
                "at": at.to_string(),
            }),
        ),
        Happening::Lost { at, asset, made } => (
            "loss_borne",
            json!({
                "loss": made.loss.to_string(),
                "asset": shape::symbol(state, *asset),
                "amount": shape::amount(state, *asset, made.amount()),
                "position": made.position.map(|_| made.id.to_string()),
                "redemption_ids": made.exits.iter().map(|exit| exit.redemption.to_string()).collect::<Vec<_>>(),
                "at": at.to_string(),
            }),
        ),
        Happening::Returned { at, asset, made } => (
            "loss_returned",
            json!({
                "loss": made.loss.to_string(),
                "asset": shape::symbol(state, *asset),
                "amount": shape::amount(state, *asset, made.amount),
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
