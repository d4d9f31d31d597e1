//! The first line of a request, as it came: whether its target has a `#`.
//!
//! RFC 9112 (3.2) knows no fragment in a target. The library that reads heads cuts it off and says nothing, so `/a#/b` is `/a`
//! here; a proxy that decides by the whole text would decide about something else. What comes in is therefore looked at as bytes,
//! line by line. Whatever ends as a request's first line does counts as one: no body that is read here holds such a line.

/// The line that is read.
#[derive(Default)]
pub(super) struct RequestLine {
    at: At,
    has_fragment: bool,
    /// The last bytes of it.
    last: u64,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Default)]
enum At {
    /// In its first word, a method or a header's name so far.
    #[default]
    Name,
    /// In its first word, which is more than that: a body without a line end, and perhaps a method right behind it.
    Word,
    /// Behind its first word.
    Behind,
    /// In a header.
    Header,
}

/// What stands at the end of the line, but for the last digit.
const VERSION: u64 = u64::from_be_bytes(*b"\0HTTP/1.");

/// Whether a byte may stand in a method and in a header's name.
const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

impl RequestLine {
    /// Reads on; true when a target with a `#` has come.
    pub fn read(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().fold(false, |found, byte| self.step(*byte) | found)
    }

    fn step(&mut self, byte: u8) -> bool {
        match (self.at, byte) {
            (_, b'\n') => {
                let line = std::mem::take(self);
                return line.has_fragment && (line.last >> 8) & (u64::MAX >> 8) == VERSION;
            }
            (_, b'\r') | (At::Header, _) => {}
            (At::Name, b':') => self.at = At::Header,
            (At::Name | At::Word, b' ') => self.at = At::Behind,
            (At::Name, byte) if !is_of_name(byte) => self.at = At::Word,
            (At::Name | At::Word, _) => {}
            (At::Behind, byte) => {
                self.has_fragment |= byte == b'#';
                self.last = self.last << 8 | u64::from(byte);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is found, however the bytes are cut.
    fn is_found(text: &str) -> bool {
        let whole = RequestLine::default().read(text.as_bytes());
        let mut line = RequestLine::default();
        let in_pieces = text.as_bytes().iter().fold(false, |found, byte| line.read(&[*byte]) | found);
        assert_eq!(whole, in_pieces, "{text:?}");
        whole
    }

    #[test]
    fn a_fragment_is_seen_in_a_first_line_and_nowhere_else() {
        let rest = "Host: test\r\nContent-Length: 4\r\n\r\n";
        for target in ["/v1/accounts#", "/#x", "/a?b=c#d", "#", "http://test/a#b", "*#"] {
            assert!(is_found(&format!("GET {target} HTTP/1.1\r\n{rest}")), "{target}");
            assert!(is_found(&format!("GET {target} HTTP/1.0\n{rest}")), "{target}");
            assert!(is_found(&format!("\r\nGET / HTTP/1.1\r\n{rest}GET {target} HTTP/1.1\r\n")), "behind another");
            for body in ["body", "{\"a\":\"b\"}", "{\"a\": 1}", "a=b&c=d"] {
                assert!(is_found(&format!("POST / HTTP/1.1\r\n{rest}{body}GET {target} HTTP/1.1\r\n")), "behind {body}");
            }
        }
        for other in [
            "GET /a%23b HTTP/1.1\r\n".to_owned(),
            format!("GET /a HTTP/1.1\r\nX-Note: # HTTP/1.1\r\nX: y#z HTTP/1.1\r\n{rest}"),
            "POST / HTTP/1.1\r\n\r\n{\"name\": \"# HTTP/1.1\\n\",\n\"text\": \"#1 is HTTP/1.1\"}\r\n".to_owned(),
            "GET /a#b".to_owned(),
        ] {
            assert!(!is_found(&other), "{other:?}");
        }
    }
}
