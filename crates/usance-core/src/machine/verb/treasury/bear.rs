//! What each customer bears of a loss, gets back of one, and what the rest of the division becomes (TREASURY 8). Nobody asks for these: they
//! follow, one after another, when two people have said what customers bear.

use crate::calendar::Timestamp;
use crate::id::{AccountIx, AssetIx, CustomerIx, PositionId, ProductIx};
use crate::ledger::LedgerAccount::{CustomerFunding, CustomerPrincipal, RedemptionsQueued, RewardPool, SlashingLoss};
use crate::ledger::{JournalEntry, Unbalanced, Whose, credit, debit};
use crate::machine::answer::Answer;
use crate::machine::news::{Deed, HistoryKind, News, Staking};
use crate::machine::post::{Catalogue, one};
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::money::{Amount, mul_div};
use crate::pieces::packed::{Packed48, Packed96};
use crate::reward::accrue::Stake;
use crate::reward::clawback::AccountKind;
use crate::treasury::bearing::{Bearer, pro_rata};
use crate::treasury::loss::Loss;
use crate::treasury::queue::Exit;
use serde::{Deserialize, Serialize};

/// What an exit bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitBears {
    /// The number of its redemption.
    pub redemption: u64,
    /// Of what waits for Spot.
    pub from_spot: Amount,
    /// Of what waits for Funding.
    pub from_funding: Amount,
    /// What is not withheld any more beside it.
    pub comes_free: Amount,
}

impl ExitBears {
    /// What an exit bears, pro rata over its two parts.
    #[must_use]
    pub fn of(exit: &Exit, bears: Amount, comes_free: Amount) -> ExitBears {
        let (from_spot, from_funding) = pro_rata(bears, exit.to_spot, exit.to_funding);
        ExitBears { redemption: exit.redemption, from_spot, from_funding, comes_free }
    }
    /// What it bears.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.from_spot.plus(self.from_funding)
    }
}

/// What a position bears that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionBears {
    /// Of which product.
    pub product: ProductIx,
    /// How much.
    pub amount: Amount,
    /// How much less of the remaining principal counts as having come from Spot.
    pub spot_part: Amount,
    /// How its stake stands after it.
    pub stake: Stake,
}

/// A customer bore its part of a loss; it may be nothing, and then what was withheld for it comes free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossBorne {
    /// Which loss.
    pub loss: u64,
    /// Its place among those who bear it.
    pub place: u64,
    /// Who.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub asset: AssetIx,
    /// The position that bears; 0 of an exit that waited already.
    pub id: PositionId,
    /// What it bears itself.
    pub position: Option<PositionBears>,
    /// What exits bear: the one that it is, or those that were kept back for the position.
    pub exits: Vec<ExitBears>,
}

/// A customer got its part of what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossReturned {
    /// Of which loss.
    pub loss: u64,
    /// Its place among those who bore it.
    pub place: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub asset: AssetIx,
    /// How much, to Funding.
    pub amount: Amount,
}

/// All customers had their turn; what the division left over is the reward pool's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossSettled {
    /// Which loss.
    pub loss: u64,
    /// Of what.
    pub asset: AssetIx,
    /// Whether they got back; otherwise they bore.
    pub came_back: bool,
    /// What was left over.
    pub rest: Amount,
}

/// The next one that bears, or gets back.
pub enum Turn {
    /// It bears.
    Bears(LossBorne),
    /// It gets back.
    GetsBack(LossReturned),
    /// All had their turn.
    Settled(LossSettled),
}

impl State {
    /// Whose turn it is to bear, or to get back what came back; `None` when nobody's.
    pub(crate) fn next_turn(&self) -> Option<Turn> {
        (1..).zip(self.treasury.losses()).find_map(|(number, loss)| {
            if let Some(sharing) = loss.bearing.sharing {
                let bears = (sharing.next..loss.bearing.count()).find_map(|place| self.bears(number, loss, place));
                let (of, rest) = (loss.asset, sharing.left());
                return Some(bears.map_or(Turn::Settled(LossSettled { loss: number, asset: of, came_back: false, rest }), Turn::Bears));
            }
            let returning = loss.bearing.returning?;
            let borne = loss.borne?.by.customers;
            let gets = |place| self.gets_back(number, loss, (place, returning.amount, borne));
            let gets_back = (returning.next..loss.bearing.count()).find_map(gets);
            let (of, rest) = (loss.asset, returning.left());
            Some(gets_back.map_or(Turn::Settled(LossSettled { loss: number, asset: of, came_back: true, rest }), Turn::GetsBack))
        })
    }

    /// What the one at a place bears, and what of it comes free; `None` where it is nothing.
    fn bears(&self, number: u64, loss: &Loss, place: u64) -> Option<LossBorne> {
        let (bearer, is_exit) = loss.bearing.at(place)?;
        let asked = loss.bearing.part(bearer, loss.bearing.sharing?.amount);
        let mut borne = if is_exit { self.exit_bears(loss, bearer, asked)? } else { self.position_bears(loss, bearer, asked)? };
        (borne.loss, borne.place) = (number, place);
        borne.does_something().then_some(borne)
    }
    fn exit_bears(&self, loss: &Loss, bearer: &Bearer, asked: Amount) -> Option<LossBorne> {
        let exit = self.treasury.queue().of_redemption(bearer.number.get())?;
        let part = ExitBears::of(exit, asked, loss.bearing.at_most_of(bearer).left_after(asked));
        Some(LossBorne { exits: vec![part], ..LossBorne::nothing(exit.customer, exit.account, exit.asset) })
    }
    fn position_bears(&self, loss: &Loss, bearer: &Bearer, asked: Amount) -> Option<LossBorne> {
        let id = self.continued(PositionId(bearer.number.get()));
        let (running, origin) = self.position(id)?;
        let customer = self.accounts.get(running.account.index())?.customer;
        let kept = self.kept_for(customer, id);
        let all_kept = kept.iter().fold(Amount::ZERO, |sum, exit| sum.plus(exit.withheld_for_position));
        let earning = if running.is_active() { running.earning.get() } else { Amount::ZERO };
        let from_exits = asked.min(all_kept);
        let from_position = asked.left_after(from_exits).min(earning.left_after(Amount::ONE));
        let owed = self.owed_by(id).left_after(loss.bearing.at_most_of(bearer));
        let needed = Self::needed(owed, earning.left_after(from_position));
        let (mut to_bear, mut to_free) = (from_exits, all_kept.left_after(from_exits).left_after(needed));
        let mut exits = Vec::new();
        for exit in &kept {
            let bears = to_bear.min(exit.withheld_for_position);
            let comes_free = to_free.min(exit.withheld_for_position.left_after(bears));
            (to_bear, to_free) = (to_bear.left_after(bears), to_free.left_after(comes_free));
            if !bears.is_zero() || !comes_free.is_zero() {
                exits.push(ExitBears::of(exit, bears, comes_free));
            }
        }
        let (spot, principal) = (origin.from_spot.get(), running.principal());
        let position = (!from_position.is_zero()).then(|| PositionBears {
            product: running.product,
            spot_part: pro_rata(from_position, spot, principal.left_after(spot)).0,
            amount: from_position,
            stake: Stake {
                earning: running.earning.get().left_after(from_position),
                pending: running.pending.get(),
                carry: running.carry.get(),
            },
        });
        Some(LossBorne { id, position, exits, ..LossBorne::nothing(customer, running.account, loss.asset) })
    }
    /// What of what came back the one at a place gets: its part of what it bore of all that customers bore, rounded down.
    fn gets_back(&self, number: u64, loss: &Loss, (place, amount, borne): (u64, Amount, Amount)) -> Option<LossReturned> {
        let (bearer, is_exit) = loss.bearing.at(place)?;
        let amount = Amount::from_units(mul_div(bearer.borne.get().units(), amount.units(), borne.units()).0);
        let account = if is_exit {
            self.treasury.queue().of_redemption(bearer.number.get())?.account
        } else {
            self.position(PositionId(bearer.number.get()))?.0.account
        };
        let customer = self.accounts.get(account.index())?.customer;
        (!amount.is_zero()).then_some(LossReturned { loss: number, place, customer, account, asset: loss.asset, amount })
    }
}

impl LossBorne {
    /// Of whom, before it is said what.
    const fn nothing(customer: CustomerIx, account: AccountIx, asset: AssetIx) -> LossBorne {
        LossBorne { loss: 0, place: 0, customer, account, asset, id: PositionId(0), position: None, exits: Vec::new() }
    }
    fn of_exits(&self) -> Amount {
        self.exits.iter().fold(Amount::ZERO, |sum, exit| sum.plus(exit.amount()))
    }
    fn of_position(&self) -> Amount {
        self.position.map_or(Amount::ZERO, |position| position.amount)
    }
    /// What is borne.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.of_position().plus(self.of_exits())
    }
    /// Whether anything is borne or comes free.
    #[must_use]
    pub fn does_something(&self) -> bool {
        self.position.is_some() || self.exits.iter().any(|exit| !exit.amount().is_zero() || !exit.comes_free.is_zero())
    }
    /// Takes what the position bears off it.
    fn leave(&self, state: &mut State, bears: &PositionBears) {
        let index = self.id.index().unwrap_or(usize::MAX);
        state.forget_maturing(self.id);
        let (Some(running), Some(origin)) = (state.running.get_mut(index), state.origins.get_mut(index)) else {
            return state.break_with("who bears is a position", self.id.to_string());
        };
        running.earning = Packed96::new(bears.stake.earning);
        origin.from_spot = Packed96::new(origin.from_spot.get().left_after(bears.spot_part));
        let (product, holding) = (running.product, origin.holding);
        state.remember_maturing(self.id);
        state.unstake(product, holding, bears.amount);
    }
}

fn change(state: &mut State, number: u64, change: impl FnOnce(&mut Loss) -> bool) {
    if !state.treasury.loss_mut(number).is_some_and(change) {
        state.break_with("who bears a loss, bears one that is shared", format!("loss {number}"));
    }
}

impl Fact for LossBorne {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        if self.amount().is_zero() {
            return NO_MONEY;
        }
        let lines =
            [debit(CustomerPrincipal, self.of_position()), debit(RedemptionsQueued, self.of_exits()), credit(SlashingLoss, self.amount())];
        one(self.asset, Whose::Customer(self.customer), &lines)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        if let Some(bears) = &self.position {
            self.leave(state, bears);
        }
        state.queue_less(self.asset, self.of_exits());
        let for_position = self.id.0 != 0;
        for exit in &self.exits {
            let queue = state.treasury.queue_mut();
            let is_free = queue.release(exit.redemption, exit.amount().plus(exit.comes_free), for_position);
            let is_borne = exit.amount().is_zero() || queue.lose(exit.redemption, exit.from_spot, exit.from_funding, at);
            if !(is_free && is_borne) {
                state.break_with("what an exit bears was withheld", format!("redemption {}", exit.redemption));
            }
        }
        let (place, id, amount, of_position) = (self.place, self.id.0, self.amount(), self.of_position());
        change(state, self.loss, |loss| {
            let Some(bearer) = loss.bearing.at_mut(place) else { return false };
            (bearer.borne, bearer.of_position, bearer.bore_as) = (Packed96::new(amount), Packed96::new(of_position), Packed48::new(id));
            loss.bearing.sharing.as_mut().map(|sharing| sharing.took(place, amount)).is_some()
        });
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        if self.amount().is_zero() {
            return News::Nothing;
        }
        let staking =
            |bears: PositionBears| Staking { product: bears.product, position: self.id, value_date: None, stake: bears.stake, early: None };
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::Loss, reference: None, staking: self.position.map(staking) })
    }
}

impl Fact for LossReturned {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Customer(self.customer), &[debit(SlashingLoss, self.amount), credit(CustomerFunding, self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.credit(self.account, AccountKind::Funding, self.amount);
        let (place, amount) = (self.place, self.amount);
        change(state, self.loss, |loss| loss.bearing.returning.as_mut().map(|turns| turns.took(place, amount)).is_some());
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::LossReturned, reference: None, staking: None })
    }
}

impl Fact for LossSettled {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        if self.rest.is_zero() {
            return NO_MONEY;
        }
        let (bears, has_borne) = if self.came_back { (SlashingLoss, RewardPool) } else { (RewardPool, SlashingLoss) };
        one(self.asset, Whose::Platform, &[debit(bears, self.rest), credit(has_borne, self.rest)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        change(state, self.loss, |loss| {
            if self.came_back {
                return loss.bearing.returning.take().is_some();
            }
            let (Some(sharing), Some(borne)) = (loss.bearing.sharing.take(), &mut loss.borne) else { return false };
            (borne.by.customers, borne.by.pool) = (sharing.given, borne.by.pool.plus(self.rest));
            true
        });
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
