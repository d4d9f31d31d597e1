//! What was tried, what was expected and what was seen: the table that an attack ends with.

use comfy_table::{ContentArrangement, Table, presets};

/// Letters of a line.
const WIDTH: u16 = 150;

/// What an attempt found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is as it has to be.
    Shut,
    /// It is not.
    Open,
    /// A measurement, which nobody judges.
    Figure,
}

impl Found {
    const fn word(self) -> &'static str {
        match self {
            Found::Shut => "shut",
            Found::Open => "OPEN",
            Found::Figure => "figure",
        }
    }
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    part: &'static str,
    tried: String,
    expected: String,
    seen: String,
    found: Found,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    attempts: Vec<Attempt>,
}

/// The attempts of one part, as they are made.
pub struct Notes<'a> {
    report: &'a mut Report,
    part: &'static str,
}

impl Report {
    /// Where a part notes its attempts.
    pub const fn part(&mut self, part: &'static str) -> Notes<'_> {
        Notes { report: self, part }
    }

    /// How many doors were open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.found == Found::Open).count()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["part", "tried", "expected", "seen", ""]);
        for Attempt { part, tried, expected, seen, found } in &self.attempts {
            table.add_row([part, tried.as_str(), expected, seen, found.word()]);
        }
        table.to_string()
    }
}

impl Notes<'_> {
    fn note(&mut self, tried: &str, expected: &str, seen: String, found: Found) {
        self.report.attempts.push(Attempt { part: self.part, tried: tried.to_owned(), expected: expected.to_owned(), seen, found });
    }

    /// Notes one attempt.
    pub fn one(&mut self, tried: &str, expected: &str, seen: impl Into<String>, is_shut: bool) {
        self.note(tried, expected, seen.into(), if is_shut { Found::Shut } else { Found::Open });
    }

    /// Notes attempts of a kind in one row, and names those that found a door open.
    pub fn many(&mut self, tried: &str, expected: &str, seen: &[(String, String, bool)]) {
        let open: Vec<String> = seen.iter().filter(|(_, _, is_shut)| !is_shut).map(|(what, seen, _)| format!("{what}: {seen}")).collect();
        let text = if open.is_empty() {
            format!("all of {} as expected", seen.len())
        } else {
            format!("{} of {} not: {}", open.len(), seen.len(), open.join("; "))
        };
        // Nothing that was tried is nothing that was shut.
        self.one(tried, expected, text, open.is_empty() && !seen.is_empty());
    }

    /// Notes a measurement.
    pub fn figure(&mut self, measured: &str, seen: impl Into<String>) {
        self.note(measured, "", seen.into(), Found::Figure);
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn an_open_door_is_counted_and_named() {
        let mut report = Report::default();
        let mut notes = report.part("pages");
        notes.one("a", "401", "401", true);
        notes.figure("b", "12 ms");
        notes.many("c", "404", &[("x".into(), "404".into(), true), ("y".into(), "200".into(), false)]);
        notes.many("d", "404", &[]);
        assert_eq!(report.open(), 2);
        let table = report.table();
        assert!(table.contains("1 of 2 not: y: 200") && table.contains("OPEN"), "{table}");
    }
}
