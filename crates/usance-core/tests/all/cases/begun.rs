//! A treasury that has begun, in the cases before a case adds its own: one network, an asset without decimals, days that begin at their
//! first instant.

use crate::driver::{Engine, hash, through_parts};
use usance_core::audit;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::AssetIx;
use usance_core::ledger::LedgerAccount;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{Attest, NewNetwork, ProductText, SaleText, SignProposal, Source, Subscribe, WalletMove};
use usance_core::machine::{Answer, Command, Event, Rejection};
use usance_core::money::{Amount, Rate};
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::product::{Distribution, Kind, RateMode, StakingTerms, Status, YieldTerms};
use usance_core::reward::clawback::AccountKind;
use usance_core::treasury::digest::digest;
use usance_core::treasury::network::NetworkTerms;
use usance_core::treasury::picture::{Delegation, Liquid, Picture};
use usance_workload::Situation;
use usance_workload::people::{public_key_of, signed};

pub const DAY_MS: i64 = 86_400_000;
/// The first day.
pub const FIRST: i64 = 1_767_225_600_000;

pub fn rate(text: &str) -> Rate {
    Rate::parse(text).expect("a rate")
}

/// A platform whose treasury has begun, at the first instant of the open day.
pub struct Scene {
    pub engine: Engine,
    pub at: Timestamp,
    pub picture: Picture,
    pub proposals: u64,
}

impl Scene {
    /// A treasury with 10,000,000 units staked, and nothing claimable.
    pub fn begun() -> Scene {
        let at = Timestamp::from_ms(FIRST);
        let line = |stake, claimable| Delegation {
            address: "addr1".into(),
            validator: "anna".into(),
            stake: Amount::from_units(stake),
            claimable: Amount::from_units(claimable),
            shares: None,
        };
        let picture = Picture {
            number: 1,
            chain_id: "hub-1".into(),
            height: 1,
            hash: "b".into(),
            time: at,
            addresses: vec!["addr1".into()],
            liquid: vec![Liquid { address: "addr1".into(), denomination: "uatom".into(), amount: Amount::ZERO }],
            delegations: vec![line(10_000_000, 0)],
            ..Picture::default()
        };
        let mut scene = Scene { engine: Engine::new(ClockMode::System, 0, at), at, picture, proposals: 0 };
        scene.ok(&Command::CreateAsset { symbol: "ATOM".into(), name: "Atom".into(), decimals: 0, display_decimals: 0 });
        scene.ok(&Command::PublishAgreement { version: "v1".into(), text: "Terms.".into() });
        for id in ["alice", "bob"] {
            scene.ok(&Command::CreateCustomer { id: id.into() });
            let (asset, amount, reference) = ("ATOM".into(), "100000000".into(), id.to_owned());
            scene.ok(&Command::Deposit(WalletMove { customer: id.into(), asset, account: AccountKind::Spot, amount, reference }));
        }
        for name in ["anna", "ben"] {
            scene.ok(&Command::RegisterPerson { name: name.into(), key: public_key_of(name) });
        }
        let terms = NetworkTerms { compounds: false, unbonding_ms: 0, earned_at_most: rate("10"), slashed_at_most: rate("1") };
        let coins = vec![("ATOM".to_owned(), "uatom".to_owned())];
        scene.ok(&Command::CreateNetwork(Box::new(NewNetwork { name: "hub".into(), chain_id: "hub-1".into(), coins, terms })));
        scene.both(Matter::AddTreasuryAddress { network: "hub".into(), address: "addr1".into() });
        scene.ok(&Command::Attest(Attest { asset: "ATOM".into(), amount: "200000000".into(), at, movement: 2 }));
        let first = scene.picture.clone();
        scene.ok(&Command::Observe { network: "hub".into(), picture: Box::new(first.clone()) });
        scene.both(Matter::ConfirmPicture { network: "hub".into(), number: 1, digest: digest(&first) });
        scene
    }
    pub fn run(&mut self, command: &Command) -> Result<Answer, Rejection> {
        self.engine.run(command, self.at)
    }
    pub fn ok(&mut self, command: &Command) -> Answer {
        self.run(command).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"))
    }
    /// Two people sign it.
    pub fn both(&mut self, matter: Matter) {
        self.ok(&Command::Propose { matter: Box::new(matter), expires_at: None });
        self.proposals += 1;
        for name in ["anna", "ben"] {
            let text = self.engine.state.text_to_sign(self.proposals, Verdict::Approve).expect("a proposal");
            let (proposal, person, signature) = (self.proposals, name.to_owned(), signed(name, &text));
            self.ok(&Command::SignProposal(Box::new(SignProposal { proposal, person, verdict: Verdict::Approve, signature })));
        }
    }
    /// A product at 36.5 % at most, and what a customer stakes in it.
    pub fn product(&mut self, id: &str, kind: Kind, yields: YieldTerms, whose: (&str, u128)) {
        let product = ProductText {
            id: id.into(),
            asset: "ATOM".into(),
            name: id.into(),
            kind,
            rates: vec![(Day::from_number(0), vec![(None, rate("0.365"))])],
            rate_mode: Some(RateMode::Floating),
            distribution: Some(Distribution::Daily),
            early_redemption: None,
            staking: StakingTerms { yields, ..StakingTerms::default() },
            sale: SaleText::default(),
        };
        self.ok(&Command::CreateProduct(Box::new(product)));
        self.ok(&Command::SetProductStatus { product: id.into(), status: Status::Open });
        if whose.1 > 0 {
            self.stake(whose.0, id, whose.1);
        }
    }
    pub fn stake(&mut self, customer: &str, product: &str, amount: u128) {
        let (customer, product, amount, agreement) = (customer.into(), product.into(), amount.to_string(), "v1".into());
        self.ok(&Command::Subscribe(Subscribe { customer, product, amount, source: Source::Spot, agreement, auto_renew: false }));
    }
    pub fn settle(&mut self, product: &str, settled: &str) {
        let day = self.engine.state.registry.open_day;
        let (product, rate) = (product.to_owned(), rate(settled));
        let passes_on =
            self.engine.state.product_ix(&product).and_then(|ix| self.engine.state.product(ix)).is_some_and(|one| one.staking.passes_on());
        self.ok(&if passes_on {
            Command::SettleRateFor { product, day, rate, reason: "There are too few days.".into() }
        } else {
            Command::SettleRate { product, day, rate }
        });
    }
    /// The network has paid so much since the last picture.
    pub fn earn(&mut self, units: u128) {
        self.picture.number += 1;
        self.picture.height += 1;
        self.picture.time = self.at;
        let claimable = &mut self.picture.delegations[0].claimable;
        *claimable = claimable.plus(Amount::from_units(units));
        let picture = Box::new(self.picture.clone());
        let told = self.ok(&Command::Observe { network: "hub".into(), picture });
        assert!(matches!(told, Answer::Picture { aside: None, .. }), "{told:?}");
    }
    pub fn close(&mut self) {
        self.at = Timestamp::from_ms(self.at.ms() + DAY_MS);
        self.engine.close_before(self.at);
        let state = &self.engine.state;
        assert_eq!(state.broken, None);
        assert!(audit::is_healthy(&audit::audit(state)), "{:#?}", audit::audit(state));
        assert_eq!(
            state.undistributed(AssetIx(0)).units(),
            state.undistributed_by_age(AssetIx(0)).units() as i128,
            "by day it is the same"
        );
    }
    pub fn stands(&self, account: LedgerAccount) -> i128 {
        self.engine.state.registry.control[0].balance(account).units()
    }
    /// What was settled for a product's last closed day.
    pub fn settled(&self, product: usize) -> String {
        let closed = self.engine.state.registry.products[product].closed.last().expect("a closed day");
        closed.settled.map_or("nothing".to_owned(), Rate::to_text)
    }
    pub fn funding(&self, customer: &str) -> u128 {
        self.engine.balance(customer, "ATOM", AccountKind::Funding).units()
    }
    /// All that closes divided for customers, and all that they passed to the pool.
    pub fn divided(&self) -> (u128, u128) {
        let events = self.engine.log.iter().flat_map(|record| &record.events);
        let days = events.filter_map(|event| if let Event::DayClosed(closed) = event { Some(&closed.yields) } else { None });
        days.flatten().fold((0, 0), |(net, passed), one| (net + one.divided.net.units(), passed + one.passed.units()))
    }
    pub fn check_replay(&self) {
        assert!(self.engine.replayed() == self.engine.state, "the log gives the same state");
        assert_eq!(hash(&through_parts(&self.engine.state)), hash(&self.engine.state));
        assert!(through_parts(&self.engine.state) == self.engine.state);
    }
}
