//! A connection that sends bytes as they are: what no client would send, and streams that are hung up.

use super::target::Target;
use crate::client::Answer;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long silence is taken for the end of what comes.
const SILENCE: Duration = Duration::from_secs(3);

/// A connection.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn to(target: &Target) -> std::io::Result<Wire> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream })
    }

    /// Sends; false when the other side has hung up, or takes nothing more.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Everything that comes until the other side hangs up, or is silent; and whether it hung up.
    pub fn rest(&mut self) -> (Vec<u8>, bool) {
        let (mut read, mut buffer, until) = (Vec::new(), [0; 65_536], Instant::now() + SILENCE * 3);
        while Instant::now() < until {
            match self.stream.read(&mut buffer) {
                Ok(0) => return (read, true),
                Ok(length) => read.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return (read, error.kind() == std::io::ErrorKind::ConnectionReset),
            }
        }
        (read, false)
    }

    /// The answers that came, one after another.
    pub fn answers(&mut self) -> Vec<Answer> {
        let (mut bytes, mut answers) = (self.rest().0, Vec::new());
        while let Some((answer, length)) = parsed(&bytes) {
            bytes.drain(..length);
            answers.push(answer);
        }
        answers
    }
}

/// The first answer of what was read, and how long it is. A body without a length goes on to the end.
fn parsed(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..head)?).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let told = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, length)| length.parse::<usize>().ok());
    let body = bytes.get(head + 4..)?;
    let length = told.unwrap_or(body.len()).min(body.len());
    Some((Answer { status, headers, bytes: body.get(..length)?.to_vec() }, head + 4 + length))
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn answers_are_told_apart() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 400 Bad\r\n\r\n";
        let (first, length) = parsed(bytes).expect("an answer");
        assert_eq!((first.status, first.bytes.as_slice()), (201, &b"ok"[..]));
        assert_eq!(parsed(&bytes[length..]).expect("another").0.status, 400);
        assert!(parsed(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}
