//! What the machine told and shows, as facts: values are copied out, nothing is computed.

use crate::facts::Facts;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, PersonIx, PositionId, ProductIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::day::{DayClosed, ProductDay, WithheldDay, YieldClosed};
use usance_core::machine::outlook::{self, reward_if_kept, reward_today};
use usance_core::machine::preview::RedemptionPreview;
use usance_core::machine::verb::treasury::order;
use usance_core::machine::verb::{Source, Subscribed};
use usance_core::machine::view::{self, PositionView, ProductView};
use usance_core::machine::{Answer, ExitOutlook, Rejection, State, preview};
use usance_core::money::{Balance, Rate};
use usance_core::person::proposal::{Standing, Verdict};
use usance_core::position::PositionState;
use usance_core::product::rates::Bands;
use usance_core::product::{Availability, EarlyRedemption, RateMode};
use usance_core::reward::clawback::{AccountKind, RedemptionFigures};
use usance_core::treasury::bearing::Bearing;
use usance_core::treasury::loss::{Evidence, Loss, Shares};
use usance_core::treasury::network::{Direction, Implausible};
use usance_core::treasury::order::Planned;
use usance_store::projection::HistoryRow;

/// What a sender was told.
#[must_use]
pub fn outcome(outcome: &Result<Answer, Rejection>) -> Facts {
    match outcome {
        Ok(told) => answer(told),
        Err(rejection) => refused(rejection),
    }
}

fn balances(facts: Facts, balances: &usance_core::machine::answer::Balances) -> Facts {
    facts.with("spot", balances.spot.units()).with("funding", balances.funding.units())
}

fn answer(answer: &Answer) -> Facts {
    match answer {
        Answer::Done => Facts::of("nothing"),
        Answer::Asset(ix) => Facts::of("asset").with("number", ix.index()),
        Answer::Customer(ix) => Facts::of("customer").with("number", ix.index()),
        Answer::Agreement(ix) => Facts::of("agreement").with("number", ix.index()),
        Answer::Product(shown) | Answer::Offered { product: shown, .. } => product(shown),
        Answer::Rate { product, version } => Facts::of("rate").with("product", product.index()).with("version", version.index()),
        Answer::Settled { product, day, rate } => {
            Facts::of("settled").with("product", product.index()).with("day", day.number()).with("rate", rate.units())
        }
        Answer::WalletMoved { id, customer, asset, account, amount, reference, balances: after, at } => {
            let facts = Facts::of("wallet moved").with("id", id).with("customer", customer.index()).with("asset", asset.index());
            let facts = facts.with("account", format!("{account:?}")).with("amount", amount.units()).with("reference", reference);
            balances(facts.with("at", at.ms()), after)
        }
        Answer::RewardPool { asset, amount, funded, balance } => Facts::of("reward pool")
            .with("asset", asset.index())
            .with("amount", amount.units())
            .with("funded", funded)
            .with("balance", balance.units()),
        Answer::Transferred { id, asset, from, amount, balances: after, at } => {
            let facts = Facts::of("transferred").with("id", id).with("asset", asset.index()).with("from", format!("{from:?}"));
            balances(facts.with("amount", amount.units()).with("at", at.ms()), after)
        }
        Answer::Subscribed { id, position: shown } => Facts::of("subscribed").with("subscription", id).with_all(position(shown)),
        Answer::Redeemed { id, early, figures: all, position: shown } => {
            Facts::of("redeemed").with("redemption", id).with("early", early).with_all(figures(all)).with_all(position(shown))
        }
        Answer::Position(shown) => position(shown),
        Answer::Clock { now, day } => Facts::of("clock").with("now", now.ms()).with("day", day.number()),
        Answer::Person(ix) => Facts::of("person").with("number", ix.index()),
        Answer::Network(ix) => Facts::of("network").with("number", ix.index()),
        Answer::Picture { number, aside, held_apart, .. } => {
            let facts = Facts::of("picture").with("number", number).with_some("aside", aside.map(Implausible::word));
            facts.with("held_apart", held_apart)
        }
        Answer::Attested { asset, amount, at, movement, covered } => {
            let facts = Facts::of("attested").with("asset", asset.index()).with("amount", amount.units()).with("at", at.ms());
            facts.with("movement", movement).with_some("covered", covered.map(Balance::units))
        }
        Answer::Moving { asset, direction, amount, hash, movement, .. } => {
            let facts = Facts::of("moving").with("sweep", *direction == Direction::Sweep).with("asset", asset.index());
            facts.with("amount", amount.units()).with("hash", hash).with("movement", movement)
        }
        Answer::ExitQueued { id, early, figures: all, position: shown, waits, withheld, promised } => {
            let facts = Facts::of("exit queued").with("redemption", id).with("early", early).with("promised", promised.number());
            let facts = facts.with("waits", waits.units()).with("withheld", withheld.units());
            facts.with_all(figures(all)).with_all(position(shown))
        }
        Answer::ExitCancelled { redemption, id, position: shown } => {
            Facts::of("exit cancelled").with("redemption", redemption).with("subscription", id).with_all(position(shown))
        }
        Answer::ExitAllowance { asset, allowance } => {
            Facts::of("exit allowance").with("asset", asset.index()).with("allowance", allowance.units())
        }
        Answer::Policy { version, .. } => Facts::of("policy").with("version", version),
        Answer::Office { epoch, .. } => Facts::of("office").with("epoch", epoch),
        Answer::Order { number, approved_by, standing, hash, .. } => {
            let approved: Vec<String> = approved_by.iter().map(|person| person.index().to_string()).collect();
            let facts = Facts::of("order").with("number", number).with("approved_by", approved.join(","));
            facts.with("standing", standing.word()).with_some("hash", hash.as_deref())
        }
        Answer::Equity { asset, account, amount, funded, balance } => {
            let facts = Facts::of("equity").with("asset", asset.index()).with("account", account.name()).with("amount", amount.units());
            facts.with("funded", funded).with("balance", balance.units())
        }
        Answer::Proposal { number, approved_by, standing } => proposal(*number, approved_by.iter().copied(), *standing),
    }
}

/// Every amount of a redemption.
#[must_use]
pub fn figures(figures: &RedemptionFigures) -> Facts {
    Facts::of("redemption")
        .with("leaves", figures.principal.units())
        .with("clawback_distributed", figures.clawback_distributed.units())
        .with("clawback_from_funding", figures.clawback_from_funding.units())
        .with("figures_written_off", figures.written_off.units())
        .with("forfeited_accrued", figures.forfeited_accrued.units())
        .with("payout", figures.payout.units())
        .with("to_spot", figures.to_spot.units())
        .with("to_funding", figures.to_funding.units())
        .with("spot_part", figures.spot_part.units())
}

/// A refusal with its numbers. A sentence for people is not compared.
#[must_use]
pub fn refused(rejection: &Rejection) -> Facts {
    let facts = Facts::of("refused").with("code", rejection.code());
    let of = |asset: &AssetIx| facts.clone().with("asset", asset.index());
    match rejection {
        Rejection::ExitWithheld { asset, withheld } => of(asset).with("withheld", withheld.units()),
        Rejection::InstantExitUnavailable { asset, available, expected } => {
            of(asset).with("available", available.units()).with("expected", expected.number())
        }
        Rejection::OutsideSaleWindow { opens_at, closes_at } => {
            facts.with_some("opens_at", opens_at.map(Timestamp::ms)).with_some("closes_at", closes_at.map(Timestamp::ms))
        }
        Rejection::AgreementNotAccepted { in_force } => facts.with_some("in_force", in_force.as_deref()),
        Rejection::EarlyRedemptionNotAllowed { matures_at } => facts.with("matures_at", matures_at.ms()),
        Rejection::PartialNotAllowed { asset, principal } | Rejection::AbovePrincipal { asset, principal } => {
            of(asset).with("principal", principal.units())
        }
        Rejection::AmountInvalid { field } => facts.with("field", field.name()),
        Rejection::BelowMinimum { asset, minimum } => of(asset).with("minimum", minimum.units()),
        Rejection::NotAStepMultiple { asset, step } => of(asset).with("step", step.units()),
        Rejection::AbovePersonalMaximum { asset, left } | Rejection::AboveCapacity { asset, left } => of(asset).with("left", left.units()),
        Rejection::InsufficientBalance { asset, available } => of(asset).with("available", available.units()),
        Rejection::AboveLimit { asset, limit } => of(asset).with("limit", limit.units()),
        Rejection::QuoteChanged { asset, figures: now } => of(asset).with_all(figures(now)),
        Rejection::RateNotFuture { earliest } => facts.with("earliest", earliest.number()),
        Rejection::DayClosed { open_day } => facts.with("open_day", open_day.number()),
        Rejection::RateAboveReference { reference } => facts.with("reference", reference.units()),
        Rejection::ClockBackwards { now } => facts.with("now", now.ms()),
        Rejection::ClockMoveTooFar { latest } => facts.with("latest", latest.ms()),
        Rejection::CoverageInsufficient { asset, covered } => of(asset).with("covered", covered.units()),
        Rejection::EpochOver { epoch } => facts.with("epoch", epoch),
        Rejection::OrderNotOpen { standing } => facts.with("standing", standing.word()),
        Rejection::ProposalNotOpen { standing } => facts.with("standing", standing_text(*standing)),
        Rejection::CustomerNotFound
        | Rejection::AssetNotFound
        | Rejection::ProductNotFound
        | Rejection::PositionNotFound
        | Rejection::ProductClosed
        | Rejection::StatusNotReachable
        | Rejection::RateMissing
        | Rejection::ProductNotOpen
        | Rejection::PositionClosed
        | Rejection::SameAccount
        | Rejection::TermsInvalid { .. }
        | Rejection::AlreadyExists
        | Rejection::RenewalNotAllowed
        | Rejection::PersonNotFound
        | Rejection::ProposalNotFound
        | Rejection::SignatureInvalid
        | Rejection::AlreadySigned
        | Rejection::ApprovalNeeded
        | Rejection::NetworkNotFound
        | Rejection::PictureRefused { .. }
        | Rejection::PictureNotFound
        | Rejection::DifferenceNotFound
        | Rejection::TransferNotFound
        | Rejection::ExitNotFound
        | Rejection::ExitNotWaiting
        | Rejection::OrderNotFound
        | Rejection::LossNotFound
        | Rejection::LossNotOpen
        | Rejection::OrderRefused { .. }
        | Rejection::ClockNotSimulated => facts,
    }
}

fn proposal(number: u64, approved_by: impl Iterator<Item = PersonIx>, standing: Standing) -> Facts {
    let approved: Vec<String> = approved_by.map(|person| person.index().to_string()).collect();
    let facts = Facts::of("proposal").with("number", number).with("approved_by", approved.join(","));
    facts.with("standing", standing_text(standing))
}

fn standing_text(standing: Standing) -> String {
    match standing {
        Standing::Open | Standing::Expired => standing.word().to_owned(),
        Standing::CarriedOut { at } => format!("carried_out at {}", at.ms()),
        Standing::Declined { by, at } => format!("declined by {} at {}", by.index(), at.ms()),
    }
}

/// A person.
#[must_use]
pub fn person_now(state: &State, number: usize) -> Option<Facts> {
    let person = state.people.people().get(number)?;
    Some(Facts::of("person").with("name", &person.name).with("key", person.key).with("removed", !person.is_active()))
}

/// A proposal as it stands at an instant.
#[must_use]
pub fn proposal_now(state: &State, number: u64, at: i64) -> Option<Facts> {
    let shown = state.people.proposal(number)?;
    let approved_by = shown.approvals.iter().map(|approval| approval.person);
    Some(proposal(number, approved_by, shown.standing_at(Timestamp::from_ms(at))))
}

fn position(view: &PositionView) -> Facts {
    Facts::of("position")
        .with("id", view.id.0)
        .with("product", view.product.index())
        .with("asset", view.asset.index())
        .with("state", format!("{:?}", view.state))
        .with("principal", view.principal.units())
        .with("from_funding", view.from_funding.units())
        .with("from_spot", view.from_spot.units())
        .with("earning", view.earning.units())
        .with("pending", view.pending.units())
        .with("value_date", view.value_date.number())
        .with_some("interest_day", view.interest_day)
        .with_some("next_distribution_at", view.next_distribution_at.map(Timestamp::ms))
        .with_some("matures_at", view.matures_at.map(Timestamp::ms))
        .with("current_rate", view.current_rate.units())
        .with("accrued", view.accrued.units())
        .with("distributed", view.distributed.units())
        .with("auto_renew", view.auto_renew)
        .with("opened_at", view.opened_at.ms())
        .with_some("closed_at", view.closed_at.map(Timestamp::ms))
        .with("clawed_back", view.clawed_back.units())
        .with("written_off", view.written_off.units())
        .with("principal_opened", view.principal_opened.units())
        .with("principal_returned", view.principal_returned.units())
        .with_some("renewed_from", view.renewed_from)
        .with_some("renewed_into", view.renewed_into)
        .with("agreement", view.agreement.index())
}

fn bands_text(bands: &Bands) -> String {
    let parts = bands
        .as_slice()
        .iter()
        .map(|band| format!("{}:{}", band.up_to.map_or_else(|| "rest".to_owned(), |up_to| up_to.units().to_string()), band.rate.units()));
    parts.collect::<Vec<_>>().join(",")
}

fn product(view: &ProductView) -> Facts {
    Facts::of("product")
        .with("id", &view.id)
        .with("asset", view.asset.index())
        .with_some("term", view.kind.term_days())
        .with("status", format!("{:?}", view.status))
        .with("availability", availability(view.availability))
        .with_some("tiers", view.bands.as_ref().map(bands_text))
        .with_some("next_rate", view.next_rate.as_ref().map(|(from, bands)| format!("{} {}", from.number(), bands_text(bands))))
        .with("locked", view.rate_mode == RateMode::Locked)
        .with("distribution", format!("{:?}", view.distribution))
        .with("early", view.early_redemption == EarlyRedemption::Clawback)
        .with("minimum", view.sale.minimum.units())
        .with_some("step", view.sale.step.map(|step| step.units()))
        .with_some("personal_maximum", view.sale.personal_maximum.map(|maximum| maximum.units()))
        .with_some("capacity", view.sale.capacity.map(|capacity| capacity.units()))
        .with_some("capacity_left", view.capacity_left.map(|left| left.units()))
        .with_some("opens_at", view.sale.opens_at.map(Timestamp::ms))
        .with_some("closes_at", view.sale.closes_at.map(Timestamp::ms))
        .with("renewal", view.sale.renewal)
        .with("staked", view.staked.units())
        .with("if_value_date", view.if_subscribed_now.value_date.number())
        .with("if_first_distribution_at", view.if_subscribed_now.first_distribution_at.ms())
        .with_some("if_matures_at", view.if_subscribed_now.matures_at.map(Timestamp::ms))
}

fn availability(of: Availability) -> &'static str {
    match of {
        Availability::Available => "available",
        Availability::Upcoming => "upcoming",
        Availability::SoldOut => "sold_out",
        Availability::Ended => "ended",
        Availability::Unavailable => "unavailable",
    }
}

/// A position as its customer sees it.
#[must_use]
pub fn position_now(state: &State, id: PositionId) -> Option<Facts> {
    view::position(state, id).map(|shown| position(&shown))
}

/// What lies ahead of a position, and what its last day gave.
#[must_use]
pub fn outlook_now(state: &State, id: PositionId) -> Option<Facts> {
    let (running, _) = state.position(id)?;
    let active = running.state == PositionState::Active;
    Some(
        Facts::of("outlook")
            .with("position", id.0)
            .with("reward_today", reward_today(state, running).units())
            .with("last_reward", if active { running.last_reward.get().units() } else { 0 })
            .with_some("carry", active.then(|| running.carry.get()))
            .with_some("reward_if_kept", reward_if_kept(state, id).map(|reward| reward.units())),
    )
}

/// A product as everybody sees it.
#[must_use]
pub fn product_now(state: &State, number: usize, at: i64) -> Option<Facts> {
    view::product(state, ProductIx::from_index(number), Timestamp::from_ms(at)).map(|shown| product(&shown))
}

/// What a preview of a subscription shows.
#[must_use]
pub fn preview(state: &State, event: &Subscribed) -> Option<Facts> {
    let prospect = preview::prospect_of(state, event)?;
    Some(
        Facts::of("preview")
            .with("value_date", event.value_date.number())
            .with("from_funding", event.from_funding.units())
            .with("from_spot", event.from_spot.units())
            .with("apr_for_amount", prospect.apr_for_amount.units())
            .with("reward_per_day", prospect.reward_per_day.units())
            .with_some("total_reward_at_maturity", prospect.total_reward_at_maturity.map(|total| total.units())),
    )
}

/// A customer's two accounts of an asset.
#[must_use]
pub fn accounts_now(state: &State, customer: usize, asset: usize) -> Facts {
    let account = state.account_ix(CustomerIx::from_index(customer), AssetIx::from_index(asset));
    Facts::of("accounts")
        .with("customer", customer)
        .with("asset", asset)
        .with("spot", state.balance(account, AccountKind::Spot).units())
        .with("funding", state.balance(account, AccountKind::Funding).units())
}

/// The books of an asset.
#[must_use]
pub fn books_now(state: &State, asset: usize) -> Facts {
    let control = state.registry.control.get(asset);
    let of = |account| control.map(|control| control.balance(account).units()).unwrap_or_default();
    Facts::of("books")
        .with("asset", asset)
        .with("custody", of(LedgerAccount::Custody))
        .with("customer_spot", of(LedgerAccount::CustomerSpot))
        .with("customer_funding", of(LedgerAccount::CustomerFunding))
        .with("customer_principal", of(LedgerAccount::CustomerPrincipal))
        .with("rewards_payable", of(LedgerAccount::RewardsPayable))
        .with("reward_pool", of(LedgerAccount::RewardPool))
        .with("redemptions_queued", of(LedgerAccount::RedemptionsQueued))
}

/// An exit, by its place among all that ever waited.
#[must_use]
pub fn exit_now(state: &State, place: usize) -> Option<Facts> {
    let queue = state.treasury.queue();
    let exit = queue.exits().get(place)?;
    Some(
        Facts::of("exit")
            .with("redemption", exit.redemption)
            .with("customer", exit.customer.index())
            .with("asset", exit.asset.index())
            .with("product", exit.product.index())
            .with("position", exit.position.0)
            .with("queued", exit.queued.units())
            .with("withheld", exit.withheld.units())
            .with("kept_for_position", exit.withheld_for_position.units())
            .with("lost", exit.lost.units())
            .with("to_spot", exit.to_spot.units())
            .with("to_funding", exit.to_funding.units())
            .with("queued_at", exit.queued_at.ms())
            .with("promised", exit.promised.number())
            .with("earned_through", exit.earned_through.number())
            .with("carry", exit.carry)
            .with("standing", exit.standing.word())
            .with_some("ended_at", exit.ended_at.map(Timestamp::ms))
            .with("ahead", queue.ahead_of(exit).units()),
    )
}

/// Who waits of an asset.
#[must_use]
pub fn line_now(state: &State, asset: usize) -> Facts {
    let (queue, asset) = (state.treasury.queue(), AssetIx::from_index(asset));
    let order: Vec<String> = queue.in_line(asset).map(|exit| exit.redemption.to_string()).collect();
    let line = queue.line(asset);
    Facts::of("line")
        .with("asset", asset.index())
        .with("exits", line.map_or(0, |line| line.exits))
        .with("order", order.join(" "))
        .with("waiting", queue.waiting(asset).units())
        .with("allowance", line.map_or(0, |line| line.allowance.units()))
}

/// A customer's exits, newest first.
#[must_use]
pub fn exits_of(state: &State, customer: usize) -> Vec<u64> {
    state.treasury.queue().of_customer(CustomerIx::from_index(customer)).map(|exit| exit.redemption).collect()
}

/// What a preview of a redemption says of when it is paid.
#[must_use]
pub fn outlook_of_exit(preview: &RedemptionPreview) -> Facts {
    let (available, expected) = match preview.exit {
        ExitOutlook::AtOnce => (None, None),
        ExitOutlook::Queued { available, expected } => (Some(available.units()), Some(expected.number())),
    };
    let facts = Facts::of("exit").with("withheld", preview.withheld.units());
    facts.with_some("available", available).with_some("expected", expected)
}

/// The treasury's side of an asset's books.
#[must_use]
pub fn treasury_now(state: &State, asset: usize) -> Facts {
    use LedgerAccount::{
        CommissionIncome, InTransit, LossReserve, NetworkFees, NetworkRounding, OpeningEquity, OtherIncome, SlashingLoss,
        TreasuryClaimable, TreasuryLiquid, TreasuryStaked, TreasuryUnbonding, YieldUndistributed,
    };
    let control = state.registry.control.get(asset);
    let accounts = [
        InTransit,
        TreasuryLiquid,
        TreasuryStaked,
        TreasuryUnbonding,
        TreasuryClaimable,
        OtherIncome,
        OpeningEquity,
        SlashingLoss,
        NetworkFees,
        NetworkRounding,
        LossReserve,
        CommissionIncome,
        YieldUndistributed,
    ];
    let facts = accounts.into_iter().fold(Facts::of("treasury").with("asset", asset), |facts, account| {
        facts.with(account.name(), control.map(|control| control.balance(account).units()).unwrap_or_default())
    });
    facts.with_some("covered", state.covered(AssetIx::from_index(asset)).map(Balance::units))
}

/// Every loss.
#[must_use]
pub fn losses_now(state: &State) -> Facts {
    let units = |shares: &Shares| {
        let [reserve, commission, pool] = shares.parts().map(|(_, part)| part.units());
        [reserve, commission, pool, shares.customers.units()]
    };
    let line = |loss: &Loss| {
        let shown_by = match &loss.evidence {
            Evidence::Slash { picture, .. } => format!("picture {picture}"),
            Evidence::Difference { number } => format!("difference {number}"),
        };
        let borne = loss.borne.map_or_else(|| "nobody".to_owned(), |borne| format!("{:?} {:?}", units(&borne.by), units(&borne.recovered)));
        let Bearing { principal, at_most, .. } = &loss.bearing;
        let customers = format!("{}:{}:{}", principal.units(), at_most.units(), loss.bearing.count());
        format!("{}:{}:{shown_by}:{}:{borne}:{customers}", loss.asset.0, loss.amount.units(), loss.found_at.ms())
    };
    Facts::of("losses").with("lines", state.treasury.losses().iter().map(line).collect::<Vec<_>>().join(" "))
}

/// What waits of a treasury.
#[must_use]
pub fn waiting_now(state: &State) -> Option<Facts> {
    let network = state.treasury.networks().first()?;
    let held = network
        .apart
        .iter()
        .map(|apart| format!("{}:treasury_{}:{}:{}", apart.number, apart.place.word(), apart.coin, apart.amount.units()));
    let moving = network
        .under_way
        .iter()
        .map(|moving| format!("{}:{}:{}:{}", moving.direction == Direction::Sweep, moving.hash, moving.coin, moving.amount.units()));
    let stakes = network.stake_by_validator().into_iter().filter(|(_, stake)| *stake != Balance::ZERO);
    let stakes = stakes.map(|(validator, stake)| format!("{validator}:{}", stake.units()));
    let slash = network.last_slash.as_ref().map(|slash| {
        let from: Vec<String> = slash.from.iter().map(|one| format!("{}:{}", one.validator, one.amount.units())).collect();
        format!("{} {}", slash.at.ms(), from.join(" "))
    });
    Some(
        Facts::of("waiting")
            .with("stakes", stakes.collect::<Vec<_>>().join(" "))
            .with_some("slash", slash)
            .with("addresses", network.addresses.len())
            .with("destinations", network.destinations.len())
            .with_some("picture", network.picture.as_ref().map(|picture| picture.number))
            .with_some("aside", network.aside.as_ref().map(|aside| aside.reason.word()))
            .with("differences", network.differences)
            .with("held", held.collect::<Vec<_>>().join(" "))
            .with("moving", moving.collect::<Vec<_>>().join(" ")),
    )
}

/// What a close gave, product by product.
#[must_use]
pub fn closed_day(closed: &DayClosed) -> Vec<Facts> {
    closed.products.iter().map(|totals| product_day(closed.day, totals)).collect()
}

/// What a close gave to one product.
#[must_use]
pub fn product_day(day: Day, totals: &ProductDay) -> Facts {
    Facts::of("closed day")
        .with("day", day.number())
        .with("product", totals.product.index())
        .with("earning_positions", totals.earning_positions)
        .with("rewards", totals.rewards.units())
        .with("distributed", totals.distributed.units())
        .with("matured", totals.matured)
        .with("returned_spot", totals.returned_spot.units())
        .with("returned_funding", totals.returned_funding.units())
        .with("renewed", totals.renewed)
        .with("renewed_principal", totals.renewed_principal.units())
        .with_some("settled", totals.settled.map(Rate::units))
}

/// What a close withheld of terms that ended.
#[must_use]
pub fn withheld(closed: &DayClosed) -> Vec<Facts> {
    let line = |line: &WithheldDay| {
        let facts = Facts::of("withheld").with("day", closed.day.number()).with("product", line.product.index());
        facts.with("positions", line.positions).with("amount", line.amount.units())
    };
    closed.withheld.iter().map(line).collect()
}

/// How a close divided what networks paid.
#[must_use]
pub fn divided(closed: &DayClosed) -> Vec<Facts> {
    let facts = |one: &YieldClosed| {
        Facts::of("yield")
            .with("day", closed.day.number())
            .with("asset", one.asset.index())
            .with("earned", one.divided.earned.units())
            .with("net", one.divided.net.units())
            .with("commission", one.divided.commission.units())
            .with("passed", one.passed.units())
    };
    closed.yields.iter().map(facts).collect()
}

/// A line of a customer's history.
#[must_use]
pub fn history(customer: usize, asset: usize, row: &HistoryRow) -> Facts {
    Facts::of("history")
        .with("at", row.at.ms())
        .with("kind", row.kind.word())
        .with("customer", customer)
        .with("asset", asset)
        .with("spot", row.spot)
        .with("funding", row.funding)
}

/// What a customer has, newest asset and product first, by number.
#[must_use]
pub fn positions_of(state: &State, customer: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = state.positions_of(CustomerIx::from_index(customer), |_, _| true).filter_map(PositionId::index).collect();
    numbers.sort_unstable();
    numbers
}

/// The most that a customer could subscribe to a product now.
#[must_use]
pub fn subscribable(state: &State, customer: usize, product: usize, source: Source) -> u128 {
    outlook::subscribable(state, CustomerIx::from_index(customer), ProductIx::from_index(product), source).units()
}

/// Every order of the network by number, those that are over too, and the last number there ever was.
#[must_use]
pub fn planned_now(state: &State) -> (Vec<(u64, Planned)>, u64) {
    let Some(network) = state.treasury.networks().first() else { return (Vec::new(), 0) };
    let desk = &network.desk;
    let orders = desk.live.iter().chain(&desk.ended).map(|(number, order)| (*number, order.planned.clone()));
    (orders.collect(), desk.orders)
}

/// An order as operators see it at an instant.
#[must_use]
pub fn order_now(state: &State, number: u64, at: i64) -> Facts {
    let Some(network) = state.treasury.networks().first() else { return Facts::of("no order") };
    let Some(order) = network.desk.order(number) else {
        return Facts::of(if network.desk.was_replaced(number) { "replaced order" } else { "no order" });
    };
    let approved: Vec<String> = order.approvals.iter().map(|approval| approval.person.index().to_string()).collect();
    let text = order::text(state, network, number, Verdict::Approve).unwrap_or_default();
    Facts::of("order")
        .with("number", number)
        .with("approved_by", approved.join(","))
        .with("standing", order.standing_at(Timestamp::from_ms(at)).word())
        .with_some("hash", order.hash.as_deref())
        .with("text", text)
        .with("needed", order.needed)
        .with_some("picture", order.picture)
        .with_some("signed", order.signed.as_ref().map(|signed| format!("{} {:?}", signed.sequence, signed.last_valid_height)))
}

/// What was seen of validators, the policy's version, and the epoch in office.
#[must_use]
pub fn desk_now(state: &State) -> Facts {
    let desk = state.treasury.networks().first().map(|network| &network.desk);
    let lines = desk.iter().flat_map(|desk| &desk.validators).map(|(validator, seen)| {
        let (since, commission) = (seen.since.ms(), seen.commission.units());
        let (changes, raises, jailings, slashes) = (seen.commission_changes, seen.commission_raises, seen.jailings, seen.slashes);
        format!("{validator}:{since}:{commission}:{changes}:{raises}:{jailings}:{slashes}")
    });
    let version = desk.and_then(|desk| desk.policy.as_ref()).map(|in_force| in_force.version);
    let epoch = desk.and_then(|desk| desk.office.as_ref()).map_or(0, |office| office.epoch);
    let facts = Facts::of("desk").with("validators", lines.collect::<Vec<_>>().join(" "));
    facts.with_some("policy", version).with("epoch", epoch)
}
