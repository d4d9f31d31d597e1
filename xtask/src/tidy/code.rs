//! A source file as words: comments, text and test modules are gone, and what is left is names and signs.
//!
//! This is no parser of Rust. It reads what paths are made of and nothing else: names, `::`, braces, brackets and the few
//! words around them. What stands in a comment, a text or a `#[cfg(test)]` item is not read.

/// A word of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A name or a keyword.
    Name(String),
    /// `::`
    Colons,
    /// Any other sign, letter by letter.
    Sign(char),
}

/// The words of a text, without what is compiled for tests only.
pub fn words(text: &str) -> Vec<Word> {
    without_tests(all_words(text))
}

fn all_words(text: &str) -> Vec<Word> {
    let letters: Vec<char> = text.chars().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(&letter) = letters.get(at) {
        let next = letters.get(at + 1).copied();
        match letter {
            '/' if next == Some('/') => at = skip_line(&letters, at),
            '/' if next == Some('*') => at = skip_comment(&letters, at),
            '"' => at = skip_text(&letters, at + 1),
            '\'' => at = skip_letter_or_lifetime(&letters, at),
            ':' if next == Some(':') => {
                found.push(Word::Colons);
                at += 2;
            }
            _ if letter.is_alphabetic() || letter == '_' => {
                let end = end_of_name(&letters, at);
                let name: String = letters[at..end].iter().collect();
                at = end;
                match (name.as_str(), letters.get(end)) {
                    ("r" | "br" | "cr", Some('"' | '#')) => match raw_text(&letters, end) {
                        Some(after) => at = after,
                        // A raw name: `r#type`.
                        None => at = end + 1,
                    },
                    ("b" | "c", Some('"')) => at = skip_text(&letters, end + 1),
                    ("b", Some('\'')) => at = skip_letter_or_lifetime(&letters, end),
                    _ => found.push(Word::Name(name)),
                }
            }
            _ if letter.is_ascii_digit() => at = end_of_name(&letters, at),
            _ => {
                if !letter.is_whitespace() {
                    found.push(Word::Sign(letter));
                }
                at += 1;
            }
        }
    }
    found
}

fn end_of_name(letters: &[char], from: usize) -> usize {
    let is_in = |letter: &char| letter.is_alphanumeric() || *letter == '_';
    from + letters[from..].iter().take_while(|letter| is_in(letter)).count()
}

fn skip_line(letters: &[char], from: usize) -> usize {
    letters[from..].iter().position(|letter| *letter == '\n').map_or(letters.len(), |length| from + length)
}

/// Comments nest.
fn skip_comment(letters: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < letters.len() {
        match (letters[at], letters.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn skip_text(letters: &[char], from: usize) -> usize {
    let mut at = from;
    while at < letters.len() && letters[at] != '"' {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Behind a raw text whose signs begin here; nothing when it is none.
fn raw_text(letters: &[char], from: usize) -> Option<usize> {
    let marks = letters[from..].iter().take_while(|letter| **letter == '#').count();
    if letters.get(from + marks) != Some(&'"') {
        return None;
    }
    let mut at = from + marks + 1;
    while at < letters.len() {
        let closes = letters[at] == '"' && letters[at + 1..].iter().take(marks).filter(|letter| **letter == '#').count() == marks;
        if closes {
            return Some(at + 1 + marks);
        }
        at += 1;
    }
    Some(at)
}

fn skip_letter_or_lifetime(letters: &[char], from: usize) -> usize {
    match (letters.get(from + 1), letters.get(from + 2)) {
        (Some('\\'), _) => letters[from + 3..].iter().position(|letter| *letter == '\'').map_or(letters.len(), |length| from + 4 + length),
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// Leaves out every item that stands behind `#[cfg(test)]`.
fn without_tests(words: Vec<Word>) -> Vec<Word> {
    let mark: Vec<Word> =
        [Word::Sign('#'), Word::Sign('['), name("cfg"), Word::Sign('('), name("test"), Word::Sign(')'), Word::Sign(']')].into();
    let (mut kept, mut at) = (Vec::with_capacity(words.len()), 0);
    while at < words.len() {
        if words[at..].starts_with(&mark) {
            at = end_of_item(&words, at + mark.len());
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

fn name(text: &str) -> Word {
    Word::Name(text.to_owned())
}

/// Behind an item: its `;`, or the brace that closes what it opened.
fn end_of_item(words: &[Word], from: usize) -> usize {
    let mut depth = 0usize;
    for (at, word) in words.iter().enumerate().skip(from) {
        match word {
            Word::Sign('{' | '(' | '[') => depth += 1,
            Word::Sign('}') if depth <= 1 => return at + 1,
            Word::Sign('}' | ')' | ']') => depth = depth.saturating_sub(1),
            Word::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        words(text).into_iter().filter_map(|word| if let Word::Name(name) = word { Some(name) } else { None }).collect()
    }

    #[test]
    fn comments_texts_and_tests_are_not_read() {
        let text = "a // b\n/* c /* d */ e */ f \"g \\\" h\" r#\"i \" j\"# 'k' '\\'' l<'m> b\"n\" b'o' 1_000u64 r#type\n\
                    #[cfg(test)] mod tests { fn p() { q } } #[cfg(test)] use r; s";
        assert_eq!(names(text), ["a", "f", "l", "m", "type", "s"]);
    }

    #[test]
    fn an_item_for_tests_ends_where_its_braces_do() {
        assert_eq!(names("#[cfg(test)] fn a(b: [u8; 3]) -> C { let d = [1; 2]; { e } } f"), ["f"]);
    }
}
