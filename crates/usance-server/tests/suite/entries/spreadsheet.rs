//! The entry points of what becomes a cell of a CSV file: any text, and references in a customer's statement.
//!
//! What may run is judged here by a list of its own. The way back is the one that `docs/API.md` tells to whoever reads such a
//! file: one apostrophe is taken away at each place where one stands.

use super::Service;
use serde_json::json;
use usance_server::wire::cell::cell;

/// Behind these a spreadsheet may begin a cell.
const BEGINS_A_CELL: [char; 4] = [';', '\t', '\r', '\n'];

/// What a spreadsheet may run: at the beginning of a cell, also behind spaces and a quote that is gone once the line is split.
const RUNS: &str = "=+-@|\t\r\n＝＋－＠";

/// The part of a cell that a spreadsheet might run.
fn what_runs(cell: &str) -> Option<&str> {
    cell.split_inclusive(BEGINS_A_CELL).find(|part| part.trim_start_matches([' ', '"']).starts_with(|first: char| RUNS.contains(first)))
}

/// The text that was made a cell.
fn text_of(cell: &str) -> String {
    cell.split_inclusive(BEGINS_A_CELL).map(|part| part.strip_prefix('\'').unwrap_or(part)).collect()
}

/// Any text as a cell: nothing in it runs, a reader of CSV gets it as one field, and the text can be had again.
pub fn cells(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let shown = cell(text);
    assert_eq!(what_runs(&shown), None, "{text:?} {shown:?}");
    assert_eq!(text_of(&shown), text, "{shown:?}");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["before", shown.as_str(), "behind"]).expect("three fields");
    let line = writer.into_inner().expect("a line");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(rows, [csv::StringRecord::from(vec!["before", shown.as_str(), "behind"])], "{text:?}");
}

/// A reference in a statement: as CSV it is one field that does not run, and from which the reference can be had again.
pub fn statements(service: &Service, data: &[u8]) {
    let reference: String = data.iter().map(|byte| char::from(byte % 128)).take(200).collect();
    let body = json!({"customer": "writer", "asset": "SOL", "account": "spot", "amount": "0.001", "reference": reference});
    let answer = service.post("/v1/operator/deposits", &body);
    let plain = (1..=128).contains(&reference.len()) && reference.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(plain || !answer.status.is_success(), "{reference:?}");
    if !answer.status.is_success() {
        return;
    }
    let shown = service.get("/v1/statement?limit=1", "application/json", "writer").done()["items"][0].clone();
    assert_eq!(shown["reference"], reference.as_str());
    let text = service.get("/v1/statement", "text/csv", "writer");
    let mut reader = csv::Reader::from_reader(text.bytes.as_slice());
    let names = reader.headers().expect("a head").clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    let newest = rows.first().expect("a row");
    assert_eq!(names.len(), newest.len());
    for (name, field) in names.iter().zip(newest) {
        let given = shown[name].as_str().unwrap_or("");
        match name {
            "reference" => {
                assert_eq!(what_runs(field), None, "{field:?} of {reference:?}");
                assert_eq!(text_of(field), reference, "{field:?}");
            }
            // Nobody chose these texts to be run, and numbers stay numbers.
            _ => assert_eq!(field, given, "{name} of {reference:?}"),
        }
    }
    assert!(names.iter().any(|name| name == "reference"), "{names:?}");
    // A spreadsheet that splits at semicolons takes no notice of the quotes.
    let lines = std::str::from_utf8(&text.bytes).expect("text").lines();
    for part in lines.flat_map(|line| line.split(';').skip(1)) {
        assert_eq!(what_runs(part), None, "{part:?} of {reference:?}");
    }
}
