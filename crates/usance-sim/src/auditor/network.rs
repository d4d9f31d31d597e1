//! A network by the auditor's own books, written from TREASURY.md: what a picture comes to.

use super::arithmetic::signed;
use super::bearing::Shared;
use super::order_book::Orders;
use std::collections::{BTreeMap, BTreeSet};
use usance_core::treasury::picture::{Effect, Happened, Picture, Released};

const DAY_MS: i64 = 86_400_000;

/// Coins of one asset on one account.
pub type Books = BTreeMap<(usize, &'static str), i128>;

/// Coins between wallet and treasury.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving {
    pub(super) sweep: bool,
    pub(super) hash: String,
    pub(super) address: String,
    pub(super) coin: usize,
    pub(super) units: u128,
    /// When it left.
    pub(super) left_at: i64,
}

/// What nobody has explained.
#[derive(Clone, Debug)]
pub struct Held {
    pub(super) number: u64,
    /// The treasury's account.
    pub(super) account: &'static str,
    pub(super) address: String,
    pub(super) validator: String,
    pub(super) coin: usize,
    pub(super) units: i128,
    /// The hash of a stranger's transfer, and the address.
    pub(super) stranger: Option<(String, String)>,
    /// Whether it is a transaction that nobody ordered.
    pub(super) unordered: bool,
}

/// A network.
#[derive(Clone, Debug)]
pub struct Net {
    pub(super) name: String,
    pub(super) chain: String,
    /// Assets and denominations; the first is staked.
    pub(super) coins: Vec<(usize, String)>,
    pub(super) compounds: bool,
    /// How long coins are freed, in milliseconds.
    pub(super) unbonding_ms: i64,
    pub(super) earned_at_most: u128,
    pub(super) slashed_at_most: u128,
    pub(super) addresses: Vec<String>,
    pub(super) destinations: Vec<(String, String)>,
    pub(super) picture: Option<Picture>,
    pub(super) aside: Option<(Picture, &'static str)>,
    pub(super) held: Vec<Held>,
    pub(super) differences: u64,
    pub(super) moving: Vec<Moving>,
    pub(super) orders: Orders,
    /// The time of the last picture with a slash, and what that took by validator.
    pub(super) last_slash: Option<(i64, BTreeMap<String, i128>)>,
    /// What it pays.
    pub(super) paying: super::paying::Paying,
}

/// A loss.
#[derive(Clone, Debug)]
pub struct Lost {
    pub(super) asset: usize,
    pub(super) units: u128,
    /// The picture or the difference that shows it.
    pub(super) shown_by: String,
    pub(super) at: i64,
    /// What each bears, once two people have said so.
    pub(super) borne: Option<[u128; 4]>,
    /// What each got back.
    pub(super) back: [u128; 4],
    /// Who of its customers may have to bear of it.
    pub(super) shared: Shared,
}

impl Lost {
    pub(super) fn left(&self) -> [u128; 4] {
        let borne = self.borne.unwrap_or_default();
        [0, 1, 2, 3].map(|place| borne[place] - self.back[place])
    }
}

/// What is known of the wallet's coins of an asset.
#[derive(Clone, Debug, Default)]
pub struct Wallet {
    /// Custody after each movement that an attestation may name.
    pub(super) movements: Vec<(u64, i128)>,
    /// Amount, instant, movement, custody after it.
    pub(super) attested: Option<(u128, i64, u64, i128)>,
}

/// What a picture comes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub(super) books: Books,
    pub(super) held: Vec<Held>,
    pub(super) arrived: Vec<(String, String, usize)>,
    pub(super) begun: Vec<Moving>,
    /// What was slashed, by validator.
    pub(super) slashed: BTreeMap<String, i128>,
    pub(super) aside: Option<&'static str>,
    pub(super) ends: Vec<(u64, &'static str)>,
}

/// A place on a network: the account, the address, and the validator with the entry's start.
type Place = (&'static str, String, String, u64);

#[derive(Clone, Copy, Default)]
struct Flow {
    pub(super) units: i128,
    pub(super) touched: u128,
}

impl Net {
    fn coin(&self, denomination: &str) -> Option<usize> {
        self.coins.iter().position(|(_, own)| own == denomination)
    }

    /// What is booked at the treasury's places, by asset and account.
    pub(super) fn places(&self) -> Books {
        let mut books = Books::new();
        let mut add = |coin: usize, account, units: i128| *books.entry((self.coins[coin].0, account)).or_default() += units;
        if let Some(picture) = &self.picture {
            for line in &picture.liquid {
                if let Some(coin) = self.coin(&line.denomination) {
                    add(coin, "treasury_liquid", signed(line.amount.units()));
                }
            }
            for line in &picture.delegations {
                add(0, "treasury_staked", signed(line.stake.units()));
                add(0, "treasury_claimable", signed(line.claimable.units()));
            }
            picture.unbonding.iter().for_each(|line| add(0, "treasury_unbonding", signed(line.balance.units())));
        }
        self.held.iter().for_each(|held| add(held.coin, held.account, -held.units));
        self.moving.iter().for_each(|moving| add(moving.coin, "in_transit", signed(moving.units)));
        books
    }

    /// What is booked as staked with each validator.
    pub(super) fn stakes(&self) -> BTreeMap<String, i128> {
        let mut stakes: BTreeMap<String, i128> = BTreeMap::new();
        for line in self.picture.iter().flat_map(|picture| &picture.delegations) {
            *stakes.entry(line.validator.clone()).or_default() += signed(line.stake.units());
        }
        for held in self.held.iter().filter(|held| held.account == "treasury_staked") {
            *stakes.entry(held.validator.clone()).or_default() -= held.units;
        }
        stakes.retain(|_, units| *units != 0);
        stakes
    }

    /// Whether anything is there at an address.
    pub(super) fn brings(&self, picture: &Picture, address: &str) -> bool {
        let known = |line: &usance_core::treasury::picture::Liquid| self.coin(&line.denomination).is_some() && line.amount.units() > 0;
        picture.liquid.iter().any(|line| line.address == address && known(line))
            || picture.delegations.iter().any(|line| line.address == address && line.stake.units() + line.claimable.units() > 0)
            || picture.unbonding.iter().any(|line| line.address == address && line.balance.units() > 0)
    }

    pub(super) fn is_new(&self, address: &str) -> bool {
        self.picture.as_ref().is_some_and(|picture| !picture.addresses.iter().any(|known| known == address))
    }

    /// What a picture comes to, told from the one before.
    pub(super) fn story(&self, picture: &Picture) -> Story {
        let mut story = Story::default();
        let before = self.picture.clone().unwrap_or_else(|| Picture {
            liquid: Vec::new(),
            delegations: Vec::new(),
            unbonding: Vec::new(),
            transactions: Vec::new(),
            inflows: Vec::new(),
            happened: Vec::new(),
            ..picture.clone()
        });
        let flows = self.flows(picture, &mut story);
        let (was, now) = (self.at(&before), self.at(picture));
        let slashed = slashed(&before, picture);
        let places: BTreeSet<(usize, Place)> = was.keys().chain(now.keys()).chain(flows.keys()).cloned().collect();
        let mut earned = 0;
        for key in places {
            let (coin, (account, address, validator, started)) = (key.0, key.1.clone());
            let (there, here) = (was.get(&key).copied().unwrap_or_default(), now.get(&key).copied().unwrap_or_default());
            if self.picture.is_none() || self.is_new(&address) {
                let source = if account == "treasury_claimable" { "opening_equity" } else { "custody" };
                self.book(&mut story, coin, account, source, here);
                story.aside.get_or_insert("opening");
                continue;
            }
            let mut flow = flows.get(&key).copied().unwrap_or_default();
            if account == "treasury_unbonding" && here == 0 && there + flow.units > 0 {
                let told = picture.happened.iter().any(|happened| {
                    matches!(happened, Happened::Matured { address: of, validator: from, started: at, .. }
                        if *of == address && *from == validator && *at == started)
                });
                let due =
                    before.unbonding.iter().find(|line| line.address == address && line.validator == validator && line.started == started);
                if !told && due.is_none_or(|line| line.completes_at <= picture.time) && !now.contains_key(&key) {
                    self.book(&mut story, coin, "treasury_liquid", account, there + flow.units);
                    flow.units = -there;
                }
            }
            let rest = here - there - flow.units;
            let few = rest.unsigned_abs() <= flow.touched + 1;
            let stays = now.contains_key(&key);
            let reached = slashed.contains(validator.as_str())
                || before
                    .redelegations
                    .iter()
                    .chain(&picture.redelegations)
                    .filter(|moved| moved.until > before.time && moved.address == address && moved.to == validator)
                    .any(|moved| slashed.contains(moved.from.as_str()));
            let shares = |picture: &Picture| {
                let line = picture.delegations.iter().find(|line| line.address == address && line.validator == validator);
                line.map(|line| line.shares)
            };
            let fell = match (shares(&before), shares(picture)) {
                (Some(Some(was)), Some(Some(now))) => now < was,
                _ => false,
            };
            match account {
                _ if rest == 0 => {}
                "treasury_claimable" if rest > 0 => {
                    earned += rest;
                    self.book(&mut story, coin, account, "reward_pool", rest);
                }
                "treasury_staked" if rest > 0 && self.compounds => {
                    earned += rest;
                    self.book(&mut story, coin, account, "reward_pool", rest);
                }
                "treasury_liquid" => self.hold(&mut story, account, (coin, &address, &validator), rest, None),
                _ if few => self.book(&mut story, coin, account, "network_rounding", rest),
                "treasury_staked" if rest > 0 => {
                    story.aside.get_or_insert("stake_from_nowhere");
                    self.hold(&mut story, account, (coin, &address, &validator), rest, None);
                }
                "treasury_staked" if reached || (flow.touched == 0 && fell) => self.lose(&mut story, (account, &validator), there, -rest),
                "treasury_unbonding"
                    if rest < 0 && (stays || !was.contains_key(&key) || is_due(&before, picture, &address, &validator, started)) =>
                {
                    // What would be there, with what transactions put in and without what they took out, but before it was freed.
                    let freed: i128 = matured(picture, &address, &validator, started);
                    self.lose(&mut story, (account, &validator), there + flow.units + freed, -rest);
                }
                _ => self.hold(&mut story, account, (coin, &address, &validator), rest, None),
            }
        }
        let total = |picture: &Picture| picture.delegations.iter().map(|line| line.stake.units()).sum::<u128>();
        let days = u128::try_from((picture.time.ms() - before.time.ms()).max(0) / DAY_MS).unwrap_or_default();
        let bound = (total(&before).max(total(picture)) * self.earned_at_most / (365 * 100_000_000) + 1) * (days + 2);
        if earned > signed(bound) {
            story.aside.get_or_insert("earned_too_much");
        }
        let (ends, unordered) = self.settle(picture, &story.arrived);
        story.ends = ends;
        for (_, address) in unordered {
            let (account, validator) = ("treasury_liquid", String::new());
            story.held.push(Held { number: 0, account, address, validator, coin: 0, units: 0, stranger: None, unordered: true });
        }
        self.number(&mut story.held);
        story
    }

    fn book(&self, story: &mut Story, coin: usize, to: &'static str, from: &'static str, units: i128) {
        let asset = self.coins[coin].0;
        for account in [to, from] {
            // Assets and what lessens equity grow by what comes to them, all else by what comes from it.
            let grows = GROW_BY_DEBIT.contains(&account) == (account == to);
            *story.books.entry((asset, account)).or_default() += if grows { units } else { -units };
        }
    }

    fn hold(&self, story: &mut Story, account: &'static str, at: (usize, &str, &str), units: i128, stranger: Option<(String, String)>) {
        let (coin, address, validator) = (at.0, at.1.to_owned(), at.2.to_owned());
        if units != 0 {
            story.held.push(Held { number: 0, account, address, validator, coin, units, stranger, unordered: false });
        }
    }

    /// Numbers in the order of coin, account, address, validator and amount.
    fn number(&self, held: &mut [Held]) {
        let accounts = ["treasury_liquid", "treasury_staked", "treasury_unbonding", "treasury_claimable"];
        held.sort_by_key(|held| {
            let account = accounts.iter().position(|account| *account == held.account);
            let address = self.addresses.iter().position(|address| *address == held.address);
            (held.coin, account, address, held.validator.clone(), held.units)
        });
        for (number, held) in (self.differences + 1..).zip(held) {
            held.number = number;
        }
    }

    fn lose(&self, story: &mut Story, (account, validator): (&'static str, &str), of: i128, units: i128) {
        *story.slashed.entry(validator.to_owned()).or_default() += units;
        self.book(story, 0, "slashing_loss", account, units);
        if units > of * signed(self.slashed_at_most) / 100_000_000 + 1 {
            story.aside.get_or_insert("slashed_too_much");
        }
    }

    /// What is where.
    fn at(&self, picture: &Picture) -> BTreeMap<(usize, Place), i128> {
        let mut at = BTreeMap::new();
        for address in &picture.addresses {
            for (coin, (_, denomination)) in self.coins.iter().enumerate() {
                let lines = picture.liquid.iter().filter(|line| line.address == *address && line.denomination == *denomination);
                let units: i128 = lines.map(|line| signed(line.amount.units())).sum();
                at.insert((coin, ("treasury_liquid", address.clone(), String::new(), 0)), units);
            }
        }
        for line in &picture.delegations {
            at.insert((0, ("treasury_staked", line.address.clone(), line.validator.clone(), 0)), signed(line.stake.units()));
            at.insert((0, ("treasury_claimable", line.address.clone(), line.validator.clone(), 0)), signed(line.claimable.units()));
        }
        for line in &picture.unbonding {
            let place = ("treasury_unbonding", line.address.clone(), line.validator.clone(), line.started);
            at.insert((0, place), signed(line.balance.units()));
        }
        at
    }

    /// What is known to have come and gone; what that means for the books is booked as it is met.
    fn flows(&self, picture: &Picture, story: &mut Story) -> BTreeMap<(usize, Place), Flow> {
        let mut flows: BTreeMap<(usize, Place), Flow> = BTreeMap::new();
        if self.picture.is_none() {
            return flows;
        }
        let liquid = |address: &str| ("treasury_liquid", address.to_owned(), String::new(), 0);
        let of = |account, address: &str, validator: &str, started| (account, address.to_owned(), validator.to_owned(), started);
        let mut flow = |coin: usize, place: Place, units: i128, touches: u128| {
            let known = flows.entry((coin, place)).or_default();
            known.units += units;
            known.touched += touches;
        };
        for one in picture.transactions.iter().filter(|one| !self.is_new(&one.address)) {
            let address = one.address.as_str();
            if let Some(coin) = self.coin(&one.fee_denomination) {
                flow(coin, liquid(address), -signed(one.fee.units()), 0);
                self.book(story, coin, "network_fees", "treasury_liquid", signed(one.fee.units()));
            }
            for effect in &one.effects {
                let units = signed(effect.amount().units());
                match effect {
                    Effect::Delegated { validator, .. } => {
                        flow(0, liquid(address), -units, 0);
                        flow(0, of("treasury_staked", address, validator, 0), units, 1);
                        flow(0, of("treasury_claimable", address, validator, 0), 0, 1);
                        self.book(story, 0, "treasury_staked", "treasury_liquid", units);
                    }
                    Effect::Undelegated { validator, started, .. } => {
                        flow(0, of("treasury_staked", address, validator, 0), -units, 1);
                        flow(0, of("treasury_claimable", address, validator, 0), 0, 1);
                        flow(0, of("treasury_unbonding", address, validator, *started), units, 0);
                        self.book(story, 0, "treasury_unbonding", "treasury_staked", units);
                    }
                    Effect::Cancelled { validator, started, .. } => {
                        flow(0, of("treasury_staked", address, validator, 0), units, 1);
                        flow(0, of("treasury_claimable", address, validator, 0), 0, 1);
                        flow(0, of("treasury_unbonding", address, validator, *started), -units, 0);
                        self.book(story, 0, "treasury_staked", "treasury_unbonding", units);
                    }
                    Effect::Redelegated { from, to, .. } => {
                        flow(0, of("treasury_staked", address, from, 0), -units, 1);
                        flow(0, of("treasury_staked", address, to, 0), units, 1);
                        flow(0, of("treasury_claimable", address, from, 0), 0, 1);
                        flow(0, of("treasury_claimable", address, to, 0), 0, 1);
                    }
                    Effect::Sent { denomination, to, memo, .. } => {
                        let Some(coin) = self.coin(denomination) else { continue };
                        flow(coin, liquid(address), -units, 0);
                        if self.destinations.iter().any(|(known, with)| known == to && with == memo) {
                            self.book(story, coin, "in_transit", "treasury_liquid", units);
                            let (hash, address, units) = (one.hash.clone(), address.to_owned(), effect.amount().units());
                            if units > 0 {
                                story.begun.push(Moving { sweep: true, hash, address, coin, units, left_at: picture.time.ms() });
                            }
                        } else {
                            self.hold(story, "treasury_liquid", (coin, address, ""), -units, None);
                        }
                    }
                }
            }
        }
        let by_transactions = picture.transactions.iter().flat_map(|one| one.released.iter().map(|released| (&one.address, released)));
        let by_blocks = picture.happened.iter().filter_map(|happened| match happened {
            Happened::ReleasedTo { address, released } => Some((address, released)),
            Happened::Matured { .. } | Happened::Slashed { .. } => None,
        });
        for (address, Released { validator, denomination, amount }) in by_transactions.chain(by_blocks) {
            let (Some(coin), false) = (self.coin(denomination), self.is_new(address)) else { continue };
            let units = signed(amount.units());
            flow(coin, liquid(address), units, 0);
            if coin == 0 {
                flow(0, of("treasury_claimable", address, validator, 0), -units, 0);
                self.book(story, 0, "treasury_liquid", "treasury_claimable", units);
            } else {
                self.book(story, coin, "treasury_liquid", "other_income", units);
            }
        }
        for happened in &picture.happened {
            if let Happened::Matured { address, validator, started, amount } = happened {
                let units = signed(amount.units());
                flow(0, liquid(address), units, 0);
                flow(0, of("treasury_unbonding", address, validator, *started), -units, 0);
                self.book(story, 0, "treasury_liquid", "treasury_unbonding", units);
            }
        }
        for inflow in picture.inflows.iter().filter(|inflow| !self.is_new(&inflow.address)) {
            let Some(coin) = self.coin(&inflow.denomination) else { continue };
            let units = signed(inflow.amount.units());
            flow(coin, liquid(&inflow.address), units, 0);
            let told = self.moving.iter().any(|moving| {
                let same = moving.address == inflow.address && moving.coin == coin && moving.units == inflow.amount.units();
                !moving.sweep && moving.hash == inflow.hash && same
            });
            if told {
                self.book(story, coin, "treasury_liquid", "in_transit", units);
                story.arrived.push((inflow.hash.clone(), inflow.address.clone(), coin));
            } else {
                self.hold(
                    story,
                    "treasury_liquid",
                    (coin, &inflow.address, ""),
                    units,
                    Some((inflow.hash.clone(), inflow.address.clone())),
                );
            }
        }
        // What is freed without a word comes to the free coins, too.
        let before = self.picture.as_ref();
        for line in before.into_iter().flat_map(|before| &before.unbonding) {
            let key = (0, of("treasury_unbonding", &line.address, &line.validator, line.started));
            let is_there = picture
                .unbonding
                .iter()
                .any(|now| now.address == line.address && now.validator == line.validator && now.started == line.started);
            let told = matured(picture, &line.address, &line.validator, line.started) != 0;
            if !is_there && !told && line.completes_at <= picture.time {
                let cancelled = flows.get(&key).map_or(0, |flow| flow.units);
                let known = flows.entry((0, liquid(&line.address))).or_default();
                known.units += signed(line.balance.units()) + cancelled;
            }
        }
        flows
    }
}

/// Accounts that grow by what comes to them.
const GROW_BY_DEBIT: [&str; 9] = [
    "custody",
    "in_transit",
    "treasury_liquid",
    "treasury_staked",
    "treasury_unbonding",
    "treasury_claimable",
    "slashing_loss",
    "network_fees",
    "network_rounding",
];

fn matured(picture: &Picture, address: &str, validator: &str, started: u64) -> i128 {
    let paid = picture.happened.iter().map(|happened| match happened {
        Happened::Matured { address: of, validator: from, started: at, amount } if of == address && from == validator && *at == started => {
            signed(amount.units())
        }
        _ => 0,
    });
    paid.sum()
}

fn is_due(before: &Picture, picture: &Picture, address: &str, validator: &str, started: u64) -> bool {
    let mut lines = before.unbonding.iter();
    lines.any(|line| line.address == address && line.validator == validator && line.started == started && line.completes_at <= picture.time)
}

/// Whoever the network says was slashed, and whose share is worth less.
pub(super) fn slashed<'p>(before: &'p Picture, picture: &'p Picture) -> BTreeSet<&'p str> {
    let told = picture.happened.iter().filter_map(|happened| match happened {
        Happened::Slashed { validator } => Some(validator.as_str()),
        _ => None,
    });
    let fell = picture.validators.iter().filter(|now| {
        before.validators.iter().any(|was| {
            let (Some(old), Some(new)) = (was.shares, now.shares) else { return false };
            let big = |units: u128, shares: u128| num_bigint::BigUint::from(units) * num_bigint::BigUint::from(shares);
            was.validator == now.validator && big(now.tokens.units(), old) < big(was.tokens.units(), new)
        })
    });
    told.chain(fell.map(|validator| validator.validator.as_str())).collect()
}
