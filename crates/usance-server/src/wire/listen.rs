//! Connections: who may have one, for how long, and how they end.
//!
//! Owns the loop that accepts, and what HTTP leaves to a server: a head has to come within its time ([`pace`]) and name its host
//! (`head`), a body within its own time ([`body`]), an idle connection is closed, one that takes no answer is given up. There are
//! so many at most (`crowd`); a process without file descriptors left waits and goes on. What is asked over a connection is the
//! business of whoever [`Answers`].

use super::body::{Answer, Coming};
use super::crowd::{ConnectionSlot, Crowd};
use super::head;
use super::limits::Limits;
use super::linger::linger;
use super::pace::Watched;
use crate::wire::address::Proxies;
use anyhow::Context;
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use usance_engine::life::progress::Progress;

/// File descriptors that are kept for everything else: the log, the read tables, connections to a database server.
const KEPT_FILES: usize = 256;
/// The longest head of a request. The cursor of a statement over many coins is the longest thing that comes in one.
const HEAD_BYTES_MAX: usize = 48 * 1024;
/// What is kept of what comes in before it is understood: a head, or a piece of a body.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// What the system keeps of an answer for a client that is slow to take it; left alone, that is megabytes for each.
const SEND_BYTES: u32 = 128 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long the loop rests when a connection cannot be accepted for want of something.
const REST: Duration = Duration::from_millis(50);
/// What whoever comes too many is told, if it listens.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Raises the number of files this process may open as far as it may itself; gives how many connections that leaves room for.
fn room(wanted: NonZeroUsize) -> anyhow::Result<usize> {
    let mut files = getrlimit(Resource::Nofile);
    if files.current != files.maximum && setrlimit(Resource::Nofile, rustix::process::Rlimit { current: files.maximum, ..files }).is_ok() {
        files = getrlimit(Resource::Nofile);
    }
    let allowed = files.current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let room = allowed.saturating_sub(KEPT_FILES).min(wanted.get());
    if room < wanted.get() {
        tracing::warn!(room, wanted, "fewer connections than asked for: the system allows {allowed} open files (ulimit -n, LimitNOFILE)");
    }
    Some(room)
        .filter(|room| *room > 0)
        .with_context(|| format!("{allowed} open files are too few to serve: at least {} are needed", KEPT_FILES + 1))
}

/// The address that is listened on, and how many connections there is room for: known before anything is opened or made.
pub struct Entrance {
    socket: TcpSocket,
    limits: Limits,
    room: usize,
}

impl Entrance {
    /// Takes an address. Nobody can connect before there is somebody to answer.
    ///
    /// # Errors
    /// When it is taken, is not this machine's, or too few files may be open.
    pub fn at(address: SocketAddr, limits: &Limits) -> anyhow::Result<Entrance> {
        let room = room(limits.all_max)?;
        let take = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            // Whoever is accepted has it from the listener.
            socket.set_send_buffer_size(SEND_BYTES)?;
            socket.bind(address)?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = take().with_context(|| format!("listening on {address}"))?;
        Ok(Entrance { socket, limits: limits.clone(), room })
    }

    /// Lets clients connect.
    ///
    /// # Errors
    /// As the system answers.
    pub fn open(self) -> anyhow::Result<Opened> {
        let listener = self.socket.listen(BACKLOG).context("listening")?;
        Ok(Opened { listener, limits: self.limits, room: self.room })
    }
}

/// A door that is open.
pub struct Opened {
    listener: TcpListener,
    limits: Limits,
    room: usize,
}

impl Opened {
    /// Where it is.
    ///
    /// # Errors
    /// As the system answers.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Tells by the head of a request how long a body of it is read; nothing where its sender has nothing long to say.
pub type LongestRead = Box<dyn Fn(&Parts, SocketAddr) -> Option<usize> + Send + Sync>;

/// What stands behind the connections: it answers each request, which waited that long on its connection.
pub trait Answers: Send + Sync + 'static {
    /// Answers a request, or refuses it.
    fn answer(&self, request: Request, queued: Duration) -> impl Future<Output = Response> + Send;
}

/// What answers, and how long it took.
struct Service<D> {
    door: D,
    answered: metrics::Histogram,
    refused: metrics::Histogram,
}

impl<D: Answers> Service<D> {
    fn of(door: D) -> Service<D> {
        let told = |answer: &'static str| metrics::histogram!("usance_answer_seconds", "answer" => answer);
        Service { door, answered: told("given"), refused: told("refused") }
    }

    /// From when a request was there to when its answer is written.
    fn told(&self, status: StatusCode, took: Duration) {
        let is_refused = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        if is_refused { &self.refused } else { &self.answered }.record(took.as_secs_f64());
    }
}

/// What is behind a connection.
pub struct House<D> {
    /// Answers, or refuses at once.
    pub door: D,
    /// Whose long bodies are read.
    pub longest_read: LongestRead,
    /// Whose connections find a place when others do not.
    pub proxies: Proxies,
    /// Says when it is the end.
    pub stopping: Arc<Progress>,
}

/// A house with bodies coming in.
struct Open<D> {
    service: Service<D>,
    longest_read: LongestRead,
    stopping: Arc<Progress>,
    coming: Coming,
    limits: Limits,
}

/// Serves until it is told to stop, then until every request under way is answered.
pub async fn serve<D: Answers>(door: Opened, house: House<D>) {
    let Opened { listener, limits, room } = door;
    let crowd = Arc::new(Crowd::new(limits.clone(), room, house.proxies.clone()));
    let House { door: answers, longest_read, stopping, .. } = house;
    let open = Arc::new(Open { service: Service::of(answers), longest_read, stopping, coming: Coming::new(limits.body), limits });
    let (alive, mut gone) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = open.stopping.closed() => break,
        };
        match accepted {
            Ok((stream, from)) => admit(&crowd, stream, from, &open, &alive),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                metrics::counter!("usance_connections_refused_total").increment(1);
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop((listener, alive));
    // Every connection holds a sender; when the last is gone, so are they.
    let _ = gone.recv().await;
}

/// Whether it was the client that gave up between asking and being accepted.
fn is_of_the_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn admit<D: Answers>(crowd: &Arc<Crowd>, stream: TcpStream, from: SocketAddr, open: &Arc<Open<D>>, alive: &mpsc::Sender<()>) {
    let Some(place) = crowd.place(from.ip()) else {
        metrics::counter!("usance_connections_refused_total").increment(1);
        // Whoever does not listen is not waited for.
        let _ = stream.try_write(FULL);
        return;
    };
    // Answers are small and somebody waits for each: nothing is gained by holding them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    let (open, alive) = (Arc::clone(open), alive.clone());
    tokio::spawn(async move {
        if let Some(rest) = connection(stream, from, &open, &place).await {
            tokio::select! {
                () = linger(rest) => {}
                () = place.pace.asked_to_leave() => {}
            }
        }
        drop((place, alive));
    });
}

/// One connection, from its first byte to its last answer; its stream, where more may still come over it.
async fn connection<D: Answers>(stream: TcpStream, from: SocketAddr, open: &Arc<Open<D>>, place: &ConnectionSlot) -> Option<TcpStream> {
    let pace = Arc::clone(&place.pace);
    let (asked, inside) = (Arc::clone(&pace), Arc::clone(open));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let queued = asked.asked();
        let answered = Arc::clone(&asked);
        let open = Arc::clone(&inside);
        async move {
            let (parts, body) = request.into_parts();
            if let Some(response) = head::refusal(parts.version, &parts.headers, &answered) {
                answered.cut_short();
                return Ok(response.map(|body| Answer::new(body, answered)));
            }
            let body = open.coming.arrived(body, &answered, || (open.longest_read)(&parts, from)).await;
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(ConnectInfo(from));
            let began = Instant::now();
            let mut response = open.service.door.answer(request, queued).await;
            open.service.told(response.status(), began.elapsed() + queued);
            if answered.was_cut_short() {
                // Whoever believed that the connection goes on would lose its next request.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, answered)))
        }
    });
    let (watched, mut handed_on) = Watched::new(stream, Arc::clone(&pace));
    let io = TokioIo::new(watched);
    let mut protocol = http1::Builder::new();
    protocol.max_header_size(HEAD_BYTES_MAX).max_buf_size(BUFFER_BYTES_MAX).header_read_timeout(None);
    let served = protocol.serve_connection(io, service);
    let mut served = std::pin::pin!(served);
    let mut told = false;
    loop {
        tokio::select! {
            // A connection that breaks off is the client's affair.
            _ = served.as_mut() => return handed_on.try_recv().ok(),
            why = pace.too_slow(&open.limits, || place.idle()) => {
                metrics::counter!("usance_connections_closed_total", "why" => why).increment(1);
                return None;
            }
            () = open.stopping.closed(), if !told => {
                told = true;
                served.as_mut().graceful_shutdown();
            }
            // What it asks meanwhile is still answered.
            () = pace.asked_to_leave(), if !told => {
                told = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}
