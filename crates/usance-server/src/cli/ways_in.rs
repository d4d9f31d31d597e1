//! What `usance verify` looks at of the ways in: the chain of security events, and how old the keys and exposed tokens are.

use crate::cli::check::{Check, Verdict, failed};
use crate::cli::store_flags::Visited;
use crate::wire::text::hex;
use usance_engine::life::clock::EngineClock;
use usance_engine::people::keys::today;
use usance_store::note::Proof;
use usance_store::security::verify_events;
use usance_store::{DataDirectory, IdentityStore, Note, Secrets, StoreError};

/// Events that are read at a time.
const EVENTS: u32 = 1000;

const CHAIN: &str = "security events follow one another";
const KEYS: &str = "the secrets file is the store's";

/// Looks at both; at neither in people that no process of this release has brought up.
pub fn checks(visited: &Visited) -> Vec<Check> {
    let people = match visited.home.people_to_read() {
        Ok(people) => people,
        // Whether they have to be there is another check's affair.
        Err(StoreError::NotFound { .. } | StoreError::OlderVersion { .. }) => return Vec::new(),
        Err(error) => return vec![failed(CHAIN, &error.into())],
    };
    let own = [chain(people.as_ref()), keys(people.as_ref(), visited.keys.as_ref())];
    own.into_iter().chain(note(visited)).collect()
}

/// What the signature of a copy's note proves, where there is a copy and a secrets file.
fn note(visited: &Visited) -> Option<Check> {
    let (directory, keys) = (visited.directory.as_deref()?, visited.keys.as_ref()?);
    // A note that cannot be read is another check's affair.
    let (verdict, seen) = match DataDirectory::open_shared(directory).and_then(|directory| Note::of(&directory)).ok().flatten()?.proof(keys)
    {
        Proof::Signed => (Verdict::Holds, "signed"),
        Proof::Unsigned => (Verdict::Holds, "not signed: whoever can write the copy could have written it"),
        Proof::OtherKey => (Verdict::Holds, "signed with a key that is not in the secrets file"),
        Proof::Forged => (Verdict::Broken, "it carries the name of a key and not its mark"),
    };
    Some(Check { name: "the copy's note is signed with the secrets file".into(), verdict, seen: seen.into() })
}

fn chain(people: &dyn IdentityStore) -> Check {
    match verify_events(|before| people.security_events(None, before, EVENTS)) {
        Ok(Some((id, hash))) => {
            Check { name: CHAIN.into(), verdict: Verdict::Holds, seen: format!("{id} events, the last one {}", hex(&hash)) }
        }
        Ok(None) => Check { name: CHAIN.into(), verdict: Verdict::Holds, seen: "none yet".into() },
        Err(error) => failed(CHAIN, &error.into()),
    }
}

fn keys(people: &dyn IdentityStore, file: Option<&Secrets>) -> Check {
    let told = |verdict, seen| Check { name: KEYS.into(), verdict, seen };
    let look = || -> Result<Check, StoreError> {
        let now = EngineClock::system().ms();
        let exposed = people.tokens()?.iter().filter(|token| token.is_exposed && token.is_live(now)).count();
        let replace = if exposed == 0 { String::new() } else { format!("; {exposed} tokens have to be replaced (`usance token list`)") };
        Ok(match (people.sealing_key()?, file) {
            (None, _) => told(Verdict::Holds, format!("nothing is sealed yet{replace}")),
            (Some(key), None) => told(Verdict::Holds, format!("sealed with key {key}; there is no secrets file here to look at{replace}")),
            (Some(key), Some(file)) => match file.with_in_force(key) {
                Some(file) => {
                    let days = today().since(file.in_force().made_on);
                    told(Verdict::Holds, format!("key {key}, {days} days old{replace}"))
                }
                None => told(Verdict::Broken, format!("the store was sealed with key {key}, which is not in the file{replace}")),
            },
        })
    };
    look().unwrap_or_else(|error| failed(KEYS, &error.into()))
}
