//! Steps of work that a process may die between, as data: a test ends the process at each of them and looks what is left.

/// A step of shipping a server's data into a copy, or of putting a copy into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The copy is settled: one note is there.
    CopySettled,
    /// The people are changed in the copy, in a transaction that is open.
    PeopleChanged,
    /// A part of the log is appended to the copy.
    LogBegun,
    /// All of the log is appended to the copy.
    LogShipped,
    /// The next note is announced.
    NoteAnnounced,
    /// The people are committed in the copy.
    PeopleCommitted,
    /// The note is confirmed: the shipping is done.
    NoteConfirmed,
    /// The store has the copy's log, all but its end.
    LogNearlyPut,
    /// The store has the copy's people.
    PeoplePut,
    /// The people that were put in are the secrets file's.
    KeysSettled,
    /// The store has all of the copy's log.
    LogPut,
}

impl Step {
    /// Those of shipping, in their order.
    pub const OF_SHIPPING: [Step; 7] = [
        Step::CopySettled,
        Step::PeopleChanged,
        Step::LogBegun,
        Step::LogShipped,
        Step::NoteAnnounced,
        Step::PeopleCommitted,
        Step::NoteConfirmed,
    ];
    /// Those of a restore, in their order.
    pub const OF_RESTORE: [Step; 4] = [Step::LogNearlyPut, Step::PeoplePut, Step::KeysSettled, Step::LogPut];

    /// The step is done. A test build ends the process here, as a loss of power would, where `USANCE_FAIL_AT` names the step.
    pub(super) fn done(self) {
        #[cfg(debug_assertions)]
        if std::env::var("USANCE_FAIL_AT").is_ok_and(|named| named == format!("{self:?}")) {
            std::process::abort();
        }
    }
}
