//! The bytes of a record: pinned by golden files, and never a reason to panic.
//!
//! Each line of a file in `tests/golden/v2`, the version that is written, is a name and the bytes of one record in hex. The
//! samples below name every variant of everything that stands in a record; a new variant does not compile until it has a
//! sample. A line that changes is a log that the next release cannot read: it needs a new version byte, with the old shape
//! kept. Only new lines are harmless. `USANCE_UPDATE_GOLDEN=1` writes the files anew. `tests/golden/v1` is what the first
//! release wrote: it is read as these samples and never written.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use proptest::prelude::*;
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::{AgreementIx, AssetIx, CustomerIx, NetworkIx, PersonIx, PositionId, ProductIx, RateVersionIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::answer::Balances;
use usance_core::machine::day::ProductDay;
use usance_core::machine::rejection::AmountField;
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::verb::{
    AddressAdded, AgreementPublished, AssetCreated, Attested, AutoRenewSet, ClockConfirmed, ClockMoved, CommissionWithdrawn,
    CustomerCreated, DestinationAdded, DifferenceExplained, ExitAllowanceSet, ExitCancelled, LossAccepted, LossAllocated, NetworkCreated,
    NetworkYieldSet, PersonRegistered, PersonRemoved, PictureConfirmed, ProductAdded, ProductCreated, ProductStatusSet, ProposalExpired,
    ProposalSigned, Proposed, RateAnnounced, RateSettled, RateSettledFor, ReserveSide, RewardPoolFunded, RewardPoolWithdrawn,
    SaleTermsChanged, Subscribed, SweepReceived, Transferred, WalletMoved, WriterStarted,
};
use usance_core::machine::view::{IfSubscribedNow, PositionView, ProductView};
use usance_core::machine::{Answer, Event, Rejection};
use usance_core::money::{Amount, Balance, Rate};
use usance_core::person::proposal::{DifferenceIs, Matter, Standing, Verdict};
use usance_core::person::{PublicKey, Signature};
use usance_core::position::{FLOATING, PositionState};
use usance_core::product::rates::{Band, Bands};
use usance_core::product::{
    Availability, Distribution, EarlyRedemption, ExitTerms, Kind, RateMode, SaleTerms, SlashingTerms, StakingTerms, Status, YieldTerms,
};
use usance_core::reward::accrue::Stake;
use usance_core::reward::clawback::AccountKind;
use usance_core::treasury::apart::{Cause, PlaceKind};
use usance_core::treasury::coverage::Attestation;
use usance_core::treasury::loss::Shares;
use usance_core::treasury::network::{Coin, Direction, Implausible};
use usance_core::treasury::order::OrderStanding;
use usance_core::treasury::yields::NetworkYield;
use usance_store::codec::{
    ANSWER_VERSION, Actor, AddressClass, Credential, FACT_VERSION, Fact, Record, UsedKey, decode, decode_event, decode_fact, encode,
    encode_event,
};
use usance_store::{Role, StoreError};

use super::codec_days::{day_closed, day_closed_with, product_day, withheld_day};
use super::codec_orders::{
    office_taken, order_answer, order_prepared, order_sent, order_signed, order_standings, order_told, orders_expired, orders_planned,
    policy_set,
};
use super::codec_staking::{figures, redeemed, subscribed};
use super::codec_treasury::{
    apart, causes, destination, differences, equity, exit_earned, exit_paid, exit_queued, explained, implausibles, loss_borne,
    loss_recovered, loss_returned, loss_settled, network_terms, picture_taken, place_kinds, reserve_funded, reserve_withdrawn, top_up_sent,
    yield_closed,
};
use super::golden::{self, each, every};

every!(kinds: Kind { Flexible: Kind::Flexible; FixedTerm: Kind::FixedTerm { term_days: 3_650 }; });
every!(rate_modes: RateMode { Floating: RateMode::Floating; Locked: RateMode::Locked; });
every!(distributions: Distribution {
    Daily: Distribution::Daily; EveryNDays: Distribution::EveryNDays(300); AtMaturity: Distribution::AtMaturity;
});
every!(early_redemptions: EarlyRedemption { Clawback: EarlyRedemption::Clawback; NotAllowed: EarlyRedemption::NotAllowed; });
every!(statuses: Status { Draft: Status::Draft; Open: Status::Open; Paused: Status::Paused; Closed: Status::Closed; });
every!(availabilities: Availability {
    Available: Availability::Available; Upcoming: Availability::Upcoming; SoldOut: Availability::SoldOut;
    Ended: Availability::Ended; Unavailable: Availability::Unavailable;
});
every!(clocks: ClockMode { System: ClockMode::System; Simulated: ClockMode::Simulated; });
every!(account_kinds: AccountKind { Spot: AccountKind::Spot; Funding: AccountKind::Funding; });
every!(position_states: PositionState {
    Active: PositionState::Active; Matured: PositionState::Matured; Renewed: PositionState::Renewed;
    Redeemed: PositionState::Redeemed; RedeemedEarly: PositionState::RedeemedEarly;
});
every!(matters: Matter {
    RegisterPerson: Matter::RegisterPerson { name: "anna".to_owned(), key: public_key() };
    RemovePerson: Matter::RemovePerson { name: "ben".to_owned() };
    AddTreasuryAddress: Matter::AddTreasuryAddress { network: "hub".to_owned(), address: "addr-1".to_owned() };
    AddDestination: Matter::AddDestination { network: "hub".to_owned(), address: "wallet".to_owned(), memo: "7".to_owned() };
    ConfirmPicture: Matter::ConfirmPicture { network: "hub".to_owned(), number: 1_308, digest: "b1".to_owned() };
    ExplainDifference: Matter::ExplainDifference { network: "hub".to_owned(), number: 1_309, was: DifferenceIs::Fee };
    AllocateLoss: Matter::AllocateLoss {
        loss: 1_310, asset: "ATOM".to_owned(), reserve: "1".to_owned(), commission: "2".to_owned(), pool: "3.5".to_owned(),
        customers: "0.5".to_owned(),
    };
    RecoverLoss: Matter::RecoverLoss { loss: 1_311, asset: "ATOM".to_owned(), amount: "4".to_owned(), difference: Some(1_312) };
});
every!(verdicts: Verdict { Approve: Verdict::Approve; Decline: Verdict::Decline; });
every!(standings: Standing {
    Open: Standing::Open; CarriedOut: Standing::CarriedOut { at: AT }; Declined: Standing::Declined { by: PersonIx(6), at: AT };
    Expired: Standing::Expired;
});

/// The public half of the first test key of RFC 8032.
fn public_key() -> PublicKey {
    PublicKey::parse("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap()
}

every!(fields: AmountField {
    Amount: AmountField::Amount; Minimum: AmountField::Minimum; Step: AmountField::Step;
    PersonalMaximum: AmountField::PersonalMaximum; Capacity: AmountField::Capacity; UpTo: AmountField::UpTo;
    QuotedPayout: AmountField::QuotedPayout; QuotedFromFunding: AmountField::QuotedFromFunding;
});

pub const AT: Timestamp = Timestamp::from_ms(1_767_225_600_123);
pub const DAY: Day = Day::from_number(20_454);

/// Different amounts, so that two fields that change places are seen.
pub fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn rate(units: u64) -> Rate {
    Rate::from_units(units).unwrap()
}

fn tiers() -> Bands {
    Bands::new(vec![Band { up_to: Some(units(100_000)), rate: rate(8_000_000) }, Band { up_to: None, rate: rate(200) }]).unwrap()
}

pub fn stake() -> Stake {
    Stake { earning: units(10_000_000_000_000_000_000_000_000_000), pending: units(77), carry: 36_499_999_999 }
}

fn plain_terms() -> SaleTerms {
    SaleTerms {
        name: "Plain".to_owned(),
        minimum: Amount::ONE,
        step: None,
        personal_maximum: None,
        capacity: None,
        opens_at: None,
        closes_at: None,
        renewal: false,
        risk_notice: String::new(),
    }
}

fn full_terms() -> SaleTerms {
    SaleTerms {
        name: "Größer als fünf".to_owned(),
        minimum: units(501),
        step: Some(units(502)),
        personal_maximum: Some(units(503)),
        capacity: Some(units(504)),
        opens_at: Some(AT),
        closes_at: Some(Timestamp::from_ms(AT.ms() + 1)),
        renewal: true,
        risk_notice: "You may lose it.\nAll of it.".to_owned(),
    }
}

fn product_created() -> impl Iterator<Item = Event> {
    let plain = ProductCreated {
        id: "sol-flex".to_owned(),
        asset: AssetIx(1),
        kind: Kind::Flexible,
        rate_mode: RateMode::Floating,
        distribution: Distribution::Daily,
        early_redemption: EarlyRedemption::Clawback,
        sale: plain_terms(),
        rates: Vec::new(),
    };
    let full = ProductCreated { sale: full_terms(), rates: vec![(DAY, Bands::single(Rate::MAX)), (DAY.next(), tiers())], ..plain.clone() };
    let mut all = vec![full];
    all.extend(each(kinds()).map(|kind| ProductCreated { kind, ..plain.clone() }));
    all.extend(each(rate_modes()).map(|rate_mode| ProductCreated { rate_mode, ..plain.clone() }));
    all.extend(each(distributions()).map(|distribution| ProductCreated { distribution, ..plain.clone() }));
    all.extend(each(early_redemptions()).map(|early_redemption| ProductCreated { early_redemption, ..plain.clone() }));
    all.into_iter().map(|created| Event::ProductCreated(Box::new(created)))
}

fn product_added(staking: StakingTerms) -> Event {
    let Some(Event::ProductCreated(product)) = product_created().next() else { panic!("a product") };
    Event::ProductAdded(Box::new(ProductAdded { product: *product, staking }))
}

fn moved(account: AccountKind) -> WalletMoved {
    WalletMoved { id: 601, customer: CustomerIx(602), asset: AssetIx(1), account, amount: units(603), reference: "tx/1 ☂".to_owned() }
}

fn platform(clock: ClockMode, offset_minutes: i32) -> Event {
    let offset = DayOffset::from_minutes(offset_minutes).unwrap();
    Event::PlatformCreated(Box::new(Platform { shard: 258, offset, clock, created_at: AT, seed: [0xa5; 32] }))
}

every!(
    /// Every event, in its simplest forms; what needs more samples than one stands in [`more_events`].
    events: Event {
        PlatformCreated: platform(ClockMode::System, -720), platform(ClockMode::Simulated, 840);
        WriterStarted: Event::WriterStarted(WriterStarted { epoch: 1 }), Event::WriterStarted(WriterStarted { epoch: u64::MAX });
        LossAccepted: Event::LossAccepted(LossAccepted { by: "ann".to_owned(), ends_at: 1004, through: 1688 });
        AssetCreated: Event::AssetCreated(AssetCreated { symbol: "SOL".to_owned(), name: "Solana".to_owned(), decimals: 9, display_decimals: 4 });
        CustomerCreated: Event::CustomerCreated(CustomerCreated { id: "alice".to_owned() });
        AgreementPublished:
            Event::AgreementPublished(AgreementPublished { version: "2026-01".to_owned(), text: "The words.\n".to_owned(), sha256: [7; 32] });
        ProductCreated: product_created().next().unwrap();
        ProductStatusSet: Event::ProductStatusSet(ProductStatusSet { product: ProductIx(5), status: Status::Open });
        SaleTermsChanged:
            Event::SaleTermsChanged(SaleTermsChanged { product: ProductIx(5), sale: Box::new(plain_terms()) }),
            Event::SaleTermsChanged(SaleTermsChanged { product: ProductIx(6), sale: Box::new(full_terms()) });
        RateAnnounced: Event::RateAnnounced(RateAnnounced { product: ProductIx(5), from: DAY, bands: tiers() });
        RateSettled: Event::RateSettled(RateSettled { product: ProductIx(5), day: Day::from_number(-1), rate: rate(5_250_000) });
        Deposited: Event::Deposited(moved(AccountKind::Spot)), Event::Deposited(moved(AccountKind::Funding));
        Withdrawn: Event::Withdrawn(moved(AccountKind::Spot)), Event::Withdrawn(moved(AccountKind::Funding));
        RewardPoolFunded: Event::RewardPoolFunded(RewardPoolFunded { asset: AssetIx(1), amount: Amount::MAX });
        RewardPoolWithdrawn: Event::RewardPoolWithdrawn(RewardPoolWithdrawn { asset: AssetIx(300), amount: units(604) });
        Transferred: Event::Transferred(Transferred {
            id: 605, customer: CustomerIx(606), asset: AssetIx(1), from: AccountKind::Funding, amount: units(607),
        });
        Subscribed:
            Event::Subscribed(Box::new(subscribed())),
            Event::Subscribed(Box::new(Subscribed { rate_version: FLOATING, auto_renew: false, stake: Stake::default(), ..subscribed() }));
        Redeemed: Event::Redeemed(Box::new(redeemed(false))), Event::Redeemed(Box::new(redeemed(true)));
        AutoRenewSet:
            Event::AutoRenewSet(AutoRenewSet { customer: CustomerIx(1), position: PositionId(2), auto_renew: false }),
            Event::AutoRenewSet(AutoRenewSet { customer: CustomerIx(1), position: PositionId(2), auto_renew: true });
        DayClosed:
            day_closed(vec![], vec![]),
            day_closed(vec![product_day(), ProductDay { settled: None, ..product_day() }], vec![]),
            day_closed(vec![product_day()], vec![yield_closed()]),
            day_closed_with(vec![product_day()], vec![], vec![withheld_day()]),
            day_closed_with(vec![product_day()], vec![yield_closed()], vec![withheld_day(), withheld_day()]);
        ClockMoved: Event::ClockMoved(ClockMoved { to: AT });
        ClockConfirmed: Event::ClockConfirmed(ClockConfirmed { through: DAY });
        PersonRegistered: Event::PersonRegistered(PersonRegistered { name: "anna".to_owned(), key: public_key() });
        PersonRemoved: Event::PersonRemoved(PersonRemoved { person: PersonIx(3) });
        Proposed: Event::Proposed(Box::new(Proposed { number: 611, matter: Matter::RemovePerson { name: "ben".to_owned() }, expires_at: AT }));
        ProposalSigned: Event::ProposalSigned(Box::new(ProposalSigned {
            proposal: 612, person: PersonIx(4), verdict: Verdict::Approve, signature: Signature::from_bytes([0x5a; 64]), carries_out: true,
        }));
        ProposalExpired: Event::ProposalExpired(ProposalExpired { proposal: 613 });
        NetworkCreated: Event::NetworkCreated(Box::new(NetworkCreated {
            name: "hub".to_owned(), chain_id: "hub-1".to_owned(), coins: vec![Coin { asset: AssetIx(1), denomination: "uatom".to_owned() }],
            terms: network_terms(),
        }));
        AddressAdded: Event::AddressAdded(Box::new(AddressAdded { network: NetworkIx(1), address: "addr-1".to_owned() }));
        DestinationAdded: Event::DestinationAdded(Box::new(DestinationAdded { network: NetworkIx(1), destination: destination() }));
        PictureTaken: picture_taken(None);
        PictureConfirmed: Event::PictureConfirmed(Box::new(PictureConfirmed {
            network: NetworkIx(1), assets: vec![AssetIx(1), AssetIx(2)], number: 1_301, explained: explained(), waits: true,
        }));
        DifferenceExplained: Event::DifferenceExplained(Box::new(DifferenceExplained {
            network: NetworkIx(1), asset: AssetIx(1), apart: apart(Cause::Unexplained, PlaceKind::Liquid), was: DifferenceIs::Loss,
        }));
        Attested: Event::Attested(Box::new(Attested {
            asset: AssetIx(1),
            attestation: Attestation { amount: units(1_302), at: AT, movement: 1_303, custody: Balance::from_units(-1_304) },
        }));
        TopUpSent: top_up_sent(None, None), top_up_sent(Some(1_305), None), top_up_sent(None, Some(1_307));
        SweepReceived: Event::SweepReceived(Box::new(SweepReceived {
            network: NetworkIx(1), asset: AssetIx(1), amount: units(1_306), hash: "tx-9".to_owned(),
        }));
        ProductAdded: product_added(StakingTerms::default()), product_added(StakingTerms {
            exit: ExitTerms::MayQueue,
            slashing: SlashingTerms::Shared,
            yields: YieldTerms::Network { over_days: 7, step: rate(5_250_001) },
        });
        ExitQueued: exit_queued();
        ExitPaid: exit_paid();
        ExitEarned: exit_earned();
        ExitCancelled: Event::ExitCancelled(Box::new(ExitCancelled { redemption: 1_712, subscribed: subscribed() }));
        ExitAllowanceSet: Event::ExitAllowanceSet(ExitAllowanceSet { asset: AssetIx(1), allowance: units(1_713) });
        PolicySet: policy_set();
        OrdersPlanned: orders_planned();
        OrderSigned: order_signed(Verdict::Approve);
        OrderTold: order_told();
        OfficeTaken: office_taken();
        OrderPrepared: order_prepared(Some(1_308)), order_prepared(None);
        OrderSent: order_sent();
        OrdersExpired: orders_expired();
        NetworkYieldSet: Event::NetworkYieldSet(NetworkYieldSet {
            network: NetworkIx(1), terms: NetworkYield { commission: rate(10_000_001), undistributed_days: 1_307 },
        });
        LossReserveFunded: reserve_funded(ReserveSide::RewardPool), reserve_funded(ReserveSide::Custody);
        LossReserveWithdrawn: reserve_withdrawn(ReserveSide::RewardPool), reserve_withdrawn(ReserveSide::Custody);
        CommissionWithdrawn: Event::CommissionWithdrawn(CommissionWithdrawn { asset: AssetIx(1), amount: units(1_310) });
        RateSettledFor: Event::RateSettledFor(Box::new(RateSettledFor {
            settled: RateSettled { product: ProductIx(5), day: Day::from_number(-1), rate: rate(5_250_002) },
            reason: "The network is young.".to_owned(),
        }));
        LossAllocated: Event::LossAllocated(LossAllocated {
            loss: 1_313, network: NetworkIx(1), asset: AssetIx(1),
            by: Shares { reserve: units(1_314), commission: units(1_315), pool: units(1_316), customers: units(1_321) },
        });
        LossRecovered: loss_recovered(None), loss_recovered(Some(apart(Cause::Unexplained, PlaceKind::Liquid)));
        LossBorne: loss_borne(true), loss_borne(false);
        LossReturned: loss_returned();
        LossSettled: loss_settled(true), loss_settled(false);
    }
);

/// Events for every variant of what stands inside them.
fn more_events() -> Vec<(&'static str, Event)> {
    let mut more: Vec<(&'static str, Event)> = product_created().skip(1).map(|event| ("ProductCreated", event)).collect();
    more.extend(
        each(statuses()).map(|status| ("ProductStatusSet", Event::ProductStatusSet(ProductStatusSet { product: ProductIx(0), status }))),
    );
    more.extend(each(clocks()).map(|clock| ("PlatformCreated", platform(clock, 0))));
    more.extend(each(matters()).map(|matter| ("Proposed", Event::Proposed(Box::new(Proposed { number: 1, matter, expires_at: AT })))));
    more.extend(each(implausibles()).map(|aside| ("PictureTaken", picture_taken(Some(aside)))));
    let differing = |cause, place, was| {
        let explained = DifferenceExplained { network: NetworkIx(0), asset: AssetIx(0), apart: apart(cause, place), was };
        ("DifferenceExplained", Event::DifferenceExplained(Box::new(explained)))
    };
    more.extend(each(causes()).map(|cause| differing(cause, PlaceKind::Liquid, DifferenceIs::Fee)));
    more.extend(each(place_kinds()).map(|place| differing(Cause::Unexplained, place, DifferenceIs::Fee)));
    more.extend(each(differences()).map(|was| differing(Cause::Unexplained, PlaceKind::Liquid, was)));
    more.extend(each(verdicts()).map(|verdict| ("OrderSigned", order_signed(verdict))));
    more.extend(each(verdicts()).map(|verdict| {
        let signature = Signature::from_bytes(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        let signed = ProposalSigned { proposal: 1, person: PersonIx(0), verdict, signature, carries_out: false };
        ("ProposalSigned", Event::ProposalSigned(Box::new(signed)))
    }));
    more.extend(each(account_kinds()).map(|from| {
        let transferred = Transferred { id: 1, customer: CustomerIx(0), asset: AssetIx(0), from, amount: Amount::ONE };
        ("Transferred", Event::Transferred(transferred))
    }));
    more
}

/// The names of all events.
pub fn event_names() -> BTreeSet<String> {
    events().into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn position_view() -> PositionView {
    PositionView {
        id: PositionId(1_001),
        product: ProductIx(7),
        asset: AssetIx(1),
        kind: Kind::FixedTerm { term_days: 30 },
        state: PositionState::Active,
        principal: units(1_002),
        from_funding: units(1_003),
        from_spot: units(1_004),
        earning: units(1_005),
        pending: units(1_006),
        value_date: DAY,
        interest_day: Some(17),
        next_distribution_at: Some(AT),
        matures_at: Some(Timestamp::from_ms(AT.ms() + 2)),
        current_rate: rate(1_007),
        accrued: units(1_008),
        distributed: units(1_009),
        auto_renew: true,
        opened_at: Timestamp::from_ms(AT.ms() + 3),
        closed_at: Some(Timestamp::from_ms(AT.ms() + 4)),
        clawed_back: units(1_010),
        written_off: units(1_011),
        principal_opened: units(1_012),
        principal_returned: units(1_013),
        renewed_from: Some(PositionId(1_014)),
        renewed_into: Some(PositionId(1_015)),
        agreement: AgreementIx(8),
    }
}

fn plain_position() -> PositionView {
    PositionView {
        kind: Kind::Flexible,
        interest_day: None,
        next_distribution_at: None,
        matures_at: None,
        closed_at: None,
        renewed_from: None,
        renewed_into: None,
        ..position_view()
    }
}

fn product_view() -> ProductView {
    ProductView {
        id: "sol-90".to_owned(),
        asset: AssetIx(1),
        kind: Kind::FixedTerm { term_days: 90 },
        status: Status::Open,
        availability: Availability::Available,
        bands: Some(tiers()),
        next_rate: Some((DAY, Bands::single(rate(1_101)))),
        rate_mode: RateMode::Locked,
        distribution: Distribution::EveryNDays(7),
        early_redemption: EarlyRedemption::NotAllowed,
        sale: full_terms(),
        capacity_left: Some(units(1_102)),
        staked: units(1_103),
        if_subscribed_now: IfSubscribedNow { value_date: DAY, first_distribution_at: AT, matures_at: Some(AT) },
    }
}

fn plain_product() -> ProductView {
    ProductView {
        kind: Kind::Flexible,
        bands: None,
        next_rate: None,
        sale: plain_terms(),
        capacity_left: None,
        if_subscribed_now: IfSubscribedNow { value_date: DAY, first_distribution_at: AT, matures_at: None },
        ..product_view()
    }
}

fn balances() -> Balances {
    Balances { spot: units(1_201), funding: units(1_202) }
}

fn wallet_moved(account: AccountKind) -> Answer {
    let WalletMoved { id, customer, asset, amount, reference, .. } = moved(account);
    Answer::WalletMoved { id, customer, asset, account, amount, reference, balances: balances(), at: AT }
}

fn reward_pool(funded: bool, balance: i128) -> Answer {
    Answer::RewardPool { asset: AssetIx(1), amount: units(1_203), funded, balance: Balance::from_units(balance) }
}

fn redemption(early: bool, position: PositionView) -> Answer {
    Answer::Redeemed { id: 1_204, early, figures: figures(), position: Box::new(position) }
}

every!(
    /// Every answer.
    answers: Answer {
        Done: Answer::Done;
        Asset: Answer::Asset(AssetIx(1));
        Customer: Answer::Customer(CustomerIx(128));
        Agreement: Answer::Agreement(AgreementIx(16_384));
        Product: Answer::Product(Box::new(product_view())), Answer::Product(Box::new(plain_product()));
        Offered:
            Answer::Offered { product: Box::new(plain_product()), is_staked: false },
            Answer::Offered { product: Box::new(product_view()), is_staked: true };
        Rate: Answer::Rate { product: ProductIx(1), version: RateVersionIx(2) };
        Settled: Answer::Settled { product: ProductIx(1), day: DAY, rate: rate(3) };
        WalletMoved: wallet_moved(AccountKind::Spot), wallet_moved(AccountKind::Funding);
        RewardPool: reward_pool(true, i128::MAX), reward_pool(false, -1);
        Transferred: Answer::Transferred {
            id: 1_205, asset: AssetIx(1), from: AccountKind::Spot, amount: units(1_206), balances: balances(), at: AT,
        };
        Subscribed: Answer::Subscribed { id: 1_207, position: Box::new(position_view()) };
        Redeemed: redemption(false, plain_position()), redemption(true, position_view());
        Position: Answer::Position(Box::new(plain_position()));
        Clock: Answer::Clock { now: AT, day: DAY };
        Person: Answer::Person(PersonIx(5));
        Network: Answer::Network(NetworkIx(6));
        Picture: Answer::Picture { network: NetworkIx(6), number: 1_401, aside: Some(Implausible::Opening), held_apart: 1_402 };
        Attested: Answer::Attested { asset: AssetIx(1), amount: units(1_403), at: AT, movement: 1_404, covered: Some(Balance::from_units(-1_405)) };
        Moving: Answer::Moving {
            network: NetworkIx(6), asset: AssetIx(1), direction: Direction::Sweep, amount: units(1_406), hash: "tx-8".to_owned(), movement: 1_407,
        };
        ExitQueued: Answer::ExitQueued { id: 1_408, early: true, figures: Box::new(figures()), position: Box::new(position_view()), waits: units(1_409), withheld: units(1_410), promised: DAY };
        ExitCancelled: Answer::ExitCancelled { redemption: 1_409, id: 1_410, position: Box::new(plain_position()) };
        ExitAllowance: Answer::ExitAllowance { asset: AssetIx(1), allowance: units(1_411) };
        Equity: equity(LedgerAccount::LossReserve, true), equity(LedgerAccount::CommissionIncome, false);
        Proposal: Answer::Proposal { number: 1_208, approved_by: vec![PersonIx(0), PersonIx(300)], standing: Standing::Open };
        Policy: Answer::Policy { network: NetworkIx(6), version: 1_408 };
        Order: order_answer(OrderStanding::Sent, Some("tx-13")), order_answer(OrderStanding::Proposed, None);
        Office: Answer::Office { network: NetworkIx(6), epoch: 1_409 };
    }
);

/// Answers for every variant of what stands inside them.
fn more_answers() -> Vec<(&'static str, Answer)> {
    let positions =
        each(position_states()).map(|state| ("Position", Answer::Position(Box::new(PositionView { state, ..plain_position() }))));
    let products = each(availabilities()).map(|availability| ProductView { availability, ..plain_product() });
    let proposals = each(standings()).map(|standing| ("Proposal", Answer::Proposal { number: 1, approved_by: Vec::new(), standing }));
    let orders = each(order_standings()).map(|standing| ("Order", order_answer(standing, None)));
    positions.chain(products.map(|product| ("Product", Answer::Product(Box::new(product))))).chain(proposals).chain(orders).collect()
}

every!(
    /// Every rejection.
    rejections: Rejection {
        CustomerNotFound: Rejection::CustomerNotFound;
        AssetNotFound: Rejection::AssetNotFound;
        ProductNotFound: Rejection::ProductNotFound;
        PositionNotFound: Rejection::PositionNotFound;
        ProductClosed: Rejection::ProductClosed;
        StatusNotReachable: Rejection::StatusNotReachable;
        RateMissing: Rejection::RateMissing;
        ProductNotOpen: Rejection::ProductNotOpen;
        OutsideSaleWindow:
            Rejection::OutsideSaleWindow { opens_at: None, closes_at: Some(AT) },
            Rejection::OutsideSaleWindow { opens_at: Some(AT), closes_at: None };
        AgreementNotAccepted:
            Rejection::AgreementNotAccepted { in_force: None },
            Rejection::AgreementNotAccepted { in_force: Some("v2".to_owned()) };
        PositionClosed: Rejection::PositionClosed;
        EarlyRedemptionNotAllowed: Rejection::EarlyRedemptionNotAllowed { matures_at: AT };
        PartialNotAllowed: Rejection::PartialNotAllowed { asset: AssetIx(1), principal: units(1_301) };
        SameAccount: Rejection::SameAccount;
        AmountInvalid: Rejection::AmountInvalid { field: AmountField::Amount };
        TermsInvalid: Rejection::TermsInvalid { reason: "term_days is 1 to 3650".to_owned() };
        AlreadyExists: Rejection::AlreadyExists;
        BelowMinimum: Rejection::BelowMinimum { asset: AssetIx(1), minimum: units(1_302) };
        NotAStepMultiple: Rejection::NotAStepMultiple { asset: AssetIx(1), step: units(1_303) };
        AbovePersonalMaximum: Rejection::AbovePersonalMaximum { asset: AssetIx(1), left: Amount::ZERO };
        AboveCapacity: Rejection::AboveCapacity { asset: AssetIx(1), left: units(1_304) };
        AbovePrincipal: Rejection::AbovePrincipal { asset: AssetIx(1), principal: units(1_305) };
        InsufficientBalance: Rejection::InsufficientBalance { asset: AssetIx(1), available: Balance::from_units(-1_306) };
        RenewalNotAllowed: Rejection::RenewalNotAllowed;
        AboveLimit: Rejection::AboveLimit { asset: AssetIx(1), limit: Amount::MAX };
        QuoteChanged: Rejection::QuoteChanged { asset: AssetIx(1), figures: Box::new(figures()) };
        RateNotFuture: Rejection::RateNotFuture { earliest: DAY };
        DayClosed: Rejection::DayClosed { open_day: DAY };
        RateAboveReference: Rejection::RateAboveReference { reference: Rate::MAX };
        ClockNotSimulated: Rejection::ClockNotSimulated;
        ClockBackwards: Rejection::ClockBackwards { now: AT };
        ClockMoveTooFar: Rejection::ClockMoveTooFar { latest: AT };
        PersonNotFound: Rejection::PersonNotFound;
        ProposalNotFound: Rejection::ProposalNotFound;
        ProposalNotOpen: Rejection::ProposalNotOpen { standing: Standing::Expired };
        SignatureInvalid: Rejection::SignatureInvalid;
        AlreadySigned: Rejection::AlreadySigned;
        ApprovalNeeded: Rejection::ApprovalNeeded;
        NetworkNotFound: Rejection::NetworkNotFound;
        PictureRefused: Rejection::PictureRefused { reason: "its number is 3, the next one is 2".to_owned() };
        PictureNotFound: Rejection::PictureNotFound;
        DifferenceNotFound: Rejection::DifferenceNotFound;
        TransferNotFound: Rejection::TransferNotFound;
        CoverageInsufficient: Rejection::CoverageInsufficient { asset: AssetIx(1), covered: Balance::from_units(-1_307) };
        InstantExitUnavailable: Rejection::InstantExitUnavailable { asset: AssetIx(1), available: units(1_310), expected: DAY };
        ExitNotFound: Rejection::ExitNotFound;
        ExitNotWaiting: Rejection::ExitNotWaiting;
        ExitWithheld: Rejection::ExitWithheld { asset: AssetIx(1), withheld: units(1_311) };
        EpochOver: Rejection::EpochOver { epoch: 1_308 };
        OrderNotFound: Rejection::OrderNotFound;
        OrderNotOpen: Rejection::OrderNotOpen { standing: OrderStanding::Replaced };
        OrderRefused: Rejection::OrderRefused { reason: "the network is halted: no picture is young enough".to_owned() };
        LossNotFound: Rejection::LossNotFound;
        LossNotOpen: Rejection::LossNotOpen;
    }
);

fn more_rejections() -> Vec<(&'static str, Rejection)> {
    each(fields()).map(|field| ("AmountInvalid", Rejection::AmountInvalid { field })).collect()
}

const NO_FACT: Fact = Fact { at: AT, key: None, actor: None, events: Vec::new() };
const NOTHING: Record = Record { fact: NO_FACT, outcome: Ok(Answer::Done) };
const KEY: UsedKey = UsedKey { hash: [0x11; 16], fingerprint: [0x22; 16] };

fn happened(events: Vec<Event>) -> Record {
    Record { fact: Fact { events, ..NO_FACT }, ..NOTHING }
}

fn told(outcome: Result<Answer, Rejection>) -> Record {
    Record { outcome, ..NOTHING }
}

every!(credentials: Credential {
    CommandLine: Credential::CommandLine; SignIn: Credential::SignIn; Link: Credential::Link; Demo: Credential::Demo; Token: Credential::Token(300); Session: Credential::Session(u64::MAX);
});
every!(addresses: AddressClass {
    Unknown: AddressClass::Unknown; Loopback: AddressClass::Loopback; Private: AddressClass::Private; Public: AddressClass::Public;
});
every!(roles: Role {
    Customer: Role::Customer; Service: Role::Service; Operator: Role::Operator; Auditor: Role::Auditor; Treasury: Role::Treasury;
});

/// Every way in which somebody can have had something decided.
fn actors() -> Vec<(&'static str, Actor)> {
    let plain = Actor { role: Role::Operator, credential: Credential::CommandLine, address: AddressClass::Unknown };
    let mut all: Vec<_> = roles().into_iter().map(|(name, role)| (name, Actor { role, ..plain })).collect();
    all.extend(credentials().into_iter().map(|(name, credential)| (name, Actor { credential, ..plain })));
    all.extend(addresses().into_iter().map(|(name, address)| (name, Actor { address, ..plain })));
    all
}

/// Whole records: with and without a key, with no event, one and several.
fn whole_records() -> Vec<(&'static str, Record)> {
    let days = vec![day_closed(vec![], vec![]), day_closed(vec![product_day()], vec![]), Event::ClockMoved(ClockMoved { to: AT })];
    let keyed = Fact { key: Some(KEY), ..NO_FACT };
    vec![
        ("nothing", NOTHING),
        ("before_1970", Record { fact: Fact { at: Timestamp::from_ms(-1), ..NO_FACT }, ..NOTHING }),
        ("a_key", Record { fact: keyed.clone(), ..NOTHING }),
        ("a_rejection_with_its_key", Record { fact: keyed, outcome: Err(Rejection::SameAccount) }),
        ("several_events", Record { outcome: Ok(Answer::Clock { now: AT, day: DAY }), ..happened(days) }),
    ]
}

/// Each golden file and what stands in it.
fn files() -> Vec<(&'static str, Vec<(String, Record)>)> {
    /// Samples of one variant are numbered.
    fn named<T>(samples: impl IntoIterator<Item = (&'static str, T)>, record: impl Fn(T) -> Record) -> Vec<(String, Record)> {
        let mut seen: Vec<&str> = Vec::new();
        let numbered = samples.into_iter().map(|(name, sample)| {
            seen.push(name);
            (format!("{name}.{}", seen.iter().filter(|other| **other == name).count()), record(sample))
        });
        numbered.collect()
    }
    vec![
        ("actors.txt", named(actors(), |actor| Record { fact: Fact { actor: Some(actor), ..NO_FACT }, ..NOTHING })),
        ("events.txt", named(events().into_iter().chain(more_events()), |event| happened(vec![event]))),
        ("answers.txt", named(answers().into_iter().chain(more_answers()), |answer| told(Ok(answer)))),
        ("rejections.txt", named(rejections().into_iter().chain(more_rejections()), |no| told(Err(no)))),
        ("records.txt", named(whole_records(), |record| record)),
    ]
}

fn bytes_of(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(record, &mut bytes).unwrap();
    bytes
}

fn samples() -> Vec<(String, Record)> {
    files().into_iter().flat_map(|(_, samples)| samples).collect()
}

/// The folder of the version that is written.
const WRITTEN: &str = "v2";
/// The folders of the versions before it, which are read, and the files that each does not have.
const READ: [(&str, &[&str]); 1] = [("v1", &["actors.txt"])];

fn path(file: &str) -> PathBuf {
    golden::path(WRITTEN).join(file)
}

/// Bytes of older versions are read as the same values; a value that one did not know has no line there.
#[test]
fn records_of_older_versions_are_read_as_they_were() {
    for (folder, without) in READ {
        let read = read_as_they_were(folder, without);
        assert!(read > 100, "{folder}: {read} records");
    }
}

/// How many records of a folder are read as their samples.
fn read_as_they_were(folder: &str, without: &[&str]) -> usize {
    let mut read = 0;
    for (file, samples) in files() {
        let Ok(text) = fs::read_to_string(golden::path(folder).join(file)) else {
            assert!(without.contains(&file), "{folder} has no {file}");
            continue;
        };
        for (name, bytes) in text.lines().map(|line| line.split_once(' ').unwrap()) {
            let (_, record) = samples.iter().find(|(sample, _)| sample == name).unwrap_or_else(|| panic!("{file}: no sample {name}"));
            let bytes = golden::unhex(bytes);
            assert_eq!(decode(&bytes).unwrap(), *record, "{file}: {name} is read differently than it was");
            assert_eq!(decode_fact(&bytes).unwrap(), record.fact, "{file}: {name}");
            read += 1;
        }
    }
    read
}

/// A fact is read whatever is told behind it, also by a release that does not know the answer's version.
#[test]
fn a_fact_does_not_need_its_answer() {
    for (name, record) in samples() {
        let bytes = bytes_of(&record);
        assert_eq!(decode_fact(&bytes).unwrap(), record.fact, "{name}");
        let answer = bytes_of(&Record { outcome: Ok(Answer::Done), ..record.clone() }).len() - 3;
        assert_eq!(bytes[answer], ANSWER_VERSION, "{name}: where the answer begins");
        let newer = [&bytes[..answer], &[ANSWER_VERSION + 1], b"of another shape"].concat();
        assert_eq!(decode_fact(&newer).unwrap(), record.fact, "{name}");
        let sentence = decode(&newer).unwrap_err().to_string();
        assert_eq!(sentence, "answer of a log record has version 2, this release knows up to 1", "{name}");
    }
}

#[test]
fn an_event_alone_comes_back_and_says_its_version() {
    for (name, event) in events().into_iter().chain(more_events()) {
        let bytes = encode_event(&event).unwrap();
        assert_eq!(decode_event(&bytes).unwrap(), event, "{name}");
        assert!(matches!(decode_event(&[&bytes[..], &[0]].concat()), Err(StoreError::Damaged { .. })), "{name}");
        let newer = decode_event(&[&[2], &bytes[1..]].concat()).unwrap_err().to_string();
        assert_eq!(newer, "event has version 2, this release knows up to 1", "{name}");
    }
}

#[test]
fn records_are_written_and_read_as_they_always_were() {
    for (file, samples) in files() {
        let lines: Vec<String> = samples.iter().map(|(name, record)| format!("{name} {}", golden::hex(&bytes_of(record)))).collect();
        if env::var_os("USANCE_UPDATE_GOLDEN").is_some() {
            fs::write(path(file), lines.join("\n") + "\n").unwrap();
        }
        let text = fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}; USANCE_UPDATE_GOLDEN=1 writes it"));
        let stored: Vec<&str> = text.lines().collect();
        for ((name, record), (line, stored)) in samples.iter().zip(lines.iter().zip(&stored)) {
            assert_eq!(line, stored, "{file}: {name} is written differently than it was");
            let bytes = golden::unhex(stored.split_once(' ').unwrap().1);
            assert_eq!(decode(&bytes).unwrap(), *record, "{file}: {name} is read differently than it was");
        }
        assert_eq!(stored.len(), lines.len(), "{file}: a line without a sample, or a sample without a line");
    }
}

#[test]
fn every_golden_file_is_read() {
    let known: BTreeSet<String> = files().iter().map(|(file, _)| (*file).to_owned()).collect();
    let found = fs::read_dir(golden::path(WRITTEN)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(found.collect::<BTreeSet<_>>(), known);
    for (folder, without) in READ {
        let found = fs::read_dir(golden::path(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // A release's whole log is read by the tests of recovery.
        let found: BTreeSet<String> = found.filter(|file| !golden::OTHERS.contains(&file.as_str())).collect();
        let read = known.iter().filter(|file| !without.contains(&file.as_str())).cloned();
        assert_eq!(found, read.collect(), "every file of {folder} is read");
    }
}

#[test]
fn encoding_extends_what_is_there() {
    let mut bytes = b"before".to_vec();
    encode(&NOTHING, &mut bytes).unwrap();
    assert_eq!(bytes, [b"before".as_slice(), &bytes_of(&NOTHING)].concat());
}

#[test]
fn a_newer_version_is_refused_by_name() {
    for version in FACT_VERSION + 1..=u8::MAX {
        for rest in [&bytes_of(&NOTHING)[1..], &[]] {
            let sentence = decode(&[&[version], rest].concat()).unwrap_err().to_string();
            assert_eq!(sentence, format!("log record has version {version}, this release knows up to {FACT_VERSION}"));
        }
    }
}

#[test]
fn what_is_not_exactly_one_record_is_damage() {
    for (name, record) in samples() {
        let whole = bytes_of(&record);
        for length in 0..whole.len() {
            let refused = decode(&whole[..length]);
            assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{name} cut to {length} bytes: {refused:?}");
        }
        let longer = decode(&[&whole[..], &[0]].concat()).unwrap_err().to_string();
        assert_eq!(longer, "log record damaged: 1 bytes too many", "{name}");
        let unversioned = decode(&[&[0], &whole[1..]].concat());
        assert!(matches!(unversioned, Err(StoreError::Damaged { .. })), "{name}");
    }
}

/// A changed record is read as another one or refused; what is read is written again without a complaint.
fn read_whatever(bytes: &[u8]) {
    if let Ok(record) = decode(bytes) {
        assert_eq!(decode(&bytes_of(&record)).unwrap(), record);
    }
}

#[test]
fn no_flipped_byte_stops_a_reader() {
    for (_, record) in samples() {
        let whole = bytes_of(&record);
        for at in 0..whole.len() {
            let flips = (0..8).map(|bit| whole[at] ^ (1 << bit)).chain([0, 0x7f, 0x80, 0xff]);
            for byte in flips {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                read_whatever(&bytes);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_stop_a_reader(mut bytes in prop::collection::vec(prop_oneof![0_u8..24, any::<u8>()], 0..300), known in any::<bool>()) {
        if let (true, Some(first)) = (known, bytes.first_mut()) {
            *first = FACT_VERSION;
        }
        read_whatever(&bytes);
    }

    #[test]
    fn no_splice_of_records_stops_a_reader(one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let samples = samples();
        let (one, other) = (bytes_of(&one.get(&samples).1), bytes_of(&other.get(&samples).1));
        let at = at.index(one.len());
        read_whatever(&[&one[..at], &other[at.min(other.len())..]].concat());
    }
}
