//! Notices: what a customer is told without having asked. Rewards paid, terms over, rates ahead, maturities near; and what
//! happened in a stretch of the log, for whoever follows it.

#![deny(clippy::wildcard_enum_match_arm)]

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::{Chosen, CloseLine, Cut, Part, closed_at};
use crate::refusal::Refusal;
use crate::unavailable::Unavailable;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, PositionId, ProductIx};
use usance_core::machine::verb::{ExitEarned, ExitPaid, ExitQueued, LossBorne, LossReturned, Redeemed, Subscribed};
use usance_core::machine::{Event, State};
use usance_core::money::Amount;
use usance_core::position::FLOATING;
use usance_core::product::rates::Bands;
use usance_store::projection::{HistoryKind, HistoryRow, Span};

/// Who may do what.
pub const RIGHTS: &[Right] = &[("notice_list", Permission::CustomerRead), ("event_stream", Permission::CustomerRead)];

/// How many days before its end a term is said to be near it.
const NEAR_DAYS: i32 = 7;
/// Rows of one asset that are told together.
const DEEDS_A_PART: usize = 256;
/// The parts of a moment that notices of what lies ahead have; those of a close come before them.
const RATE_AHEAD: u8 = 8;
const MATURITY_NEAR: u8 = 9;

/// A notice's place among all: when, of which position (or product), and which of its notices then. It never changes.
pub type NoticeKey = (i64, u64, u8);

/// What a customer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its place among all.
    pub key: NoticeKey,
    /// When.
    pub at: Timestamp,
    /// Of which asset.
    pub asset: AssetIx,
    /// Of which product.
    pub product: ProductIx,
    /// Of which position.
    pub position: Option<PositionId>,
    /// The closed day.
    pub day: Option<Day>,
    /// What.
    pub what: What,
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A reward was paid into Funding.
    RewardPaid(Amount),
    /// A term is over.
    Matured {
        /// Principal that came back to Spot.
        to_spot: Amount,
        /// Principal that came back to Funding.
        to_funding: Amount,
        /// What waits until it is said who bears a loss.
        withheld: Amount,
        /// The position that continues it.
        renewed_into: Option<PositionId>,
    },
    /// A rate was announced for a later day.
    RateAhead {
        /// Its first day.
        from: Day,
        /// What.
        bands: Bands,
    },
    /// A term ends within a week.
    MaturityNear {
        /// When it is over.
        matures_at: Timestamp,
        /// Whether it then renews by itself.
        auto_renew: bool,
    },
}

/// What a close told one position's customer: rewards paid, a term over, a term begun again.
#[must_use]
pub fn of_close(state: &State, line: &CloseLine) -> Vec<Notice> {
    let at = closed_at(state, line.day);
    let paid = (!line.paid.is_zero()).then_some(What::RewardPaid(line.paid));
    let ended = line.maturity.map(|end| What::Matured {
        to_spot: end.to_spot,
        to_funding: end.to_funding,
        withheld: end.withheld,
        renewed_into: end.renewed_into,
    });
    let told = paid.into_iter().chain(ended).zip(0..).map(|(what, part)| Notice {
        key: (at.ms(), line.position.0, part),
        at,
        asset: line.asset,
        product: line.product,
        position: Some(line.position),
        day: Some(line.day),
        what,
    });
    told.collect()
}

/// A customer's notices before a place among all, newest first, at most so many.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, an engine that cannot answer now.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    asset: Option<&str>,
    before: Option<NoticeKey>,
    most: usize,
) -> Result<Part<Notice, NoticeKey>, Refusal> {
    let cut = Cut::take(engine, caller.acts_for(), Chosen { asset, ..Chosen::default() }).await?;
    Ok(list_at(engine, cut, before, most).await?)
}

/// As [`list`], at a moment that was taken.
///
/// # Errors
/// When the read tables cannot be read.
pub async fn list_at(
    engine: &Engine,
    mut cut: Cut,
    before: Option<NoticeKey>,
    most: usize,
) -> Result<Part<Notice, NoticeKey>, Unavailable> {
    let is_next = |notice: &Notice| before.is_none_or(|before| notice.key < before);
    let mut notices = engine.peek(|state| ahead(state, &cut));
    notices.retain(is_next);
    let (first, mut until) = (cut.first_day(engine), cut.last_closed);
    if let Some((at, ..)) = before {
        let day = engine.peek(|state| state.registry.platform.offset.day_of(Timestamp::from_ms(at)));
        until = until.min(day.previous());
    }
    let mut paused_at = None;
    // Days whose closes told nothing are passed at once.
    while let Some(newest) = cut.moved_last(engine, until, |_, _| true).filter(|newest| *newest >= first) {
        let start = newest.plus_days(1 - cut.step_days()).max(first);
        let lines = cut.closes(engine, start, newest).await?;
        let reached = engine.peek(|state| {
            notices.extend(lines.iter().flat_map(|line| of_close(state, line)).filter(is_next));
            closed_at(state, start).ms()
        });
        // What lies ahead may have been announced long ago; only what is newer than the days looked at is complete.
        if notices.iter().filter(|notice| notice.key.0 >= reached).count() >= most {
            break;
        }
        until = start.previous();
        if cut.budget.is_used_up() && until >= first {
            notices.retain(|notice| notice.key.0 >= reached);
            paused_at = Some((reached, 0, 0));
            break;
        }
    }
    notices.sort_unstable_by_key(|notice| Reverse(notice.key));
    notices.truncate(most);
    Ok(Part { found: notices, paused_at })
}

/// What lies ahead of a customer's active positions: announced rates and maturities within a week.
fn ahead(state: &State, cut: &Cut) -> Vec<Notice> {
    let offset = state.registry.platform.offset;
    let mut notices = Vec::new();
    let mut told: Vec<ProductIx> = Vec::new();
    for past in cut.subjects.iter().map(|subject| &subject.past).filter(|past| past.running.is_active()) {
        let Some(product) = state.product(past.product) else { continue };
        let is_floating = past.running.rate_version == FLOATING;
        let next = product.next_version_after(state.registry.open_day).filter(|_| is_floating && !told.contains(&past.product));
        if let Some((from, version)) = next.and_then(|(from, ix)| Some((from, state.registry.rate_versions.get(ix.index())?))) {
            told.push(past.product);
            let at = version.announced_at;
            notices.push(Notice {
                key: (at.ms(), u64::from(past.product.0), RATE_AHEAD),
                at,
                asset: product.asset,
                product: past.product,
                position: None,
                day: None,
                what: What::RateAhead { from, bands: version.bands.clone() },
            });
        }
        if let Some(matures) = past.running.maturity_day(product.kind)
            && matures.since(state.registry.open_day) <= NEAR_DAYS
        {
            let at = offset.first_instant(matures.plus_days(-NEAR_DAYS)).max(past.origin.opened_at());
            notices.push(Notice {
                key: (at.ms(), past.id.0, MATURITY_NEAR),
                at,
                asset: product.asset,
                product: past.product,
                position: Some(past.id),
                day: None,
                what: What::MaturityNear { matures_at: offset.first_instant(matures), auto_renew: past.running.auto_renew },
            });
        }
    }
    notices
}

/// What happened to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A close told something.
    Closed(Notice),
    /// The customer staked.
    Staked {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: Subscribed,
    },
    /// The customer unstaked.
    Unstaked {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: Redeemed,
    },
    /// The customer unstaked, and waits for coins.
    Queued {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: ExitQueued,
    },
    /// Coins came to the customer, who had waited for them.
    Paid {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: ExitPaid,
    },
    /// What waits longer than promised earned.
    WaitingEarned {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: ExitEarned,
    },
    /// The customer bore a part of a loss.
    Lost {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: LossBorne,
    },
    /// The customer got a part of what came back of a loss.
    Returned {
        /// When.
        at: Timestamp,
        /// Of which asset.
        asset: AssetIx,
        /// What.
        made: LossReturned,
    },
    /// The rate of a product that the customer holds was announced.
    RateChanged {
        /// Whose.
        product: ProductIx,
        /// From when.
        from: Day,
    },
}

/// Up to where a customer has been told everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Everything up to this place.
    pub place: LogPosition,
    /// Of the record behind it, which closed several days: these, up to this one.
    pub closed: Option<Day>,
}

impl Reached {
    /// Everything up to a place.
    #[must_use]
    pub const fn at(place: LogPosition) -> Reached {
        Reached { place, closed: None }
    }
}

/// What the next part of the log up to a place holds for a customer, by place, in order; and up to where that is everything. However
/// much there is, a part holds few days and few rows.
///
/// # Errors
/// When the read tables cannot be read.
pub async fn happened(
    engine: &Engine,
    cut: &mut Cut,
    reached: Reached,
    through: LogPosition,
) -> Result<(BTreeMap<u64, Vec<Happening>>, Reached), Unavailable> {
    let mut happened: BTreeMap<u64, Vec<Happening>> = BTreeMap::new();
    let mut to = Reached::at(through);
    let after = reached.place;
    if after >= through {
        return Ok((happened, to));
    }
    let step = usize::try_from(cut.step_days()).unwrap_or(1);
    let mut closes =
        engine.tables(through, |tables| tables.closes_from(reached.closed, Span { after, through }, step.saturating_add(1)))?;
    if let Some(next) = closes.get(step).copied() {
        closes.truncate(step);
        let before = LogPosition::from_number(next.place.number().saturating_sub(1));
        to = Reached { place: before, closed: closes.last().filter(|last| last.place == next.place).map(|last| last.day) };
    }
    let mut deeds = Vec::new();
    for (asset, _) in &cut.balances {
        let span = Span { after, through: to.place };
        let rows = engine.tables(through, |tables| tables.history_from(cut.customer, *asset, span, DEEDS_A_PART))?;
        if let (Some(last), true) = (rows.last(), rows.len() == DEEDS_A_PART) {
            to = Reached::at(last.place);
        }
        deeds.extend(rows.into_iter().map(|row| (*asset, row)));
    }
    closes.retain(|close| close.place <= to.place || to.closed.is_some());
    if let (Some(from), Some(last)) = (closes.first(), closes.last()) {
        let lines = cut.closes(engine, from.day, last.day).await?;
        let places: BTreeMap<_, _> = closes.iter().map(|close| (close.day, close.place.number())).collect();
        engine.peek(|state| {
            for (line, place) in lines.iter().filter_map(|line| Some((line, places.get(&line.day)?))) {
                happened.entry(*place).or_default().extend(of_close(state, line).into_iter().map(Happening::Closed));
            }
        });
    }
    for (asset, row) in deeds.iter().filter(|(_, row)| row.place <= to.place) {
        happened.entry(row.place.number()).or_default().extend(of_deed(row, *asset));
    }
    for (place, product, from) in engine.tables(through, |tables| tables.announcements(Span { after, through: to.place }))? {
        let is_held = cut.subjects.iter().any(|subject| subject.past.product == product && subject.past.running.is_active());
        let told = is_held.then_some(Happening::RateChanged { product, from });
        happened.entry(place.number()).or_default().extend(told);
    }
    happened.retain(|_, told| !told.is_empty());
    Ok((happened, to))
}

/// What a customer's own deed tells those who follow.
fn of_deed(row: &HistoryRow, asset: AssetIx) -> Option<Happening> {
    let at = row.at;
    match row.kind {
        HistoryKind::Subscription => row.event.subscribed().map(|made| Happening::Staked { at, asset, made: made.clone() }),
        HistoryKind::Redemption => {
            if let Event::ExitQueued(made) = &row.event {
                return Some(Happening::Queued { at, asset, made: (**made).clone() });
            }
            row.event.redeemed().map(|made| Happening::Unstaked { at, asset, made: made.clone() })
        }
        HistoryKind::ExitPayment => {
            let Event::ExitPaid(made) = row.event else { return None };
            Some(Happening::Paid { at, asset, made })
        }
        HistoryKind::ExitReward => {
            let Event::ExitEarned(made) = row.event else { return None };
            Some(Happening::WaitingEarned { at, asset, made })
        }
        HistoryKind::Loss => {
            let Event::LossBorne(made) = &row.event else { return None };
            Some(Happening::Lost { at, asset, made: (**made).clone() })
        }
        HistoryKind::LossReturned => {
            let Event::LossReturned(made) = row.event else { return None };
            Some(Happening::Returned { at, asset, made })
        }
        // Whoever made these has the answer; nobody else at the customer waits for them.
        HistoryKind::Deposit | HistoryKind::Withdrawal | HistoryKind::Transfer => None,
    }
}
