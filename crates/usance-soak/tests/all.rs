//! The comparison notices: every way in which an answer could be missing or doubled, shown to the ledger by hand.

mod suite {
    mod books;
    mod notices;
}
