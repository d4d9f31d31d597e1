//! One word for every command, and the event that it becomes.
//!
//! The list has a line for each command: a command or an event that is not in it does not compile. Whoever demands that
//! "everything" was drawn, decided or stored walks [`Verb::ALL`].

use usance_core::machine::{Command, Event};

macro_rules! verbs {
    (asked { $($verb:ident => $event:ident,)+ } by_nobody { $($other:ident),+ }) => {
        /// A command without what it is about.
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
                    $(Event::$event { .. } => Some(Verb::$verb),)+
                    $(Event::$other { .. } => None,)+
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
        CreateProduct => ProductCreated,
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
    }
    by_nobody { PlatformCreated, WriterStarted, DayClosed }
}
