//! A connection that sends bytes as they are, and reads answers one after another.

use crate::suite::harness::{Answer, OPERATOR, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than anything that is waited for; a test that waits so long fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A request with the operator's token, acting for alice; more headers as lines, and a body.
pub fn request(method: &str, target: &str, more: &str, body: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {OPERATOR}\r\nUsance-Customer: alice\r\n{more}\r\n{body}")
}

/// A transfer of alice from Spot to Funding, whole.
pub fn transfer(key: &str, amount: &str) -> String {
    let body = format!(r#"{{"asset":"SOL","from":"spot","to":"funding","amount":"{amount}"}}"#);
    let more = format!("Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    request("POST", "/v1/transfers", &more, &body)
}

impl Wire {
    pub fn to(server: &Server) -> Wire {
        let address = server.url.strip_prefix("http://").expect("an address");
        Wire::over(TcpStream::connect(address).expect("a connection"))
    }

    /// A connection that takes a few kilobytes before somebody reads them, where others take megabytes.
    pub fn narrow(server: &Server) -> Wire {
        let address = server.url.strip_prefix("http://").expect("an address").parse().expect("an address");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(4096).expect("a size");
            socket.connect(address).await.expect("a connection").into_std().expect("its stream")
        });
        stream.set_nonblocking(false).expect("a stream that is waited for");
        Wire::over(stream)
    }

    fn over(stream: TcpStream) -> Wire {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time");
        stream.set_nodelay(true).expect("nodelay");
        Wire { stream, read: Vec::new() }
    }

    /// Sends; false when the other side has hung up.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The next answer; nothing when the connection was closed instead.
    pub fn answer(&mut self) -> Option<Answer> {
        let answer = self.closed_or_answer();
        assert!(answer.is_some() || self.read.is_empty(), "half an answer: {}", String::from_utf8_lossy(&self.read));
        answer
    }

    /// Waits until the other side hangs up; gives the answers that came before.
    pub fn closed(&mut self) -> Vec<Answer> {
        while self.more() {}
        let mut answers = Vec::new();
        while let Some((answer, length)) = parsed(&self.read) {
            self.read.drain(..length);
            answers.push(answer);
        }
        answers
    }

    /// The next answer, or nothing when the connection was closed, also in the middle of what was sent.
    pub fn closed_or_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parsed(&self.read) {
                self.read.drain(..length);
                return Some(answer);
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// As [`Wire::closed`], but only counts the answers, whole or not.
    pub fn closed_count(&mut self) -> usize {
        while self.more() {}
        self.read.windows(13).filter(|window| window == b"HTTP/1.1 200 ").count()
    }

    /// Reads some; false when there will be nothing more.
    fn more(&mut self) -> bool {
        let mut buffer = [0; 65_536];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.read.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("neither answered nor closed after {PATIENCE:?}: {}", String::from_utf8_lossy(&self.read))
            }
            // A reset is a close, too.
            Err(_) => false,
        }
    }
}

/// The first answer of what was read, and how long it is; nothing while it is not whole.
fn parsed(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).expect("a head is text");
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = bytes.get(head + 4..)?;
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, length)| length.parse::<usize>().expect("a length"));
    let length = length.expect("these answers have a length");
    let bytes = body.get(..length)?.to_vec();
    Some((Answer { status, headers, bytes }, head + 4 + length))
}
