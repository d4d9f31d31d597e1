//! People: who comes and goes by two signatures, and what is signed by whom.

use crate::dice::Dice;
use crate::workload::Workload;
use ed25519_dalek::{Signer, SigningKey};
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::machine::verb::SignProposal;
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::person::{PublicKey, Signature};

/// Whoever may ever be a person.
pub const PEOPLE: [&str; 8] = ["anna", "ben", "cleo", "dan", "eva", "finn", "gil", "hana"];

/// The key that somebody signs with; of a sample, so nothing about it is secret.
#[must_use]
pub fn key_of(name: &str) -> SigningKey {
    let letters = name.bytes().cycle();
    let mut secret = [0; 32];
    secret.iter_mut().zip(letters).for_each(|(byte, letter)| *byte = letter);
    SigningKey::from_bytes(&secret)
}

/// The public half of somebody's key.
///
/// # Panics
/// When a name gives a key that proves nothing, which none of [`PEOPLE`] does.
#[must_use]
pub fn public_key_of(name: &str) -> PublicKey {
    PublicKey::from_bytes(key_of(name).verifying_key().to_bytes()).expect("a key")
}

/// What somebody signs.
#[must_use]
pub fn signed(name: &str, text: &str) -> Signature {
    Signature::from_bytes(key_of(name).sign(text.as_bytes()).to_bytes())
}

impl Workload<'_> {
    /// What people do: they come, propose and sign; now and then with a key that is another's, or under what nobody proposed.
    pub(crate) fn people(&self, dice: &mut Dice<'_>) -> Command {
        let name = dice.one_of(&PEOPLE);
        match dice.below(8) {
            0 => Command::RegisterPerson { name: name.to_owned(), key: public_key_of(name) },
            1 | 2 => {
                let matter = if dice.below(3) == 0 {
                    Matter::RemovePerson { name: name.to_owned() }
                } else {
                    Matter::RegisterPerson { name: name.to_owned(), key: public_key_of(name) }
                };
                let in_ms =
                    dice.one_of(&[None, None, Some(1_i64), Some(0), Some(5 * crate::clock::DAY_MS), Some(31 * crate::clock::DAY_MS)]);
                let expires_at = in_ms.map(|ms| Timestamp::from_ms(self.situation.now().ms() + ms));
                Command::Propose { matter: Box::new(matter), expires_at }
            }
            _ => self.signature(dice, name),
        }
    }

    /// Somebody signs, mostly the newest proposal and mostly for it.
    fn signature(&self, dice: &mut Dice<'_>, name: &str) -> Command {
        let newest = self.situation.proposals() as u64;
        let proposal = newest.saturating_sub(u64::from(dice.one_of(&[0_u8, 0, 0, 0, 1, 1, 2, 200])));
        let verdict = if dice.once_in(12) { Verdict::Decline } else { Verdict::Approve };
        let text = self.situation.text_to_sign(proposal, verdict).unwrap_or_default();
        let signature = match dice.below(8) {
            7 => signed(PEOPLE[0], &text),
            6 => signed(name, "something else"),
            _ => signed(name, &text),
        };
        Command::SignProposal(Box::new(SignProposal { proposal, person: name.to_owned(), verdict, signature }))
    }
}
