//! How a connection ends on which something is still to come: an answer was given before all of its request was read.
//!
//! A system that closes such a connection resets it, and a reset takes the answer from a client that still sends. So the answer
//! says that it is the last one, and what still comes is read and thrown away, so many bytes and so long at most. Of the
//! connection only the stream is kept meanwhile.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are thrown away at most.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long they are waited for. The connection keeps its place until then, unless others need it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that are thrown away at a time.
const PIECE_BYTES: usize = 8 * 1024;

/// Throws away what comes, until the client hangs up, or nothing more is read of it.
pub(super) async fn linger(mut stream: impl AsyncRead + Unpin) {
    let _ = tokio::time::timeout(PATIENCE, throw_away(&mut stream, BYTES_MAX)).await;
}

/// Throws away so many bytes at most; says how many more it would have.
async fn throw_away(stream: &mut (impl AsyncRead + Unpin), most: usize) -> usize {
    let (mut piece, mut left) = (vec![0; PIECE_BYTES], most);
    while left > 0 {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_still_comes_is_read_to_its_end_and_so_much_at_most() {
        let (mut client, mut stream) = duplex(PIECE_BYTES);
        let sending = async {
            client.write_all(&vec![0; 100_000]).await.expect("it is read");
            client.shutdown().await.expect("a hang-up");
        };
        let ((), left) = tokio::join!(sending, throw_away(&mut stream, BYTES_MAX));
        assert_eq!(left, BYTES_MAX - 100_000);

        let (mut client, mut stream) = duplex(PIECE_BYTES);
        let endless = async { while client.write_all(&[0; 1000]).await.is_ok() {} };
        let reading = async {
            let left = throw_away(&mut stream, 50_000).await;
            drop(stream);
            left
        };
        assert_eq!(tokio::join!(endless, reading).1, 0, "whoever sends without end");
    }
}
