//! Every verb, one file a noun: what is asked, its checks in the order of [`Rejection`], the event that it becomes, and what
//! that event posts, changes, answers and tells ([`Fact`]).
//!
//! This file is the list of them all: a new command has a variant of [`Command`], one of [`Event`] at its end, a line in
//! [`Verb`] and an arm in [`decide`] and [`of`], and everything else about it stands in its noun's file.
//!
//! Events carry computed amounts, so a later release with another rounding does not change the past; the one exception is
//! a closed day, whose totals and digest prove that running it again gave the same. Their bytes are `usance-store`'s
//! (codec, golden files): nothing in [`Event`] may be reordered or removed.

pub mod agreement;
pub mod asset;
pub mod clock;
pub mod customer;
pub mod engine;
pub mod exit;
mod fact;
mod named;
pub mod person;
pub mod product;
pub mod proposal;
pub mod rate;
pub mod redeem;
pub mod reserve;
pub mod reward_pool;
pub mod subscribe;
pub mod transfer;
pub mod treasury;
pub mod wallet;

use super::answer::Answer;
use super::day::DayClosed;
use super::derive::closed_at;
use super::movement::{Movement, of_deed};
use super::news::News;
use super::planning;
use super::post::Catalogue;
use super::rejection::Rejection;
use super::state::{Platform, State};
use crate::calendar::{Day, Timestamp};
use crate::id::{AssetIx, NetworkIx, PositionId, ProductIx};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::money::{Balance, Rate};
use crate::person::PublicKey;
use crate::person::proposal::Matter;
use crate::product::Status;
use crate::reward::accrue::Stake;
use crate::reward::clawback::AccountKind;
use crate::treasury::picture::Picture;
use crate::treasury::policy::Policy;
use crate::treasury::yields::NetworkYield;
pub use agreement::AgreementPublished;
pub use asset::AssetCreated;
pub use clock::{ClockConfirmed, ClockMoved};
pub use customer::CustomerCreated;
pub use engine::{LossAccepted, WriterStarted};
pub use exit::{ExitAllowanceSet, ExitCancelled, ExitEarned, ExitPaid, ExitQueued};
pub use fact::Fact;
pub use person::{PersonRegistered, PersonRemoved};
pub use product::{Patch, ProductAdded, ProductCreated, ProductStatusSet, ProductText, SaleTermsChanged, SaleText};
use proposal::Carried;
pub use proposal::{ProposalExpired, ProposalSigned, Proposed, SignProposal};
pub use rate::{RateAnnounced, RateSettled, RateSettledFor, RateText};
pub use redeem::{AutoRenewSet, Redeem, Redeemed};
pub use reserve::{CommissionWithdrawn, LossReserveFunded, LossReserveWithdrawn, ReserveSide};
pub use reward_pool::{RewardPoolFunded, RewardPoolWithdrawn};
use serde::{Deserialize, Serialize};
pub use subscribe::{Source, Subscribe, Subscribed};
pub use transfer::Transferred;
use treasury::bear::Turn;
pub use treasury::{
    AddressAdded, Attest, Attested, DestinationAdded, DifferenceExplained, ExitBears, LossAllocated, LossBorne, LossRecovered,
    LossReturned, LossSettled, NetworkCreated, NetworkYieldSet, NewNetwork, OfficeTaken, OrderPrepared, OrderSent, OrderSigned, OrderTold,
    OrdersExpired, OrdersPlanned, PictureConfirmed, PictureTaken, PolicySet, PositionBears, PrepareOrder, SignOrder, SweepReceived, TopUp,
    TopUpSent,
};
pub use wallet::{WalletMove, WalletMoved};

/// Everything the machine can be asked to do. Amounts travel as text, so that a wrong one has its place in the order of
/// checks; rates, days and instants are read before they get here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Adds an asset.
    CreateAsset {
        /// Its symbol.
        symbol: String,
        /// Its name.
        name: String,
        /// Decimals of a base unit.
        decimals: u8,
        /// Decimals that pages show.
        display_decimals: u8,
    },
    /// Adds a customer.
    CreateCustomer {
        /// The exchange's id.
        id: String,
    },
    /// Puts an agreement in force.
    PublishAgreement {
        /// Its version.
        version: String,
        /// Its words.
        text: String,
    },
    /// Adds a product, as a draft.
    CreateProduct(Box<ProductText>),
    /// Moves a product along its life.
    SetProductStatus {
        /// Which.
        product: String,
        /// Where to.
        status: Status,
    },
    /// Changes what may change.
    ChangeProduct {
        /// Which.
        product: String,
        /// What.
        sale: Box<SaleText>,
    },
    /// Announces a rate from a later day on.
    AnnounceRate {
        /// Whose.
        product: String,
        /// From when.
        from: Day,
        /// What.
        rate: RateText,
    },
    /// Settles the rate of one day before its close.
    SettleRate {
        /// Whose.
        product: String,
        /// Which day.
        day: Day,
        /// The cap.
        rate: Rate,
    },
    /// Credits a customer.
    Deposit(WalletMove),
    /// Debits a customer.
    Withdraw(WalletMove),
    /// Puts coins into the reward pool.
    FundRewardPool {
        /// Which pool.
        asset: String,
        /// How much.
        amount: String,
    },
    /// Takes coins out of the reward pool.
    WithdrawRewardPool {
        /// Which pool.
        asset: String,
        /// How much.
        amount: String,
    },
    /// Moves a customer's coins between Spot and Funding.
    Transfer {
        /// Whose.
        customer: String,
        /// Which.
        asset: String,
        /// From.
        from: AccountKind,
        /// To.
        to: AccountKind,
        /// How much.
        amount: String,
    },
    /// Stakes.
    Subscribe(Subscribe),
    /// Unstakes.
    Redeem(Redeem),
    /// Switches automatic renewal.
    SetAutoRenew {
        /// Who.
        customer: String,
        /// Of which position.
        position: Option<PositionId>,
        /// On or off.
        auto_renew: bool,
    },
    /// Moves the simulated clock. The engine closes the days on the way.
    MoveClock {
        /// To when.
        to: Timestamp,
    },
    /// Says that a system clock far ahead of the last closed day is right.
    ConfirmClock {
        /// What that clock says.
        clock: Timestamp,
    },
    /// Registers one of the first two people.
    RegisterPerson {
        /// The name.
        name: String,
        /// The public key.
        key: PublicKey,
    },
    /// Proposes what two people have to sign.
    Propose {
        /// What.
        matter: Box<Matter>,
        /// The first instant at which it cannot be signed any more; 72 hours from now when it is left out.
        expires_at: Option<Timestamp>,
    },
    /// Signs a proposal, for or against.
    SignProposal(Box<SignProposal>),
    /// Adds a network that the treasury is on.
    CreateNetwork(Box<NewNetwork>),
    /// Says what a network finally shows of the treasury.
    Observe {
        /// Which network.
        network: String,
        /// What it shows.
        picture: Box<Picture>,
    },
    /// Says what the wallet holds.
    Attest(Attest),
    /// Says that the wallet sent coins to the treasury.
    ReportTopUp(Box<TopUp>),
    /// Says that coins of the treasury came to the wallet.
    ReportSweep {
        /// Over which network.
        network: String,
        /// The hash of the transaction.
        hash: String,
    },
    /// Unstakes; what cannot be paid at once waits for its turn.
    QueueExit(Redeem),
    /// Stakes again what still waits.
    CancelExit {
        /// Whose.
        customer: String,
        /// The number of the redemption that waits.
        redemption: u64,
        /// The accepted agreement's version.
        agreement: String,
    },
    /// Sets what each customer may take a day at once while anyone waits.
    SetExitAllowance {
        /// Of which asset.
        asset: String,
        /// How much.
        allowance: String,
    },
    /// Says what is allowed on a network.
    SetPolicy {
        /// Which network.
        network: String,
        /// What.
        policy: Box<Policy>,
    },
    /// Signs an order, for or against.
    SignOrder(Box<SignOrder>),
    /// Says which transaction does an order that is carried out by hand.
    ReportDone {
        /// Of which network.
        network: String,
        /// Which order.
        order: u64,
        /// The hash of the transaction.
        hash: String,
    },
    /// Makes an agent the one that carries out a network's orders.
    TakeOffice {
        /// Which network.
        network: String,
        /// What the agent calls itself.
        agent: String,
    },
    /// Stores the bytes that an agent signed for an order, before they are sent.
    PrepareOrder(Box<PrepareOrder>),
    /// Says that an agent sent an order's transaction.
    ReportSent {
        /// Of which network.
        network: String,
        /// Which order.
        order: u64,
        /// The agent's epoch.
        epoch: u64,
    },
    /// Sets the platform's commission on what a network pays for customers, and how long that may stay undistributed.
    SetNetworkYield {
        /// Of which network.
        network: String,
        /// What.
        terms: NetworkYield,
    },
    /// Sets something aside for losses.
    FundLossReserve {
        /// Of which asset.
        asset: String,
        /// How much.
        amount: String,
        /// From where.
        from: ReserveSide,
    },
    /// Takes something out of what is set aside for losses.
    WithdrawLossReserve {
        /// Of which asset.
        asset: String,
        /// How much.
        amount: String,
        /// To where.
        to: ReserveSide,
    },
    /// Takes commission out.
    WithdrawCommission {
        /// Of which asset.
        asset: String,
        /// How much.
        amount: String,
    },
    /// Settles the rate of one day before its close, and says why: where the network's yield is passed on.
    SettleRateFor {
        /// Whose.
        product: String,
        /// Which day.
        day: Day,
        /// The cap.
        rate: Rate,
        /// Why.
        reason: String,
    },
}

/// Everything that can have happened. Amounts are computed, names are numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The platform began.
    PlatformCreated(Box<Platform>),
    /// A process became the writer.
    WriterStarted(WriterStarted),
    /// An asset was added.
    AssetCreated(AssetCreated),
    /// A customer was added.
    CustomerCreated(CustomerCreated),
    /// An agreement came into force.
    AgreementPublished(AgreementPublished),
    /// A product was added, as a draft, by a release that knew no terms of a stake.
    ProductCreated(Box<ProductCreated>),
    /// A product moved along its life.
    ProductStatusSet(ProductStatusSet),
    /// What may change was changed.
    SaleTermsChanged(SaleTermsChanged),
    /// A rate was announced.
    RateAnnounced(RateAnnounced),
    /// A day's rate was settled.
    RateSettled(RateSettled),
    /// A customer was credited.
    Deposited(WalletMoved),
    /// A customer was debited.
    Withdrawn(WalletMoved),
    /// The reward pool was funded.
    RewardPoolFunded(RewardPoolFunded),
    /// The reward pool gave back.
    RewardPoolWithdrawn(RewardPoolWithdrawn),
    /// A customer moved coins.
    Transferred(Transferred),
    /// A customer staked.
    Subscribed(Box<Subscribed>),
    /// A customer unstaked.
    Redeemed(Box<Redeemed>),
    /// Automatic renewal was switched.
    AutoRenewSet(AutoRenewSet),
    /// A day was closed.
    DayClosed(Box<DayClosed>),
    /// The simulated clock was moved.
    ClockMoved(ClockMoved),
    /// An operator said that the clock is right.
    ClockConfirmed(ClockConfirmed),
    /// An operator gave up batches that the log has lost.
    LossAccepted(LossAccepted),
    /// Somebody is a person.
    PersonRegistered(PersonRegistered),
    /// Somebody signs nothing more.
    PersonRemoved(PersonRemoved),
    /// Something is proposed.
    Proposed(Box<Proposed>),
    /// A person signed a proposal.
    ProposalSigned(Box<ProposalSigned>),
    /// Too few signed a proposal in time.
    ProposalExpired(ProposalExpired),
    /// A network was added.
    NetworkCreated(Box<NetworkCreated>),
    /// An address is the treasury's.
    AddressAdded(Box<AddressAdded>),
    /// Coins may be swept somewhere.
    DestinationAdded(Box<DestinationAdded>),
    /// A picture came.
    PictureTaken(Box<PictureTaken>),
    /// A picture that was kept aside is right.
    PictureConfirmed(Box<PictureConfirmed>),
    /// A difference was explained.
    DifferenceExplained(Box<DifferenceExplained>),
    /// The wallet said what it holds.
    Attested(Box<Attested>),
    /// Coins are on their way to the treasury.
    TopUpSent(Box<TopUpSent>),
    /// Coins of the treasury have come to the wallet.
    SweepReceived(Box<SweepReceived>),
    /// A product was added, as a draft, with the terms of its stake.
    ProductAdded(Box<ProductAdded>),
    /// A customer unstaked and waits for coins.
    ExitQueued(Box<ExitQueued>),
    /// Coins were paid to the first in line.
    ExitPaid(ExitPaid),
    /// What waits longer than promised earned.
    ExitEarned(ExitEarned),
    /// What waited is staked again.
    ExitCancelled(Box<ExitCancelled>),
    /// What may be taken at once while anyone waits was set.
    ExitAllowanceSet(ExitAllowanceSet),
    /// A network has a policy.
    PolicySet(Box<PolicySet>),
    /// A plan changed which orders wait.
    OrdersPlanned(Box<OrdersPlanned>),
    /// A person signed an order.
    OrderSigned(Box<OrderSigned>),
    /// Somebody told which transaction does an order.
    OrderTold(Box<OrderTold>),
    /// An agent took office.
    OfficeTaken(Box<OfficeTaken>),
    /// The bytes that an agent signed for an order are in the log.
    OrderPrepared(Box<OrderPrepared>),
    /// An agent sent an order's transaction.
    OrderSent(OrderSent),
    /// Orders were not begun in time.
    OrdersExpired(Box<OrdersExpired>),
    /// What becomes of what a network pays was set.
    NetworkYieldSet(NetworkYieldSet),
    /// Something was set aside for losses.
    LossReserveFunded(LossReserveFunded),
    /// What was set aside for losses gave back.
    LossReserveWithdrawn(LossReserveWithdrawn),
    /// Commission was taken out.
    CommissionWithdrawn(CommissionWithdrawn),
    /// A day's rate was settled for a reason.
    RateSettledFor(Box<RateSettledFor>),
    /// Two people said who bears a loss.
    LossAllocated(LossAllocated),
    /// Something of a loss came back.
    LossRecovered(Box<LossRecovered>),
    /// A customer bore its part of a loss.
    LossBorne(Box<LossBorne>),
    /// A customer got its part of what came back.
    LossReturned(LossReturned),
    /// All customers had their turn to bear or to get back.
    LossSettled(LossSettled),
}

macro_rules! verbs {
    (asked { $($verb:ident => $event:ident,)+ } by_nobody { $($other:ident),+ }) => {
        /// A command without what it is about, for whoever walks all of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Verb {
            $(
                #[doc = concat!("[`Command::", stringify!($verb), "`], which becomes [`Event::", stringify!($event), "`].")]
                $verb,
            )+
        }

        impl Verb {
            /// All of them.
            pub const ALL: &'static [Verb] = &[$(Verb::$verb),+];

            /// The word of a command.
            #[must_use]
            pub const fn of(command: &Command) -> Verb {
                match command {
                    $(Command::$verb { .. } => Verb::$verb,)+
                }
            }

            /// The word of the command that an event came of; `None` for what nobody asks for.
            #[must_use]
            pub const fn of_event(event: &Event) -> Option<Verb> {
                match event {
                    $(Event::$event(_) => Some(Verb::$verb),)+
                    $(Event::$other(_) => None,)+
                }
            }
        }

        impl Event {
            /// What it is called.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Event::$event(_) => stringify!($event),)+
                    $(Event::$other(_) => stringify!($other),)+
                }
            }
        }
    };
}

verbs! {
    asked {
        CreateAsset => AssetCreated,
        CreateCustomer => CustomerCreated,
        PublishAgreement => AgreementPublished,
        CreateProduct => ProductAdded,
        SetProductStatus => ProductStatusSet,
        ChangeProduct => SaleTermsChanged,
        AnnounceRate => RateAnnounced,
        SettleRate => RateSettled,
        Deposit => Deposited,
        Withdraw => Withdrawn,
        FundRewardPool => RewardPoolFunded,
        WithdrawRewardPool => RewardPoolWithdrawn,
        Transfer => Transferred,
        Subscribe => Subscribed,
        Redeem => Redeemed,
        SetAutoRenew => AutoRenewSet,
        MoveClock => ClockMoved,
        ConfirmClock => ClockConfirmed,
        RegisterPerson => PersonRegistered,
        Propose => Proposed,
        SignProposal => ProposalSigned,
        CreateNetwork => NetworkCreated,
        Observe => PictureTaken,
        Attest => Attested,
        ReportTopUp => TopUpSent,
        ReportSweep => SweepReceived,
        QueueExit => ExitQueued,
        CancelExit => ExitCancelled,
        SetExitAllowance => ExitAllowanceSet,
        SetPolicy => PolicySet,
        SignOrder => OrderSigned,
        ReportDone => OrderTold,
        TakeOffice => OfficeTaken,
        PrepareOrder => OrderPrepared,
        ReportSent => OrderSent,
        SetNetworkYield => NetworkYieldSet,
        FundLossReserve => LossReserveFunded,
        WithdrawLossReserve => LossReserveWithdrawn,
        WithdrawCommission => CommissionWithdrawn,
        SettleRateFor => RateSettledFor,
    }
    by_nobody {
        PlatformCreated, WriterStarted, ProductCreated, DayClosed, LossAccepted, PersonRemoved, ProposalExpired, AddressAdded, DestinationAdded, PictureConfirmed,
        DifferenceExplained, ExitPaid, ExitEarned, OrdersPlanned, OrdersExpired, LossAllocated, LossRecovered,
        LossBorne, LossReturned, LossSettled
    }
}

impl Event {
    /// The subscription that it is, of coins of an account or of coins that waited.
    #[must_use]
    pub fn subscribed(&self) -> Option<&Subscribed> {
        if let Event::ExitCancelled(cancelled) = self {
            return Some(&cancelled.subscribed);
        }
        if let Event::Subscribed(subscribed) = self { Some(subscribed) } else { None }
    }
    /// The redemption that it is, whether it paid at once or waits.
    #[must_use]
    pub fn redeemed(&self) -> Option<&Redeemed> {
        if let Event::ExitQueued(queued) = self {
            return Some(&queued.redeemed);
        }
        if let Event::Redeemed(redeemed) = self { Some(redeemed) } else { None }
    }
    /// How the position stands that it is of: a subscription, a redemption, a loss.
    #[must_use]
    pub fn staked(&self) -> Option<(PositionId, ProductIx, Stake)> {
        if let Event::LossBorne(borne) = self {
            return borne.position.map(|bears| (borne.id, bears.product, bears.stake));
        }
        let subscribed = self.subscribed().map(|event| (event.position, event.product, event.stake));
        subscribed.or_else(|| self.redeemed().map(|event| (event.position, event.product, event.stake)))
    }
}

/// Decides a command: the event that happens, or the first check that fails.
///
/// # Errors
/// The first [`Rejection`] in the verb's order.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Result<Event, Rejection> {
    Ok(match command {
        Command::CreateAsset { symbol, name, decimals, display_decimals } => {
            Event::AssetCreated(asset::create_asset(state, symbol, name, *decimals, *display_decimals)?)
        }
        Command::CreateCustomer { id } => Event::CustomerCreated(customer::create_customer(state, id)?),
        Command::PublishAgreement { version, text } => Event::AgreementPublished(agreement::publish_agreement(state, version, text)?),
        Command::CreateProduct(product) => Event::ProductAdded(Box::new(product::create_product(state, product)?)),
        Command::SetProductStatus { product, status } => Event::ProductStatusSet(product::set_status(state, product, *status)?),
        Command::ChangeProduct { product, sale } => Event::SaleTermsChanged(product::change_product(state, product, sale)?),
        Command::AnnounceRate { product, from, rate } => Event::RateAnnounced(rate::announce_rate(state, product, *from, rate)?),
        Command::SettleRate { product, day, rate } => Event::RateSettled(rate::settle_rate(state, product, *day, *rate)?),
        Command::Deposit(moved) => Event::Deposited(wallet::deposit(state, moved)?),
        Command::Withdraw(moved) => Event::Withdrawn(wallet::withdraw(state, moved)?),
        Command::FundRewardPool { asset, amount } => Event::RewardPoolFunded(reward_pool::fund(state, asset, amount)?),
        Command::WithdrawRewardPool { asset, amount } => Event::RewardPoolWithdrawn(reward_pool::withdraw(state, asset, amount)?),
        Command::Transfer { customer, asset, from, to, amount } => {
            Event::Transferred(transfer::transfer(state, customer, asset, *from, *to, amount)?)
        }
        Command::Subscribe(asked) => Event::Subscribed(Box::new(subscribe::decide(state, asked, now)?)),
        Command::Redeem(asked) => left(exit::leave(state, asked, now)?),
        Command::SetAutoRenew { customer, position, auto_renew } => {
            Event::AutoRenewSet(redeem::set_auto_renew(state, customer, *position, *auto_renew)?)
        }
        Command::MoveClock { to } => Event::ClockMoved(clock::move_clock(state, *to)?),
        Command::ConfirmClock { clock } => Event::ClockConfirmed(clock::confirm(state, *clock)),
        Command::RegisterPerson { name, key } => Event::PersonRegistered(person::register_first(state, name, *key)?),
        Command::Propose { matter, expires_at } => Event::Proposed(Box::new(proposal::propose(state, matter, *expires_at, now)?)),
        Command::SignProposal(asked) => Event::ProposalSigned(Box::new(proposal::sign(state, asked, now)?)),
        Command::CreateNetwork(asked) => Event::NetworkCreated(Box::new(treasury::network::create(state, asked)?)),
        Command::Observe { network, picture } => Event::PictureTaken(Box::new(treasury::picture::observe(state, network, picture, now)?)),
        Command::Attest(asked) => Event::Attested(Box::new(treasury::wallet::attest(state, asked, now)?)),
        Command::ReportTopUp(asked) => Event::TopUpSent(Box::new(treasury::wallet::top_up(state, asked, now)?)),
        Command::ReportSweep { network, hash } => Event::SweepReceived(Box::new(treasury::wallet::sweep(state, network, hash)?)),
        Command::QueueExit(asked) => left(exit::queue(state, asked, now)?),
        Command::CancelExit { customer, redemption, agreement } => {
            Event::ExitCancelled(Box::new(exit::cancel(state, customer, *redemption, agreement, now)?))
        }
        Command::SetExitAllowance { asset, allowance } => Event::ExitAllowanceSet(exit::set_allowance(state, asset, allowance)?),
        Command::SetPolicy { network, policy } => Event::PolicySet(Box::new(treasury::policy::set(state, network, policy)?)),
        Command::SignOrder(asked) => Event::OrderSigned(Box::new(treasury::order::sign(state, asked, now)?)),
        Command::ReportDone { network, order, hash } => {
            Event::OrderTold(Box::new(treasury::order::report_done(state, network, *order, hash, now)?))
        }
        Command::TakeOffice { network, agent } => Event::OfficeTaken(Box::new(treasury::order::take_office(state, network, agent)?)),
        Command::PrepareOrder(asked) => Event::OrderPrepared(Box::new(treasury::order::prepare(state, asked, now)?)),
        Command::ReportSent { network, order, epoch } => {
            Event::OrderSent(treasury::order::report_sent(state, network, *order, *epoch, now)?)
        }
        Command::SetNetworkYield { network, terms } => Event::NetworkYieldSet(treasury::pay::set(state, network, *terms)?),
        Command::FundLossReserve { asset, amount, from } => Event::LossReserveFunded(reserve::fund(state, asset, amount, *from)?),
        Command::WithdrawLossReserve { asset, amount, to } => Event::LossReserveWithdrawn(reserve::withdraw(state, asset, amount, *to)?),
        Command::WithdrawCommission { asset, amount } => Event::CommissionWithdrawn(reserve::withdraw_commission(state, asset, amount)?),
        Command::SettleRateFor { product, day, rate, reason } => {
            Event::RateSettledFor(Box::new(rate::settle_rate_for(state, product, *day, *rate, reason)?))
        }
    })
}

fn left(leaving: exit::Leaving) -> Event {
    match leaving {
        exit::Leaving::AtOnce(redeemed) => Event::Redeemed(Box::new(redeemed)),
        exit::Leaving::Queued(queued) => Event::ExitQueued(Box::new(queued)),
    }
}

/// What follows of an event by itself, in the same instant and right behind it: what a last approval carries out, and the plan that a picture
/// or a policy asks for.
#[must_use]
pub fn effect(state: &State, event: &Event, now: Timestamp) -> Option<Result<Event, Rejection>> {
    if let Some(network) = asks_for_a_plan(event) {
        return planning::planned(state, network, now).map(|plan| Ok(Event::OrdersPlanned(Box::new(plan))));
    }
    let Event::ProposalSigned(signed) = event else { return None };
    let carried = proposal::effect(state, signed, now)?;
    Some(carried.map(|carried| match carried {
        Carried::PersonRegistered(fact) => Event::PersonRegistered(fact),
        Carried::PersonRemoved(fact) => Event::PersonRemoved(fact),
        Carried::AddressAdded(fact) => Event::AddressAdded(Box::new(fact)),
        Carried::DestinationAdded(fact) => Event::DestinationAdded(Box::new(fact)),
        Carried::PictureConfirmed(fact) => Event::PictureConfirmed(Box::new(fact)),
        Carried::DifferenceExplained(fact) => Event::DifferenceExplained(Box::new(fact)),
        Carried::LossAllocated(fact) => Event::LossAllocated(fact),
        Carried::LossRecovered(fact) => Event::LossRecovered(Box::new(fact)),
    }))
}

/// What is due to whoever bears a loss or waits for coins, one after another until nothing is.
#[must_use]
pub fn due(state: &State, now: Timestamp) -> Option<Event> {
    if let Some(turn) = state.next_turn() {
        return Some(match turn {
            Turn::Bears(borne) => Event::LossBorne(Box::new(borne)),
            Turn::GetsBack(returned) => Event::LossReturned(returned),
            Turn::Settled(settled) => Event::LossSettled(settled),
        });
    }
    Some(match exit::due(state, now)? {
        exit::Due::Paid(paid) => Event::ExitPaid(paid),
        exit::Due::Earned(earned) => Event::ExitEarned(earned),
    })
}

/// The network that is planned anew after an event: a picture counts, or there is another policy.
fn asks_for_a_plan(event: &Event) -> Option<NetworkIx> {
    if let Event::PictureTaken(taken) = event {
        return taken.aside.is_none().then_some(taken.network);
    }
    if let Event::PictureConfirmed(confirmed) = event {
        return Some(confirmed.network);
    }
    if let Event::PolicySet(set) = event { Some(set.network) } else { None }
}

/// Leads to what an event means.
pub fn of<R>(event: &Event, told: impl FnOnce(&dyn Fact) -> R) -> R {
    match event {
        Event::PlatformCreated(fact) => told(&**fact),
        Event::WriterStarted(fact) => told(fact),
        Event::AssetCreated(fact) => told(fact),
        Event::CustomerCreated(fact) => told(fact),
        Event::AgreementPublished(fact) => told(fact),
        Event::ProductCreated(fact) => told(&**fact),
        Event::ProductStatusSet(fact) => told(fact),
        Event::SaleTermsChanged(fact) => told(fact),
        Event::RateAnnounced(fact) => told(fact),
        Event::RateSettled(fact) => told(fact),
        Event::Deposited(moved) => told(&wallet::Deposited(moved)),
        Event::Withdrawn(moved) => told(&wallet::Withdrawn(moved)),
        Event::RewardPoolFunded(fact) => told(fact),
        Event::RewardPoolWithdrawn(fact) => told(fact),
        Event::Transferred(fact) => told(fact),
        Event::Subscribed(fact) => told(&**fact),
        Event::Redeemed(fact) => told(&**fact),
        Event::AutoRenewSet(fact) => told(fact),
        Event::DayClosed(fact) => told(&**fact),
        Event::ClockMoved(fact) => told(fact),
        Event::ClockConfirmed(fact) => told(fact),
        Event::LossAccepted(fact) => told(fact),
        Event::PersonRegistered(fact) => told(fact),
        Event::PersonRemoved(fact) => told(fact),
        Event::Proposed(fact) => told(&**fact),
        Event::ProposalSigned(fact) => told(&**fact),
        Event::ProposalExpired(fact) => told(fact),
        Event::NetworkCreated(fact) => told(&**fact),
        Event::AddressAdded(fact) => told(&**fact),
        Event::DestinationAdded(fact) => told(&**fact),
        Event::PictureTaken(fact) => told(&**fact),
        Event::PictureConfirmed(fact) => told(&**fact),
        Event::DifferenceExplained(fact) => told(&**fact),
        Event::Attested(fact) => told(&**fact),
        Event::TopUpSent(fact) => told(&**fact),
        Event::SweepReceived(fact) => told(&**fact),
        Event::ProductAdded(fact) => told(&**fact),
        Event::ExitQueued(fact) => told(&**fact),
        Event::ExitPaid(fact) => told(fact),
        Event::ExitEarned(fact) => told(fact),
        Event::ExitCancelled(fact) => told(&**fact),
        Event::ExitAllowanceSet(fact) => told(fact),
        Event::PolicySet(fact) => told(&**fact),
        Event::OrdersPlanned(fact) => told(&**fact),
        Event::OrderSigned(fact) => told(&**fact),
        Event::OrderTold(fact) => told(&**fact),
        Event::OfficeTaken(fact) => told(&**fact),
        Event::OrderPrepared(fact) => told(&**fact),
        Event::OrderSent(fact) => told(fact),
        Event::OrdersExpired(fact) => told(&**fact),
        Event::NetworkYieldSet(fact) => told(fact),
        Event::LossReserveFunded(fact) => told(fact),
        Event::LossReserveWithdrawn(fact) => told(fact),
        Event::CommissionWithdrawn(fact) => told(fact),
        Event::RateSettledFor(fact) => told(&**fact),
        Event::LossAllocated(fact) => told(fact),
        Event::LossRecovered(fact) => told(&**fact),
        Event::LossBorne(fact) => told(&**fact),
        Event::LossReturned(fact) => told(fact),
        Event::LossSettled(fact) => told(fact),
    }
}

/// When what an event of a record moved is stamped, and in the books of which day it is (RULES 2): a close is the last thing of the
/// day that it closes, wherever the clock stood; everything else is of the day in which it happened.
#[must_use]
pub fn stamped(state: &State, event: &Event, at: Timestamp) -> (Timestamp, Day) {
    if let Event::DayClosed(closed) = event {
        return (closed_at(state, closed.day), closed.day);
    }
    (at, state.registry.platform.offset.day_of(at))
}

/// The journal entries of an event, each balanced; they may touch several assets.
///
/// # Errors
/// [`Unbalanced`] when the event's amounts do not add up, which is a bug wherever it was decided.
pub fn post(catalogue: &impl Catalogue, event: &Event) -> Result<Vec<JournalEntry>, Unbalanced> {
    of(event, |fact| fact.entries(catalogue))
}

/// What the sender of a command is told after its event was applied.
#[must_use]
pub fn answer(state: &State, event: &Event, at: Timestamp) -> Answer {
    of(event, |fact| fact.answer(state, at))
}

/// What an event moved on its customer's two accounts of `asset`, where its entries did `spot` and `funding`.
#[must_use]
pub fn movements(event: &Event, asset: AssetIx, spot: Balance, funding: Balance) -> Vec<Movement> {
    of(event, |fact| if let News::Deed(deed) = fact.news() { of_deed(&deed, asset, spot, funding) } else { Vec::new() })
}
