//! The paths that a source file names, each from where it begins: `use` in all its forms, and paths in the middle of code.

use super::code::Word;

/// A path as it is written, word by word: `["super", "page", "Page"]`.
pub type Written = Vec<String>;

/// A path and the modules inside the file in which it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The inline modules around it.
    pub inside: Vec<String>,
    /// The path.
    pub path: Written,
}

/// What a file says of modules: those it declares, and every path of more than one word.
#[derive(Debug, Default)]
pub struct Said {
    /// `mod name;`
    pub declares: Vec<String>,
    /// Every path.
    pub names: Vec<Named>,
}

/// Reads a file's words.
pub fn read(words: &[Word]) -> Said {
    let mut said = Said::default();
    let mut open: Vec<Option<String>> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match word {
            Word::Sign('{') => open.push(None),
            Word::Sign('}') => drop(open.pop()),
            Word::Name(keyword) if keyword == "mod" => match (words.get(at + 1), words.get(at + 2)) {
                (Some(Word::Name(name)), Some(Word::Sign(';'))) => {
                    said.declares.push(name.clone());
                    at += 2;
                }
                (Some(Word::Name(name)), Some(Word::Sign('{'))) => {
                    open.push(Some(name.clone()));
                    at += 2;
                }
                _ => {}
            },
            Word::Name(keyword) if keyword == "use" => {
                let mut paths = Vec::new();
                at = tree(words, at + 1, &[], &mut paths);
                let inside = inline(&open);
                said.names.extend(paths.into_iter().map(|path| Named { inside: inside.clone(), path }));
                continue;
            }
            Word::Name(_) => {
                let (path, after) = straight(words, at);
                if path.len() > 1 {
                    said.names.push(Named { inside: inline(&open), path });
                }
                at = after;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    said
}

fn inline(open: &[Option<String>]) -> Vec<String> {
    open.iter().flatten().cloned().collect()
}

/// A path without branches that begins here, and what stands behind it.
fn straight(words: &[Word], from: usize) -> (Written, usize) {
    let (mut path, mut at) = (Vec::new(), from);
    while let Some(Word::Name(name)) = words.get(at) {
        path.push(name.clone());
        at += 1;
        match (words.get(at), words.get(at + 1)) {
            (Some(Word::Colons), Some(Word::Name(_))) => at += 1,
            _ => break,
        }
    }
    (path, at)
}

/// One tree of a `use`, behind which its end is given; every leaf is a path.
fn tree(words: &[Word], from: usize, before: &[String], leaves: &mut Vec<Written>) -> usize {
    let (mut path, mut at) = (before.to_vec(), from);
    loop {
        match words.get(at) {
            Some(Word::Colons) => at += 1,
            Some(Word::Name(name)) if name == "as" => at += 2,
            Some(Word::Name(name)) => {
                path.push(name.clone());
                at += 1;
            }
            Some(Word::Sign('*')) => at += 1,
            Some(Word::Sign('{')) => {
                at += 1;
                while !matches!(words.get(at), None | Some(Word::Sign('}'))) {
                    at = tree(words, at, &path, leaves);
                    if words.get(at) == Some(&Word::Sign(',')) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            _ => {
                leaves.push(path);
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::code::words;

    fn all(text: &str) -> Vec<String> {
        read(&words(text)).names.iter().map(|named| [named.inside.clone(), named.path.clone()].concat().join("::")).collect()
    }

    #[test]
    fn paths_are_read_in_every_form() {
        let text = "use crate::{money::{Amount, audit}, id}; pub(crate) use super::page::*; use a::b as c;\n\
                    fn f(x: &crate::position::Running) -> Result<super::Day, E> { start::open(x.y) }";
        let expected = [
            "crate::money::Amount",
            "crate::money::audit",
            "crate::id",
            "super::page",
            "a::b",
            "crate::position::Running",
            "super::Day",
            "start::open",
        ];
        assert_eq!(all(text), expected);
    }

    #[test]
    fn modules_are_declared_or_opened() {
        let said = read(&words("mod a; pub mod b; mod c { use super::d; } use super::e;"));
        assert_eq!(said.declares, ["a", "b"]);
        assert_eq!(said.names[0], Named { inside: vec!["c".into()], path: vec!["super".into(), "d".into()] });
        assert!(said.names[1].inside.is_empty());
    }
}
