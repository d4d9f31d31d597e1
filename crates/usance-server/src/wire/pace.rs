//! Whether a connection gets on: what it is at, since when, and whether its client takes what it is sent.
//!
//! A connection waits for a request, reads its head, or answers. The first two have a time each; an answer may take what it
//! takes, as long as the client takes it: something of it, and so many bytes a second. That is asked only while something waits
//! that the client does not take, for a stream of events has nothing to send most of the time; and until all is out the
//! connection does not count as waiting for a request. The times are looked at, not set off: ten thousand idle connections cost
//! a look each few seconds and nothing between.

use super::limits::Limits;
use super::request_line::RequestLine;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

/// What a connection is at: waits for a request.
const IDLE: u64 = 0;
/// Has begun to read one.
const READING: u64 = 1;
/// Answers one.
const ANSWERING: u64 = 2;
/// Bytes a second that a client takes at least of what waits for it, over the time for which it may take nothing.
const TAKEN_A_SECOND: u64 = 1024;
/// How many of the last bytes are remembered.
const ENDS: usize = 4;
/// The end of a head, `\r\n\r\n`.
const EMPTY_LINE: u64 = 0x0d0a_0d0a;
/// The same as some write it, `\n\n`.
const BARE_EMPTY_LINE: u64 = 0x0a0a;
/// Looks in the shortest of all times.
const LOOKS: u32 = 4;
/// The longest time between two looks.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Milliseconds since this process first asked, and never 0.
fn now() -> u64 {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGINNING.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX >> 2) + 1
}

/// The last four bytes of what came before and more, as a number.
fn end(before: u32, more: &[u8]) -> u32 {
    let from = more.len().saturating_sub(ENDS);
    more.iter().skip(from).fold(before, |end, byte| end << 8 | u32::from(*byte))
}

/// How a connection gets on; shared by its stream, its requests and whoever watches it.
pub struct Pace {
    /// What it is at, in the lowest two bits, and since when.
    phase: AtomicU64,
    /// Since when the client takes nothing; 0 while it does.
    blocked: AtomicU64,
    /// Since when something waits for the client, or was last found to be taken quickly enough; 0 while all is out.
    behind: AtomicU64,
    /// Bytes it took since then.
    taken: AtomicU64,
    /// When bytes came last.
    received: AtomicU64,
    /// The last bytes that came.
    last: AtomicU64,
    /// The last bytes of the body of the request that is answered, and how many.
    body_end: AtomicU64,
    /// Whether a request was answered before it was read to its end.
    cut_short: AtomicBool,
    /// Whether a target had a `#`.
    fragment: AtomicBool,
    /// Wakes the connection when it has to leave.
    leave: Notify,
}

impl Pace {
    /// A connection that has just come.
    pub(super) fn new() -> Self {
        Pace {
            phase: AtomicU64::new(now() << 2 | IDLE),
            blocked: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            received: AtomicU64::new(now()),
            last: AtomicU64::new(0),
            body_end: AtomicU64::new(0),
            cut_short: AtomicBool::new(false),
            fragment: AtomicBool::new(false),
            leave: Notify::new(),
        }
    }

    fn turn(&self, phase: u64) {
        self.phase.store(now() << 2 | phase, Ordering::Relaxed);
    }

    /// The head of a request is read. Says how long ago its last bytes came: it waited behind others on its connection
    /// since then.
    pub(super) fn asked(&self) -> Duration {
        self.turn(ANSWERING);
        Duration::from_millis(now().saturating_sub(self.received.load(Ordering::Relaxed)))
    }

    /// Its body is there.
    pub(super) fn arrived(&self, body: &[u8]) {
        self.body_end.store(u64::from(end(0, body)) << 8 | u64::try_from(body.len().min(ENDS)).unwrap_or(0), Ordering::Relaxed);
    }

    /// It is answered without its body, or without a look at what stands in it: this answer is the connection's last.
    pub(super) fn cut_short(&self) {
        self.cut_short.store(true, Ordering::Relaxed);
    }

    /// Whether a request was answered without all of it.
    pub(super) fn was_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// Whether something may still come of a request that was answered: of its body, or of a head that could not be read.
    fn is_cut_short(&self) -> bool {
        self.was_cut_short() || self.phase.load(Ordering::Relaxed) & 3 == READING
    }

    /// Whether a request came whose target has a `#`.
    pub(super) fn has_fragment(&self) -> bool {
        self.fragment.load(Ordering::Relaxed)
    }

    /// Its answer is out, or is given up. Where what came last is not its end, the next request has begun already.
    pub(super) fn answered(&self) {
        let (last, body) = (self.last.load(Ordering::Relaxed), self.body_end.swap(0, Ordering::Relaxed));
        let beyond = 32 - 8 * (body & 0xff);
        let ends_with_body = beyond < 32 && ((last ^ (body >> 8)) << beyond) & u64::from(u32::MAX) == 0;
        let ends_with_head = last == EMPTY_LINE || last & 0xffff == BARE_EMPTY_LINE;
        self.turn(if ends_with_body || ends_with_head { IDLE } else { READING });
    }

    /// Since when it waits for a request, if it does and the answer before is out.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let phase = self.phase.load(Ordering::Relaxed);
        (phase & 3 == IDLE && self.behind.load(Ordering::Relaxed) == 0).then_some(phase >> 2)
    }

    /// Has the connection end as soon as nothing is answered.
    pub(super) fn leave(&self) {
        self.leave.notify_one();
    }

    /// Returns when it has to end.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// More has come; true where a request begins with it.
    fn received(&self, bytes: &[u8]) -> bool {
        self.received.store(now(), Ordering::Relaxed);
        let last = u32::try_from(self.last.load(Ordering::Relaxed)).unwrap_or(0);
        self.last.store(end(last, bytes).into(), Ordering::Relaxed);
        let begins = self.phase.load(Ordering::Relaxed) & 3 == IDLE;
        if begins {
            self.turn(READING);
        }
        begins
    }

    /// So many bytes were taken, or none could be.
    fn wrote(&self, taken: Poll<usize>, now: u64) {
        match taken {
            Poll::Ready(bytes) => {
                self.blocked.store(0, Ordering::Relaxed);
                self.taken.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
            }
            Poll::Pending => {
                if self.blocked.load(Ordering::Relaxed) == 0 {
                    self.blocked.store(now, Ordering::Relaxed);
                }
                if self.behind.load(Ordering::Relaxed) == 0 {
                    self.measure_from(now);
                }
            }
        }
    }

    /// Everything that was to be sent is. What the connection is at begins now, where it was not yet to be seen.
    fn all_out(&self, now: u64) {
        if self.behind.swap(0, Ordering::Relaxed) != 0 {
            self.blocked.store(0, Ordering::Relaxed);
            let phase = self.phase.load(Ordering::Relaxed) & 3;
            self.phase.store(now << 2 | phase, Ordering::Relaxed);
        }
    }

    fn measure_from(&self, instant: u64) {
        self.taken.store(0, Ordering::Relaxed);
        self.behind.store(instant, Ordering::Relaxed);
    }

    /// Whether the client takes what waits for it too slowly by now.
    fn takes_too_slowly(&self, now: u64, patience: Duration) -> bool {
        let since = |instant: u64| Duration::from_millis(now.saturating_sub(instant));
        let (blocked, behind) = (self.blocked.load(Ordering::Relaxed), self.behind.load(Ordering::Relaxed));
        if blocked != 0 && since(blocked) > patience {
            return true;
        }
        if behind == 0 || since(behind) <= patience {
            return false;
        }
        let due = now.saturating_sub(behind).saturating_mul(TAKEN_A_SECOND) / 1000;
        let is_slow = self.taken.load(Ordering::Relaxed) < due;
        // Whoever took much once has to go on.
        self.measure_from(now);
        is_slow
    }

    /// Whether the connection is too slow by now, with the word for it.
    fn verdict(&self, now: u64, limits: &Limits, idle: impl Fn() -> Duration) -> Option<&'static str> {
        if self.takes_too_slowly(now, limits.take) {
            return Some("not_taken");
        }
        if self.behind.load(Ordering::Relaxed) != 0 {
            return None;
        }
        let phase = self.phase.load(Ordering::Relaxed);
        let since = Duration::from_millis(now.saturating_sub(phase >> 2));
        match phase & 3 {
            IDLE if since > idle() => Some("idle"),
            READING if since > limits.head => Some("head_late"),
            _ => None,
        }
    }

    /// Returns when the connection is too slow, with the word for it.
    pub(super) async fn too_slow(&self, limits: &Limits, idle: impl Fn() -> Duration) -> &'static str {
        let look = limits.head.min(limits.idle).min(limits.take).div_f64(f64::from(LOOKS)).min(LOOK_MAX);
        loop {
            tokio::time::sleep(look).await;
            if let Some(why) = self.verdict(now(), limits, &idle) {
                return why;
            }
        }
    }
}

/// A stream that tells how it gets on, and is handed on where more may come over it than was read.
pub(super) struct Watched {
    /// There until it is handed on.
    stream: Option<TcpStream>,
    pace: Arc<Pace>,
    line: RequestLine,
    rest: Option<oneshot::Sender<TcpStream>>,
}

impl Watched {
    /// The stream, and where it turns up when it was shut down with something still to come.
    pub fn new(stream: TcpStream, pace: Arc<Pace>) -> (Self, oneshot::Receiver<TcpStream>) {
        let (rest, handed_on) = oneshot::channel();
        (Watched { stream: Some(stream), pace, line: RequestLine::default(), rest: Some(rest) }, handed_on)
    }

    fn open(&mut self) -> std::io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| std::io::ErrorKind::NotConnected.into())
    }

    fn wrote(&self, polled: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        let taken = match &polled {
            Poll::Ready(written) => Poll::Ready(*written.as_ref().unwrap_or(&0)),
            Poll::Pending => Poll::Pending,
        };
        self.pace.wrote(taken, now());
        polled
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let own = &mut *self;
        let polled = own.open()?.poll_read(context, buffer);
        if let Some(bytes) = buffer.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            if own.pace.received(bytes) {
                own.line = RequestLine::default();
            }
            if own.line.read(bytes) {
                own.pace.fragment.store(true, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = self.open()?.poll_write(context, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = self.open()?.poll_write_vectored(context, parts);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    /// It is asked for once nothing is kept back any more.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.pace.all_out(now());
        self.open()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.open()?.poll_shutdown(context))?;
        if self.pace.is_cut_short()
            && let (Some(rest), Some(stream)) = (self.rest.take(), self.stream.take())
        {
            // Nobody waits for it any more where the connection was given up.
            let _ = rest.send(stream);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn only_what_was_there_already_has_waited() {
        let (pace, pause) = (Pace::new(), Duration::from_millis(30));
        for _ in 0..2 {
            std::thread::sleep(pause);
            pace.received(b"GET / HTTP/1.1\r\n\r\n");
            assert!(pace.asked() < pause, "it came just now, however long the connection is in use");
            pace.answered();
        }
        std::thread::sleep(pause);
        assert!(pace.asked() >= pause, "it came with the one before");
    }

    const TAKE: Duration = Duration::from_secs(30);

    fn limits() -> Limits {
        Limits {
            all_max: NonZeroUsize::MIN,
            address_max: None,
            head: Duration::from_secs(10),
            body: Duration::from_secs(20),
            idle: Duration::from_secs(75),
            take: TAKE,
        }
    }

    /// A client that takes so many bytes each so many seconds of an answer without end; when it is given up, if it is.
    fn given_up_after(bytes: usize, every_seconds: u64) -> Option<u64> {
        let (pace, began) = (Pace::new(), now());
        pace.asked();
        pace.wrote(Poll::Pending, began);
        (1..=3_600u64).find(|second| {
            let at = began + second * 1000;
            if second % every_seconds == 0 {
                pace.wrote(Poll::Ready(bytes), at);
                pace.wrote(Poll::Pending, at);
            }
            pace.verdict(at, &limits(), || limits().idle).inspect(|why| assert_eq!(*why, "not_taken")).is_some()
        })
    }

    #[test]
    fn an_answer_that_is_taken_in_drops_is_given_up() {
        assert_eq!(given_up_after(1, 60), Some(31), "nothing at all");
        assert_eq!(given_up_after(1, 29), Some(31), "a byte now and then");
        assert_eq!(given_up_after(1_000, 1), Some(31));
        assert_eq!(given_up_after(1_100, 1), None, "slowly, and quickly enough");
        assert_eq!(given_up_after(40_000, 20), None, "in pieces");
    }

    #[test]
    fn whoever_took_much_once_has_to_go_on() {
        let (pace, began) = (Pace::new(), now());
        pace.wrote(Poll::Pending, began);
        pace.wrote(Poll::Ready(1 << 30), began + 1);
        pace.wrote(Poll::Pending, began + 1);
        let slow = (1..=120u64).find(|second| {
            let at = began + second * 1000;
            pace.wrote(Poll::Ready(1), at);
            pace.wrote(Poll::Pending, at);
            pace.takes_too_slowly(at, TAKE)
        });
        assert_eq!(slow, Some(62));
    }

    #[test]
    fn an_answer_on_its_way_is_no_idle_connection() {
        let (pace, began) = (Pace::new(), now());
        pace.received(b"GET / HTTP/1.1\r\n\r\n");
        pace.asked();
        pace.wrote(Poll::Pending, began);
        // All of it is with the connection, and little of it with the client.
        pace.answered();
        let hour = began + 3_600_000;
        for second in 1..=3_600u64 {
            pace.wrote(Poll::Ready(10_000), began + second * 1000);
            pace.wrote(Poll::Pending, began + second * 1000);
            assert_eq!(pace.verdict(began + second * 1000, &limits(), || limits().idle), None, "{second}");
        }
        assert_eq!(pace.idle_since(), None, "nobody else is given its place");
        pace.all_out(hour);
        assert_eq!(pace.idle_since(), Some(hour), "it is idle from now on");
        assert_eq!(pace.verdict(hour + 75_000, &limits(), || limits().idle), None);
        assert_eq!(pace.verdict(hour + 75_001, &limits(), || limits().idle), Some("idle"));
    }

    #[test]
    fn a_stream_with_nothing_to_send_is_not_measured() {
        let (pace, began) = (Pace::new(), now());
        pace.asked();
        for minute in 1..=600u64 {
            pace.wrote(Poll::Ready(20), began + minute * 60_000);
            pace.all_out(began + minute * 60_000);
            assert_eq!(pace.verdict(began + minute * 60_000, &limits(), || limits().idle), None);
        }
    }
}
