//! How a connection ends on which something is still to come: an answer was given before all of its request was read.
//!
//! A system that closes such a connection resets it, and a reset takes the answer from a client that still sends. So the answer
//! goes out and is marked as the last one; what still comes is then read and thrown away, so many bytes and so long at most.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;

/// Bytes that are thrown away at most.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long they are waited for. The connection keeps its place until then.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that are thrown away at a time.
const PIECE_BYTES: usize = 8 * 1024;

/// What is still read of a client that was answered.
pub(super) struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Linger {
    pub fn new() -> Self {
        Linger::within(PATIENCE, BYTES_MAX)
    }

    fn within(patience: Duration, left: usize) -> Self {
        Linger { until: Box::pin(tokio::time::sleep(patience)), left }
    }

    /// Throws away what comes; ready when the client has hung up, or nothing more is read of it.
    pub fn poll_end(&mut self, mut stream: Pin<&mut impl AsyncRead>, context: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; PIECE_BYTES];
        while self.left > 0 {
            let mut buffer = ReadBuf::new(&mut piece);
            match stream.as_mut().poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.left = self.left.saturating_sub(buffer.filled().len()),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.until.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncWriteExt, duplex};

    async fn ended(linger: &mut Linger, stream: &mut (impl AsyncRead + Unpin)) {
        poll_fn(|context| linger.poll_end(Pin::new(stream), context)).await;
    }

    #[tokio::test]
    async fn what_still_comes_is_read_so_long_and_so_much() {
        const LONG: Duration = Duration::from_secs(60);
        let (mut client, mut stream) = duplex(PIECE_BYTES);
        let mut linger = Linger::within(LONG, BYTES_MAX);
        let sending = async {
            client.write_all(&vec![0; 100_000]).await.expect("it is read");
            client.shutdown().await.expect("a hang-up");
        };
        tokio::join!(sending, ended(&mut linger, &mut stream));
        assert_eq!(linger.left, BYTES_MAX - 100_000, "to its end");

        let (_quiet, mut stream) = duplex(PIECE_BYTES);
        let mut linger = Linger::within(Duration::from_millis(10), 7);
        ended(&mut linger, &mut stream).await;
        assert!(linger.until.is_elapsed() && linger.left == 7, "whoever neither sends nor hangs up");

        let (mut client, mut stream) = duplex(PIECE_BYTES);
        let mut linger = Linger::within(LONG, 50_000);
        let endless = async { while client.write_all(&[0; 1000]).await.is_ok() {} };
        let reading = async {
            ended(&mut linger, &mut stream).await;
            drop(stream);
        };
        tokio::join!(endless, reading);
        assert!(linger.left == 0 && !linger.until.is_elapsed(), "whoever sends without end");
    }
}
