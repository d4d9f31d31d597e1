//! A round of a simulated process: everything that has arrived is decided, and every decision held against the auditor.

use crate::auditor::ClockSays;
use crate::auditor::staking::Figures;
use crate::compare::{self, Found, equal, same};
use crate::facts::Facts;
use crate::machine_clock::MachineClock;
use crate::node::{Life, Met, Node, Request, Sealed, Waiting};
use crate::plan::Trouble;
use crate::seen;
use crate::shown::to_be_shown;
use crate::workload::occasions;
use crate::world::World;
use std::rc::Rc;
use usance_core::calendar::Timestamp;
use usance_core::machine::verb::subscribe;
use usance_core::machine::{Answer, Command, Rejection, preview};
use usance_store::LogPosition;
use usance_store::codec::UsedKey;
use usance_store::image;
use usance_store::round::{Decided, Expectation, Round, Submission};

/// Batches that may wait for the disk: the one being written, the one behind it, and one that its writer holds.
const QUEUE_MAX: usize = 3;

impl World {
    /// Decides what has arrived, and holds every answer against the auditor.
    pub(crate) fn round(&mut self, at: usize, met: Met) -> Result<(), Found> {
        let Met { requests, pause, freeze, breaks_off } = met;
        let Node { life, clock: machine, snapshots } = &mut self.nodes[at];
        let Some(life) = life.as_mut() else { return Ok(()) };
        if life.queue.len() >= QUEUE_MAX {
            self.mail.extend(requests);
            return Ok(());
        }
        let (mut round, closed_before) = (Round::behind(life.head), life.auditor.closed.len());
        let (reading, says) = machine.read(life.auditor.now)?;
        let expected = life.auditor.close_due(says);
        let mut closes = Vec::new();
        round.close_due_days(&mut life.state, reading, |closed| closes.push(seen::closed_day(closed)));
        compare_closes(&expected, &closes)?;
        see_plan_of_closes(life)?;
        let (mut waiting, mut refused, mut unwanted) = (Vec::new(), Vec::new(), 0);
        for (number, request) in requests.into_iter().enumerate() {
            let passes = pause.filter(|(before, _)| *before == number).map_or(0, |(_, passes)| passes);
            machine.pass_to(machine.wall + passes);
            match decide(life, &mut round, request, machine)? {
                Sent::Waits(one) => waiting.push(one),
                Sent::Refused(request) => refused.push(request),
                Sent::Unwanted => unwanted += 1,
            }
        }
        compare::state(&life.state, &life.auditor)?;
        if breaks_off && !round.is_empty() {
            // What it holds was never stored: it may be kept nowhere, and nobody is answered from it.
            let kept = image::write(snapshots, 0, life.head, &life.state);
            equal("a state in which a round broke off is kept", false, kept.is_ok())?;
            self.mail.extend(waiting.into_iter().map(|waiting| waiting.request).chain(refused));
            let lost = self.nodes[at].die();
            self.mail.extend(lost);
            self.happened(Trouble::BreaksOff);
            return Ok(());
        }
        let many = life.auditor.closed[closed_before..].iter().filter(|day| occasions::is_many_matured(day)).count();
        let batch = round.seal(&mut life.state)?;
        let Some(batch) = batch else {
            // Answers that were given before need no batch, but for the one they stand in.
            let owed = life.queue.back_mut().map(|sealed| sealed.waiting.append(&mut waiting));
            self.mail.extend(refused);
            (0..unwanted).for_each(|_| self.happened(Trouble::Expectations));
            return if owed.is_some() { Ok(()) } else { self.answer(waiting) };
        };
        life.head = batch.head();
        let frozen = freeze.then(|| life.state.clone());
        self.known.insert(batch.hash, Rc::new(life.auditor.clone()));
        life.queue.push_back(Sealed { batch, waiting, frozen });
        self.mail.extend(refused);
        (0..unwanted).for_each(|_| self.happened(Trouble::Expectations));
        (0..many).for_each(|_| self.happened(Trouble::Maturities));
        Ok(())
    }
}

/// What became of a request in a round.
enum Sent {
    /// It has an answer once the batch is durable.
    Waits(Waiting),
    /// It was not decided; its sender tries again.
    Refused(Request),
    /// Its sender has been told that nothing was decided, because it was not as shown.
    Unwanted,
}

/// Decides one request and holds the decision against the auditor.
fn decide(life: &mut Life, round: &mut Round, request: Request, machine: &mut MachineClock) -> Result<Sent, Found> {
    let (reading, says) = machine.read(life.auditor.now)?;
    let expected = life.auditor.close_due(says);
    let at = if life.auditor.unconfirmed(says).is_some() { life.auditor.now } else { life.auditor.said(says.says) };
    // Whoever asks in a day whose predecessor is open is shown nothing before it is closed.
    if let Some(command) = request.command.as_ref().filter(|_| expected.is_empty()) {
        shows(life, command, at)?;
    }
    let holds = match (&request.shown, &request.command) {
        (None, _) => true,
        (Some(shown), Some(command)) => to_be_shown(&life.auditor, command, at).is_some_and(|now| now == shown.facts),
        (Some(_), None) => false,
    };
    let submission = Submission {
        actor: None,
        key: Some(UsedKey { hash: request.key, fingerprint: request.fingerprint }),
        command: request.command.clone(),
        expects: request.shown.as_ref().map(|shown| Expectation::Shown(Box::new(shown.preview.clone()))),
    };
    let mut closes = Vec::new();
    round.close_due_days(&mut life.state, reading, |closed| closes.push(seen::closed_day(closed)));
    see_plan_of_closes(life)?;
    let decided = round.decide(&mut life.state, submission, reading, |closed| closes.push(seen::closed_day(closed)));
    // Days that a move or a confirmation passes are told behind those that were due.
    let passed = closes.split_off(expected.len().min(closes.len()));
    compare_closes(&expected, &closes)?;
    let open = life.auditor.today;
    let kept = life.auditor.kept(&request.key, at).map(|(kept, firm)| (kept.clone(), firm));
    if matches!(decided, Decided::Now { .. } | Decided::Unexpected) {
        life.auditor.expire(at);
    }
    match (decided, kept) {
        (Decided::Before { place }, Some((kept, _))) => {
            let reused = kept.fingerprint != request.fingerprint;
            Ok(Sent::Waits(Waiting { request, place, told: kept.told, reused }))
        }
        (Decided::Before { .. }, None) => Err("a key that nobody used is known".into()),
        (_, Some((kept, true))) => Err(format!("a key that was used {} ms ago is not known", at - kept.at)),
        (Decided::Unconfirmed { ahead_ms }, _) => {
            equal("how far the clock is ahead", life.auditor.unconfirmed(says), Some(ahead_ms))?;
            Ok(Sent::Refused(request))
        }
        (Decided::Unexpected, _) => {
            equal("not decided, because it is not as it was shown", false, holds)?;
            Ok(Sent::Unwanted)
        }
        (Decided::Now { place, outcome }, _) => {
            equal("decided as it was shown", true, holds)?;
            if matches!(request.command, Some(Command::ConfirmClock { .. })) && outcome.is_ok() {
                machine.confirm();
            }
            let sent = decided_now(life, request, place, &outcome, (says, at))?;
            equal("days told that were passed", i64::try_from(passed.len()), Ok(life.auditor.today - open))?;
            Ok(sent)
        }
    }
}

/// Holds an answer that was given now against the auditor, whose turn it is to book the command.
fn decided_now(
    life: &mut Life,
    request: Request,
    place: LogPosition,
    outcome: &Result<Answer, Rejection>,
    (says, at): (ClockSays, i64),
) -> Result<Sent, Found> {
    let confirming = matches!(request.command, Some(Command::ConfirmClock { .. }));
    if !confirming {
        equal("decided although the clock has to be confirmed", None, life.auditor.unconfirmed(says))?;
    }
    let said = life.auditor.said(says.says);
    let (told, stamped) = match &request.command {
        None => (Facts::of("nothing"), at),
        Some(command) => {
            let asked = if confirming { Command::ConfirmClock { clock: Timestamp::from_ms(said) } } else { command.clone() };
            let told = life.auditor.run(&asked, at);
            let stamped = match (&asked, &told) {
                (Command::MoveClock { to }, Ok(_)) => to.ms(),
                (Command::ConfirmClock { .. }, _) => said,
                _ => at,
            };
            (told.unwrap_or_else(|refused| refused.0), stamped)
        }
    };
    same(&format!("the answer to {:?} at {at}", request.command), &told, &seen::outcome(outcome))?;
    see_plan(life, stamped)?;
    life.auditor.keep(request.key, request.fingerprint, stamped, told.clone());
    Ok(Sent::Waits(Waiting { request, place, told: Rc::new(told), reused: false }))
}

/// What a customer is shown before a subscription or redemption.
fn shows(life: &Life, command: &Command, at: i64) -> Result<(), Found> {
    let now = Timestamp::from_ms(at);
    let (expected, shown): (Facts, Facts) = match command {
        Command::Subscribe(asked) => {
            let whole = subscribe::Asked {
                customer: &asked.customer,
                product: &asked.product,
                amount: &asked.amount,
                source: Some(asked.source),
                agreement: Some(&asked.agreement),
                auto_renew: asked.auto_renew,
            };
            let expected = life.auditor.check_subscription(asked, at).map(|doing| life.auditor.preview_facts(&doing));
            let shown = subscribe::check(&life.state, &whole, now);
            let shown = shown.map(|event| seen::preview(&life.state, &event).unwrap_or_else(|| Facts::of("no preview")));
            (expected.unwrap_or_else(|refused| refused.0), shown.unwrap_or_else(|rejection| seen::refused(&rejection)))
        }
        Command::Redeem(asked) | Command::QueueExit(asked) => {
            let expected = life.auditor.check_redemption(asked);
            let expected = expected
                .map(|(number, all)| Figures { spot_part: 0, ..all }.facts().with_all(life.auditor.outlook_of_exit(number, &all, at)));
            let (amount, to) = (asked.amount.as_deref(), asked.to);
            let shown = preview::redemption(&life.state, &asked.customer, asked.position, amount, to, now);
            let shown = shown.map(|shown| seen::figures(&shown.figures).with_all(seen::outlook_of_exit(&shown)));
            (expected.unwrap_or_else(|refused| refused.0), shown.unwrap_or_else(|rejection| seen::refused(&rejection)))
        }
        _ => return Ok(()),
    };
    same(&format!("the preview of {command:?} at {at}"), &expected, &shown)
}

fn compare_closes(expected: &[Vec<Facts>], seen: &[Vec<Facts>]) -> Result<(), Found> {
    equal("days closed", expected.len(), seen.len())?;
    for (expected, seen) in expected.iter().zip(seen) {
        equal("products of a closed day", expected.len(), seen.len())?;
        expected.iter().zip(seen).try_for_each(|(expected, seen)| same("a close", expected, seen))?;
    }
    Ok(())
}

/// The plan that closes have led to, at the first instant of the day that is open then.
fn see_plan_of_closes(life: &mut Life) -> Result<(), Found> {
    let at = life.auditor.start_of(life.auditor.today);
    see_plan(life, at)
}

fn see_plan(life: &mut Life, at: i64) -> Result<(), Found> {
    let (orders, last) = seen::planned_now(&life.state);
    life.auditor.see_plan(&orders, last, at)
}
