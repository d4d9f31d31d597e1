//! Text in a cell of a CSV file that somebody will open in a spreadsheet.
//!
//! Names, ids and references come from others, and a spreadsheet runs a cell that looks like a formula. Such a text gets an
//! apostrophe in front, which spreadsheets take for "this is text"; so does each part of it behind a semicolon, a tab or a line
//! end, where spreadsheets of some countries begin a cell of their own. What begins with an apostrophe gets another: whoever
//! takes one away wherever one stands at such a place has the text as it was. Amounts, days and numbers are made here and stay
//! as they are, so that they can be added up: this is not for them. Quotes and commas are the writer's own (`csv`).

use csv::{Terminator, Writer, WriterBuilder};
use std::io::Write;

/// What a spreadsheet may take for the beginning of a formula, wide forms included.
const BEGINS_A_FORMULA: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Behind these a spreadsheet may begin a cell.
const BEGINS_A_CELL: [char; 4] = [';', '\t', '\r', '\n'];

/// A text as a cell that no spreadsheet runs.
#[must_use]
pub fn cell(text: &str) -> String {
    text.split_inclusive(BEGINS_A_CELL).flat_map(|part| [if runs(part) { "'" } else { "" }, part]).collect()
}

/// What writes a CSV file; its lines end as RFC 4180 has it.
pub fn crlf_writer<W: Write>(to: W) -> Writer<W> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(to)
}

/// Whether a cell of this text needs an apostrophe. A quote at its beginning may be gone once the line is split.
fn runs(part: &str) -> bool {
    part.starts_with('\'') || part.trim_start_matches([' ', '"']).starts_with(BEGINS_A_FORMULA)
}

#[cfg(test)]
mod tests {
    use super::{BEGINS_A_CELL, cell};

    /// The text that was made a cell.
    fn text(cell: &str) -> String {
        cell.split_inclusive(BEGINS_A_CELL).map(|part| part.strip_prefix('\'').unwrap_or(part)).collect()
    }

    #[test]
    fn what_looks_like_a_formula_is_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "|calc", " =1", "\"=1", "\u{ff1d}1", "--", "-sol.7", "'=1", "'", "''"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "sol-7", "alice", "1-2", "a=1", "7", "wallet@exchange", "a;b", ";", "it's"] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn behind_what_begins_a_cell_it_is_text_too_and_can_be_undone() {
        let rows = [
            ("a;=HYPERLINK(\"http://x\")", "a;'=HYPERLINK(\"http://x\")"),
            ("a;b;+1; -1", "a;b;'+1;' -1"),
            ("\t=1", "'\t'=1"),
            ("a\r\n@x", "a\r'\n'@x"),
            ("a;'b", "a;''b"),
            ("a;\"=1", "a;'\"=1"),
            ("a;;|x", "a;;'|x"),
        ];
        for (plain, shown) in rows {
            assert_eq!(cell(plain), shown);
        }
        for plain in rows.map(|(plain, _)| plain).into_iter().chain(["", "'", "'';'=", " '=1", "=';\n\n", "'\t'"]) {
            assert_eq!(text(&cell(plain)), plain);
        }
    }
}
