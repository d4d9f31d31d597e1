//! The glossary as a check: one word, one thing.
//!
//! `docs/GLOSSARY.md` is the data. Every row has its form and its place in the order, a word stands once on the whole page, what
//! a row says a word is *not* is no other row's word, no type of the product is defined twice under a word of the page, and a word
//! that was replaced is found in no name, comment or document but where the page lets it stand. [`breaches`] is pure: texts come in,
//! sentences go out; [`check`] reads the tree for it.

use std::collections::BTreeMap;
use std::path::Path;

/// Where the words stand.
pub const PAGE: &str = "docs/GLOSSARY.md";

/// The section whose rows are not words but what they replaced.
const REPLACED: &str = "Replaced words";

/// One file of the tree: its path from the root, and its text.
pub struct Source {
    /// For example `crates/usance-core/src/lib.rs`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Folders whose names and documents are held to the page.
const FOLDERS: [&str; 5] = [".github", "crates", "docs", "fuzz/fuzz_targets", "xtask/src"];

/// Reads the tree and checks it.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let mut tree = Vec::new();
    for folder in FOLDERS {
        gather(root, &root.join(folder), &mut tree)?;
    }
    for entry in std::fs::read_dir(root)? {
        read(root, &entry?.path(), &mut tree)?;
    }
    let page = tree.iter().find(|source| source.path == PAGE).map_or("", |source| source.text.as_str());
    breaches.extend(self::breaches(page, &tree));
    Ok(())
}

fn gather(root: &Path, folder: &Path, tree: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { gather(root, &path, tree)? } else { read(root, &path, tree)? }
    }
    Ok(())
}

/// Takes a file with names or prose; bytes, tables and what others wrote are not ours to name.
fn read(root: &Path, path: &Path, tree: &mut Vec<Source>) -> anyhow::Result<()> {
    if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
        let name = path.strip_prefix(root)?.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        tree.push(Source { path: name, text: std::fs::read_to_string(path)? });
    }
    Ok(())
}

/// A row of the page, cell by cell.
struct Row<'a> {
    section: &'a str,
    cells: Vec<&'a str>,
    whole: &'a str,
}

/// Everything that is wrong with the page, and with what the tree makes of it.
pub fn breaches(page: &str, tree: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    let (replaced, entries): (Vec<Row<'_>>, Vec<Row<'_>>) = rows(page).partition(|row| row.section == REPLACED);
    let terms = terms(&entries, &mut breaches);
    not_said(&entries, &terms, &mut breaches);
    defined_once(&terms, tree, &mut breaches);
    let banned = banned(&replaced, &terms, &mut breaches);
    for source in tree.iter().filter(|source| source.path != PAGE) {
        said(source, &banned, &mut breaches);
    }
    breaches
}

fn rows(page: &str) -> impl Iterator<Item = Row<'_>> {
    let sections = page.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, "")));
    sections.flat_map(|(section, body)| {
        let table = body.lines().filter(|line| line.starts_with('|')).skip(2);
        table.map(move |whole| Row { section, cells: cells(whole), whole })
    })
}

/// The cells of a row; `\|` is text.
fn cells(row: &str) -> Vec<&str> {
    let inner = row.trim_start_matches('|').trim_end_matches('|');
    let mut cells = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in inner.char_indices() {
        if letter == '|' && !escaped {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
        escaped = letter == '\\';
    }
    cells.push(inner[start..].trim());
    cells
}

/// The words of all rows, each with its section; their form, their order and that each stands once.
fn terms<'a>(entries: &[Row<'a>], breaches: &mut Vec<String>) -> BTreeMap<String, &'a str> {
    let mut terms: BTreeMap<String, &str> = BTreeMap::new();
    let mut before: Option<(&str, String)> = None;
    for row in entries {
        let word = row.cells.first().and_then(|cell| cell.strip_prefix("**")).and_then(|cell| cell.strip_suffix("**"));
        let (Some(word), 3, false) = (word, row.cells.len(), row.cells.get(1).is_none_or(|means| means.is_empty())) else {
            breaches.push(format!("{PAGE}: a row is `| **word** | means | not |`, not {}", row.whole));
            continue;
        };
        if word.contains([',', '(', '/']) {
            breaches.push(format!("{PAGE}: a row has one word, not {word}"));
        }
        let key = word.to_lowercase();
        if let Some((section, last)) = &before
            && *section == row.section
            && *last > key
        {
            breaches.push(format!("{PAGE}: {word} stands behind {last}"));
        }
        if let Some(section) = terms.insert(key.clone(), row.section) {
            breaches.push(format!("{PAGE}: {word} stands in \"{section}\" and in \"{}\"", row.section));
        }
        before = Some((row.section, key));
    }
    terms
}

/// A word that a row says it is not, without saying what else it is, must not be another row's.
fn not_said(entries: &[Row<'_>], terms: &BTreeMap<String, &str>, breaches: &mut Vec<String>) {
    for row in entries {
        let not = row.cells.get(2).into_iter().flat_map(|cell| cell.split(", ")).filter(|not| !not.is_empty() && !not.contains('('));
        for not in not.filter(|not| terms.contains_key(&not.to_lowercase())) {
            breaches.push(format!("{PAGE}: {} is not {not}, which is a word of its own: say in brackets what it is", row.cells[0]));
        }
    }
}

/// No two types of the product (the simulator's and the soak's twins are none) have one word's name.
fn defined_once(terms: &BTreeMap<String, &str>, tree: &[Source], breaches: &mut Vec<String>) {
    let mut defined: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let is_product = |path: &str| {
        path.contains("/src/") && path.starts_with("crates/") && !["usance-sim/", "usance-soak/"].iter().any(|twin| path.contains(twin))
    };
    for source in tree.iter().filter(|source| is_product(&source.path) && source.path.ends_with(".rs")) {
        for line in source.text.lines() {
            let names = ["struct ", "enum ", "trait "].into_iter().filter_map(|kind| {
                let (before, after) = line.split_once(kind)?;
                let is_definition = before.trim().is_empty() || before.trim_start().starts_with("pub");
                is_definition.then(|| after.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or(""))
            });
            for name in names {
                defined.entry(segments(name).collect::<Vec<_>>().join(" ")).or_default().push(&source.path);
            }
        }
    }
    for (word, places) in defined.iter().filter(|(word, places)| places.len() > 1 && terms.contains_key(*word)) {
        breaches.push(format!("{word} means one thing ({PAGE}), and is a type in {}", places.join(" and ")));
    }
}

/// A replaced word, what to say, and where it may stand.
struct Banned<'a> {
    word: &'a str,
    say: &'a str,
    paths: Vec<&'a str>,
    around: Vec<Vec<String>>,
}

fn banned<'a>(replaced: &[Row<'a>], terms: &BTreeMap<String, &str>, breaches: &mut Vec<String>) -> Vec<Banned<'a>> {
    let mut banned: Vec<Banned<'a>> = Vec::new();
    for row in replaced {
        let [word, say, stands] = row.cells.as_slice() else {
            breaches.push(format!("{PAGE}: a replaced word is `| word | say | may stand |`, not {}", row.whole));
            continue;
        };
        if banned.last().is_some_and(|last| last.word >= *word) {
            breaches.push(format!("{PAGE}: the replaced word {word} stands out of order, or twice"));
        }
        if terms.contains_key(&word.to_lowercase()) {
            breaches.push(format!("{PAGE}: {word} was replaced, and is a word all the same"));
        }
        for said in say.split(", ").filter(|said| !terms.contains_key(&said.to_lowercase())) {
            breaches.push(format!("{PAGE}: in place of {word} it says {said}, which is none of its words"));
        }
        let (paths, phrases): (Vec<&str>, Vec<&str>) =
            stands.split('`').skip(1).step_by(2).partition(|stands: &&str| stands.contains('/') || stands.ends_with(".md"));
        let around = phrases.into_iter().map(|phrase| segments(phrase).collect()).collect();
        banned.push(Banned { word, say, paths, around });
    }
    banned
}

/// Replaced words that a file says.
fn said(source: &Source, banned: &[Banned<'_>], breaches: &mut Vec<String>) {
    let text = match source.path.rsplit('.').next() {
        Some("rs") => without_strings(&source.text),
        Some("md") => without_code(&source.text),
        _ => source.text.clone(),
    };
    for (number, line) in (1_usize..).zip(text.lines()) {
        let words: Vec<String> = segments(line).collect();
        for ban in banned.iter().filter(|ban| !ban.paths.iter().any(|path| source.path.starts_with(path))) {
            let is_it = |word: &String| word == ban.word || word.strip_suffix('s') == Some(ban.word);
            let excused = |at: usize| ban.around.iter().any(|phrase| stands_in(&words, at, phrase));
            if (0..words.len()).any(|at| is_it(&words[at]) && !excused(at)) {
                breaches.push(format!("{}:{number} says {}: say {}", source.path, ban.word, ban.say));
            }
        }
    }
}

/// Whether the word at a place is part of a phrase there.
fn stands_in(words: &[String], at: usize, phrase: &[String]) -> bool {
    (0..phrase.len()).any(|before| at >= before && words.get(at - before..at - before + phrase.len()).is_some_and(|found| found == phrase))
}

/// The words that a text or a name is made of, in lower case: `AccountIx`, `account_ix` and "account ix" are the same.
fn segments(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.flat_map(|word| {
        let letters: Vec<char> = word.chars().collect();
        let mut parts: Vec<String> = Vec::new();
        for (at, letter) in letters.iter().enumerate() {
            let after_small = at > 0 && !letters[at - 1].is_uppercase();
            let before_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
            match parts.last_mut() {
                Some(part) if !(letter.is_uppercase() && (after_small || before_small)) => part.extend(letter.to_lowercase()),
                _ => parts.push(letter.to_lowercase().collect()),
            }
        }
        parts
    })
}

/// Rust without what stands in string literals: that is other people's text, or the wire's. Lines stay where they are.
fn without_strings(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            let line = rest.find('\n').unwrap_or(rest.len());
            kept.push_str(&rest[..line]);
            line
        } else if let Some(quote) = ["'\"'", "'\\\"'"].iter().find(|quote| rest.starts_with(**quote)) {
            quote.len()
        } else if let Some(length) = literal(rest) {
            kept.extend(rest[..length].chars().filter(|letter| *letter == '\n'));
            length
        } else {
            kept.push(letter);
            letter.len_utf8()
        };
        rest = &rest[taken..];
    }
    kept
}

/// How long the string literal is that a text begins with, if it does.
fn literal(text: &str) -> Option<usize> {
    let raw = text.strip_prefix('r').map(|after| after.len() - after.trim_start_matches('#').len());
    if let Some(hashes) = raw.filter(|hashes| text[1 + hashes..].starts_with('"')) {
        let (begin, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
        return Some(text[begin..].find(&end).map_or(text.len(), |at| begin + at + end.len()));
    }
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, letter) in inner.char_indices() {
        match letter {
            '"' if !escaped => return Some(at + 2),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(text.len())
}

/// A document without its code. Lines stay where they are.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().map(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if fenced || fence { String::new() } else { line.split('`').step_by(2).collect::<Vec<_>>().join(" ") }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{PAGE, Source, breaches, segments, without_strings};

    const PAGE_TEXT: &str = "# Words\n\n## Money\n| word | means | not |\n|---|---|---|\n\
        | **batch** | records that became durable together | block |\n| **log position** | `batch << 16 \\| record` | offset (a day's) |\n\n\
        ## Service\n| word | means | not |\n|---|---|---|\n| **customer** | who holds coins | user |\n\n\
        ## Replaced words\nThey do not come back.\n| word | say | may stand |\n|---|---|---|\n| user | customer | `user agent` `crates/b/` |\n";

    fn found(page: &str, tree: &[(&str, &str)]) -> Vec<String> {
        let tree: Vec<Source> = tree.iter().map(|(path, text)| Source { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
        breaches(page, &tree)
    }

    fn changed(from: &str, to: &str) -> String {
        assert!(PAGE_TEXT.contains(from), "{from}");
        PAGE_TEXT.replace(from, to)
    }

    #[test]
    fn a_page_in_order_is_silent() {
        assert_eq!(found(PAGE_TEXT, &[(PAGE, PAGE_TEXT), ("crates/a/src/lib.rs", "pub struct Batch;\nstruct Customer;")]), [""; 0]);
    }

    #[test]
    fn a_row_has_its_form_and_its_place_and_a_word_stands_once() {
        for (from, to, says) in [
            ("**batch**", "batch", "a row is"),
            ("| block |", "| block | more |", "a row is"),
            ("| who holds coins |", "| |", "a row is"),
            ("**batch**", "**batch, round**", "one word"),
            ("**batch**", "**record**", "stands behind record"),
            ("**customer**", "**Batch**", "stands in \"Money\" and in \"Service\""),
            ("| block |", "| block, customer |", "say in brackets"),
            ("| user | customer |", "| user | client |", "none of its words"),
            ("| user | customer |", "| customer | customer |", "a word all the same"),
            ("| user | customer | `user agent` `crates/b/` |\n", "| user | customer | |\n| admin | customer | |\n", "out of order"),
        ] {
            let found = found(&changed(from, to), &[]);
            assert!(found.iter().any(|breach| breach.contains(says)), "{from} -> {to}: {found:?}");
        }
    }

    #[test]
    fn a_word_of_the_page_is_one_type_of_the_product() {
        let (one, other) = (("crates/a/src/x.rs", "pub(crate) struct LogPosition(u64);"), ("crates/b/src/y.rs", "    enum LogPosition {"));
        let found_in = |tree: &[(&str, &str)]| found(PAGE_TEXT, tree);
        assert_eq!(found_in(&[one, other]).len(), 1);
        assert_eq!(found_in(&[one, ("crates/usance-sim/src/y.rs", other.1)]), [""; 0], "a twin is no second thing");
        assert_eq!(found_in(&[one, ("crates/a/tests/y.rs", other.1)]), [""; 0]);
        assert_eq!(found_in(&[one, ("crates/b/src/y.rs", "// a struct LogPosition")]), [""; 0]);
        assert_eq!(found_in(&[one, ("crates/b/src/y.rs", "struct LogPositions;")]), [""; 0]);
    }

    #[test]
    fn a_replaced_word_is_found_in_names_comments_and_documents() {
        for (path, text, times) in [
            ("crates/a/src/lib.rs", "fn end_user() {}", 1),
            ("crates/a/src/lib.rs", "struct UserIx; // of a user", 1),
            ("crates/a/src/lib.rs", "let users = 1;", 1),
            ("crates/a/src/lib.rs", "\n\n/// What a user sees.", 1),
            ("crates/a/src/lib.rs", "let role = \"user\"; let quote = '\"'; let more = r#\"a \"user\" \"#;", 0),
            ("crates/a/src/lib.rs", "let abuser = header::USER_AGENT;", 0),
            ("crates/b/src/lib.rs", "struct User;", 0),
            ("docs/API.md", "The user asks.", 1),
            ("docs/API.md", "The `user` of SQL.\n```console\n$ psql --user usance\n```\nThe user agent.", 0),
        ] {
            let found = found(PAGE_TEXT, &[(path, text)]);
            assert_eq!(found.len(), times, "{text}: {found:?}");
            assert!(found.iter().all(|breach| breach.ends_with("say customer")), "{found:?}");
        }
    }

    #[test]
    fn names_fall_into_their_words() {
        for (name, words) in [
            ("AccountIx", "account ix"),
            ("account_ix", "account ix"),
            ("HTTPServer of X509", "http server of x509"),
            ("TERM_DAYS_MAX", "term days max"),
        ] {
            assert_eq!(segments(name).collect::<Vec<_>>().join(" "), words);
        }
    }

    #[test]
    fn strings_are_left_out_and_lines_stay() {
        assert_eq!(without_strings("a \"b\\\"c\nd\" e // \"f\"\ng"), "a \n e // \"f\"\ng");
        assert_eq!(without_strings("r##\"b\"# c\"## d"), " d");
    }
}
