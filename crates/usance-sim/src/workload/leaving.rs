//! Occasions of whoever leaves while coins do not cover it: a line forms, coins come in bits, somebody stakes again, the wallet's word
//! grows stale, and what waits longer than promised earns.

use super::{CUSTOMERS, workload};
use crate::auditor::Auditor;
use usance_core::machine::Command;
use usance_workload::Dice;

/// So many customers leave in one instant, at most.
const LEAVING: usize = 5;

/// Whether a treasury has begun.
pub fn has_begun(auditor: &Auditor) -> bool {
    auditor.has_treasury()
}

/// One after another leaves, and each knows what those before have done.
struct Meanwhile {
    auditor: Auditor,
    commands: Vec<Command>,
}

impl Meanwhile {
    fn run(&mut self, command: Command) {
        // What is refused changes nothing for whoever comes next.
        let _ = self.auditor.run(&command, self.auditor.now);
        self.commands.push(command);
    }
    /// So many leave what they have of the coin that is staked, whole or in part; some wait.
    fn leaves(&mut self, dice: &mut Dice<'_>, most: u8) {
        for _ in 0..most {
            let all = &self.auditor.positions;
            let of_it = |number: &usize| all[*number].is_active() && self.auditor.products[all[*number].product].asset == 0;
            let running: Vec<usize> = (0..all.len()).filter(of_it).collect();
            let Some(number) = running.get(dice.index(running.len())).copied() else { return };
            let principal = all[number].principal();
            let part = (dice.below(3) > 0).then(|| principal / 16 * u128::from(dice.below(16))).filter(|units| *units > 0);
            let leaves = workload(&self.auditor).redemption_of(dice, number, part);
            self.run(leaves);
        }
    }
}

/// The wallet has little beyond what customers may take, several customers leave in one instant, and then coins come.
pub fn line(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let mut meanwhile = Meanwhile { auditor: auditor.clone(), commands: Vec::new() };
    let asset = usize::from(dice.below(2));
    if dice.below(5) < 4 {
        let attest = workload(&meanwhile.auditor).attest(dice, &meanwhile.auditor.treasury_seen(), asset);
        meanwhile.run(attest);
    }
    if dice.once_in(6) {
        let allowance = workload(&meanwhile.auditor).allowance(dice);
        meanwhile.run(allowance);
    }
    let all = &auditor.positions;
    let running: Vec<usize> =
        (0..all.len()).filter(|number| all[*number].is_active() && auditor.products[all[*number].product].asset == asset).collect();
    for _ in 0..usize::from(dice.below(4)) + 2 {
        let Some(number) = running.get(dice.index(running.len())) else { break };
        let part = (dice.below(3) > 0).then(|| meanwhile.auditor.positions[*number].principal() / 3);
        let leaves = workload(&meanwhile.auditor).redemption_of(dice, *number, part.filter(|units| *units > 0));
        meanwhile.run(leaves);
    }
    for _ in 0..dice.below(6) {
        let seen = meanwhile.auditor.treasury_seen();
        let now = workload(&meanwhile.auditor);
        let next = match dice.below(8) {
            0 | 1 => now.cancelling(dice, &seen),
            2..=4 => now.coins(dice, asset),
            5 => now.treasury(dice),
            6 => now.exit(dice, &seen),
            _ => now.attest(dice, &seen, asset),
        };
        meanwhile.run(next);
    }
    meanwhile.commands
}

/// The network takes a part of the stake while somebody waits and before others leave; mostly two people say at once who bears it, and
/// now and then some of it comes back.
pub fn losing(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let mut meanwhile = Meanwhile { auditor: auditor.clone(), commands: Vec::new() };
    if dice.once_in(2) {
        meanwhile.leaves(dice, 1);
    }
    let slashing = workload(&meanwhile.auditor).slashing(dice, &meanwhile.auditor.treasury_seen());
    slashing.into_iter().for_each(|command| meanwhile.run(command));
    let others = dice.below(3);
    meanwhile.leaves(dice, others);
    for _ in 0..dice.below(3) {
        let seen = meanwhile.auditor.treasury_seen();
        if seen.losses.is_empty() {
            break;
        }
        let said = workload(&meanwhile.auditor).loss(dice, &seen);
        meanwhile.run(said);
        // Two people sign it, as a treasury that goes on does first.
        for _ in 0..2 {
            let signed = workload(&meanwhile.auditor).treasury(dice);
            meanwhile.run(signed);
        }
    }
    meanwhile.commands
}

/// Everybody who waits stakes again in one instant, and somebody leaves at once behind them.
pub fn line_dissolves(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let waiting: Vec<(u64, String, bool)> = auditor.exits_seen().into_iter().filter(|(_, _, waits)| *waits).collect();
    let agreement = auditor.agreements.last().cloned().unwrap_or_default();
    let mut commands: Vec<Command> = waiting
        .into_iter()
        .take(LEAVING)
        .map(|(redemption, customer, _)| Command::CancelExit { customer, redemption, agreement: agreement.clone() })
        .collect();
    let customer = dice.one_of(&CUSTOMERS);
    let own = auditor.positions.iter().position(|position| position.is_active() && auditor.customers[position.customer] == customer);
    commands.extend(own.map(|number| workload(auditor).redemption_of(dice, number, None)));
    commands
}
