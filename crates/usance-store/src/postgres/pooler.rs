//! Finding out that sessions do not last: a pooler that hands them from one client to the next, statement by statement.
//!
//! What a session is set to (where the tables are, when a commit is answered, whom it listens to) is then somebody else's in the next
//! transaction, and prepared statements are nowhere. Nothing here can be right on such a connection, so it is refused by its name.

use tokio_postgres::SimpleQueryMessage;

use super::place::Postgres;
use super::wire::Wire;
use crate::error::StoreError;

/// How often two sessions are told apart. A pooler gives back the session that was used last, or takes turns among a few.
const TRIES: u32 = 4;

impl Postgres {
    /// Refuses a pooler in transaction mode.
    ///
    /// # Errors
    /// [`StoreError::Pooled`]; as the server answers.
    pub fn expect_lasting_sessions(&self) -> Result<(), StoreError> {
        let (one, other) = (self.connect()?, self.connect()?);
        for number in 0..TRIES {
            let mark = format!("{}-{number}", std::process::id());
            if let Err(error) = one.batch(&format!("SET usance.session TO '{mark}'")) {
                // A database that knows no settings of others' own has no pooler of this kind in front.
                return if error.sql_state().is_some() { Ok(()) } else { Err(error) };
            }
            let (theirs, ours) = (marked(&other)?, marked(&one)?);
            if theirs.as_deref() == Some(&mark) || ours.as_deref() != Some(&mark) {
                return Err(StoreError::Pooled { server: self.to_string() });
            }
        }
        Ok(())
    }
}

/// What a session is marked with. Asked without preparing anything, which a pooler may not survive.
fn marked(wire: &Wire) -> Result<Option<String>, StoreError> {
    let rows = wire.wait(wire.client().simple_query("SELECT current_setting('usance.session', true)"))?;
    Ok(rows.iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None }))
}

#[cfg(test)]
mod tests {
    use crate::postgres::local::Fresh;

    #[test]
    fn a_server_gives_everybody_a_session_of_their_own() {
        Fresh::make().unwrap().expect_lasting_sessions().unwrap();
    }
}
