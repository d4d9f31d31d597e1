//! `usance serve`: the engine and its HTTP interface on a data directory.

use crate::app::{App, Script, Site};
use crate::auth::bootstrap;
use crate::auth::tokens::Auth;
use crate::cli::logging;
use crate::cli::output::{Output, progress};
use crate::cli::rate_flags::RateFlags;
use crate::cli::store_flags::{StoreFlags, plain_name};
use crate::site::{self, door::Door};
use crate::wire::address::{Proxies, Subnet};
use crate::wire::admission::Admission;
use crate::wire::body::longest;
use crate::wire::limits::Limits;
use crate::wire::listen::{self, Entrance, House, Opened};
use anyhow::{Context, bail};
use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::machine::state::ClockMode;
use usance_engine::life::clock::EngineClock;
use usance_engine::life::engine::POSITIONS_MAX;
use usance_engine::life::lease::Duty;
use usance_engine::life::start;
use usance_engine::people::keys::{Keyring, KeysError};
use usance_engine::{NodeRole, Server, Settings, Started};
use usance_store::{Role, StoreError};

/// How long requests under way are waited for when a signal ends the service.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// The same when the engine has stopped: what waits is told so, which takes no time.
const FAILURE_PATIENCE: Duration = Duration::from_secs(1);

/// Run the engine and its HTTP interface on a data directory, or on a database server (--store).
///
/// A platform is created where there is none. Clock and day offset are fixed then; a later flag that contradicts them
/// is refused. The first operator comes in with the token in USANCE_OPERATOR_TOKEN, or one made by `usance token create`.
#[derive(Args, Clone)]
pub struct Serve {
    #[command(flatten)]
    place: StoreFlags,
    /// How this instance begins on a --store that others may write, too: as its writer, unless somebody else is; or as a
    /// standby, which creates nothing and waits until nobody writes.
    #[arg(long, value_name = "ROLE", env = "USANCE_ROLE", default_value = "writer")]
    role: RoleFlag,
    /// What this instance is called among those on one --store [default: host name and process id].
    #[arg(long, value_name = "NAME", env = "USANCE_NODE", value_parser = plain_name)]
    node: Option<String>,
    /// Where clients reach this instance; a standby tells them where the writer is.
    #[arg(long, value_name = "URL", env = "USANCE_ADVERTISE")]
    advertise: Option<String>,
    #[command(flatten)]
    pub(super) serving: Serving,
    /// The clock: `system`, or `simulated:INSTANT`, which stands still until it is moved (INSTANT counts at creation only).
    #[arg(long, value_name = "CLOCK", env = "USANCE_CLOCK", value_parser = parse_clock)]
    clock: Option<ClockFlag>,
    /// Minutes between the platform's day and UTC's, -720 to 840 [default: 0].
    #[arg(long, value_name = "N", env = "USANCE_DAY_OFFSET_MINUTES", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-720..=840))]
    day_offset_minutes: Option<i32>,
    /// Prove the whole chain of the log before anything is answered. Without it a start believes what was proven and signed with the
    /// secrets file before, proves what came since, and the rest while it runs.
    #[arg(long, env = "USANCE_PROVE_ALL", value_parser = FalseyValueParser::new())]
    prove_all: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// A role as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleFlag {
    /// Writes, unless somebody else does.
    Writer,
    /// Follows, until nobody writes.
    Standby,
}

/// How to serve.
#[derive(Args, Clone, Debug)]
pub struct Serving {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", env = "USANCE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Requests under way at a time; more are told 503 at once.
    #[arg(long, value_name = "N", env = "USANCE_REQUESTS", default_value = "256")]
    pub requests: NonZeroUsize,
    /// Positions that one customer may have staked at a time; a subscription that would open one more is refused.
    #[arg(long, value_name = "N", env = "USANCE_POSITIONS_MAX", default_value_t = POSITIONS_MAX)]
    pub positions_max: usize,
    /// How many requests a second.
    #[command(flatten)]
    pub rates: RateFlags,
    /// What a connection may do.
    #[command(flatten)]
    pub connections: Limits,
    /// Customers reach the pages over HTTPS (a proxy ends TLS): cookies are then sent over HTTPS only.
    #[arg(long, env = "USANCE_HTTPS", value_parser = FalseyValueParser::new())]
    pub https: bool,
    /// A proxy whose X-Forwarded-For tells where a customer is, as an address or a range like 10.0.0.0/8; may be given again,
    /// or with commas. Nobody else's is believed. Attempts to sign in are counted by that address.
    #[arg(long, value_name = "CIDR", env = "USANCE_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<Subnet>,
    /// Write the service's own log as JSON lines.
    #[arg(long, env = "USANCE_LOG_JSON", value_parser = FalseyValueParser::new())]
    pub log_json: bool,
}

/// A clock as it is typed.
pub type ClockFlag = (ClockMode, Option<Timestamp>);

fn parse_clock(text: &str) -> Result<ClockFlag, String> {
    match text.split_once(':') {
        None if text == "system" => Ok((ClockMode::System, None)),
        None if text == "simulated" => Ok((ClockMode::Simulated, None)),
        Some(("simulated", instant)) => {
            let at = crate::wire::input::instant("INSTANT", instant);
            at.map(|at| (ClockMode::Simulated, Some(at))).map_err(|_| format!("{instant:?} is not an instant like 2026-01-31T12:00:00Z"))
        }
        _ => Err("expected system or simulated:INSTANT".into()),
    }
}

/// Runs the verb.
///
/// # Errors
/// With a sentence.
pub fn run(verb: &Serve) -> anyhow::Result<ExitCode> {
    logging::start(verb.serving.log_json, None);
    let settings = Settings {
        data: verb.place.data.clone(),
        server: server(verb)?,
        clock: verb.clock,
        day_offset: verb
            .day_offset_minutes
            .map(|minutes| DayOffset::from_minutes(minutes).context("the day offset is -720 to 840 minutes"))
            .transpose()?,
        secrets: verb.place.keys()?,
        prove_all: verb.prove_all,
    };
    let keys = Keyring::at(verb.place.secrets_file()?);
    let bootstrap = bootstrap_token()?;
    // Before anything is made: a platform fixes its clock and its day.
    let door = Entrance::at(verb.serving.listen, &verb.serving.connections)?;
    let opening = open(&settings, verb.output)?;
    let role = if matches!(opening.engine.duty(), Duty::Follower(_)) { "standby" } else { "writer" };
    let output = verb.output;
    serve(
        opening,
        door,
        &verb.serving,
        Entry { bootstrap: bootstrap.as_deref(), sample_customers: Vec::new(), script: None, keys },
        move |address, has_tokens| {
            if output.json {
                println!("{}", serde_json::json!({"listening": address.to_string(), "url": format!("http://{address}"), "role": role}));
            } else {
                println!("usance listens on http://{address} (contract: http://{address}/docs)");
                if role == "standby" {
                    println!("another instance writes; this one follows, and takes over when it is gone");
                }
                if !has_tokens {
                    println!(
                        "nobody can come in yet: set {}, or run `usance token create --role operator --name you`",
                        bootstrap::VARIABLE
                    );
                }
            }
            Ok(())
        },
    )
}

/// The operator's token of the environment, if there is one.
fn bootstrap_token() -> anyhow::Result<Option<String>> {
    let token = std::env::var(bootstrap::VARIABLE).ok().filter(|token| !token.is_empty());
    if let Some(token) = &token {
        bootstrap::check(token).map_err(|how| anyhow::anyhow!("{how}"))?;
    }
    Ok(token)
}

/// The database server, and this instance on it.
fn server(verb: &Serve) -> anyhow::Result<Option<Server>> {
    let Some(postgres) = verb.place.server.postgres()? else {
        if verb.role == RoleFlag::Standby {
            bail!("a standby needs a --store that several instances share; files have one writer");
        }
        return Ok(None);
    };
    let role = if verb.role == RoleFlag::Standby { NodeRole::Standby } else { NodeRole::Writer };
    let node = verb.node.clone().unwrap_or_else(default_node);
    Ok(Some(Server { postgres, role, node, address: verb.advertise.clone() }))
}

/// Host name and process id: no two instances share them.
fn default_node() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String = host.trim().chars().filter(|letter| letter.is_ascii_alphanumeric() || "._-".contains(*letter)).take(40).collect();
    format!("{}-{}", if plain.is_empty() { "node" } else { &plain }, std::process::id())
}

/// Threads that wait for files, servers and passwords at most. Under a starved processor each wait would get one of its own, and
/// each keeps some megabytes for a while.
const BLOCKING_THREADS_MAX: usize = 32;

/// How often a worker takes the next task from the queue of all workers and not from its own: every second time. Whoever was woken
/// by another thread (the log, a store) waits there; left alone, one in ten would come from it while requests stream in.
const GLOBAL_QUEUE_INTERVAL: u32 = 2;
/// How many connections that have something to read are woken at once. More wait where the kernel keeps them in order; in a worker's
/// own queue, which holds 256, they would push one another into the queue of all, before those who are being answered.
const EVENTS_AT_ONCE: usize = 32;

/// Opens a store, showing how far a replay is.
///
/// # Errors
/// As [`start::open`].
pub fn open(settings: &Settings, output: Output) -> anyhow::Result<Started> {
    let length = start::log_length(settings);
    let bar = progress("running the log", length, output);
    let opening = start::open(settings, |seq| bar.set_position(seq));
    bar.finish_and_clear();
    opening
}

/// Who may come in without having been made known before.
pub struct Entry<'a> {
    /// An operator's token that needs no row.
    pub bootstrap: Option<&'a str>,
    /// Customers that anybody may enter as: a demo's.
    pub sample_customers: Vec<String>,
    /// What a demo does by itself when its clock has moved.
    pub script: Option<Script>,
    /// The secrets file.
    pub keys: Keyring,
}

/// Serves until it is told to stop or the engine cannot go on.
///
/// # Errors
/// When the engine stops by itself.
pub fn serve(
    opening: Started,
    door: Entrance,
    serving: &Serving,
    entry: Entry<'_>,
    ready: impl FnOnce(SocketAddr, bool) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.max_blocking_threads(BLOCKING_THREADS_MAX).enable_all();
    runtime.global_queue_interval(GLOBAL_QUEUE_INTERVAL).max_io_events_per_tick(EVENTS_AT_ONCE);
    let runtime = runtime.build()?;
    let auth = Auth::new(&opening.home, entry.keys, entry.bootstrap, &serving.rates.limits())?;
    let has_tokens = begin(&auth, &opening)?;
    let metrics = install_metrics()?;
    let proxies = Proxies(serving.trusted_proxy.clone());
    if serving.https && proxies.0.is_empty() {
        tracing::warn!("customers come through a proxy that no --trusted-proxy names: all of them count as one address");
    }
    let site = Site { https: serving.https, proxies, sample_customers: entry.sample_customers, script: entry.script };
    let app = site::app(opening.engine.clone(), auth, metrics, site, Admission::new(serving.requests.get()));
    opening.engine.limit_positions(serving.positions_max);
    let knows = app.clone();
    opening.engine.before_writing(move || {
        if let Err(error) = knows.auth.take_over() {
            tracing::error!(%error, "nobody can come in here: this instance writes without the people");
        }
    });
    // From here on a signal ends the service in order, so it is caught before anybody is told where to find it.
    let (door, signals) = {
        let _inside = runtime.enter();
        (door.open()?, Signals::catch()?)
    };
    ready(door.address()?, has_tokens)?;
    tracing::info!(
        created = opening.created,
        replayed = opening.replayed,
        from_snapshot = opening.from_snapshot.map(|head| head.seq),
        "started"
    );
    let why = runtime.block_on(until_stopped(door, app, &opening, signals));
    // Handlers that still wait (event streams) are given up; everything acknowledged is durable.
    runtime.shutdown_timeout(Duration::from_millis(200));
    // Whoever still waits for the server does so to the end of the process, on a thread that is there to the end.
    std::mem::forget(opening.home.clone());
    opening.shut_down();
    match why {
        Some(reason) => bail!("{reason}"),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Makes the people this release's and this secrets file's, or finds that they are; says whether anybody can come in.
fn begin(auth: &Auth, opening: &Started) -> anyhow::Result<bool> {
    if !matches!(opening.engine.duty(), Duty::Follower(_)) {
        auth.take_over()?;
        return Ok(auth.with_store(|store| store.has_live_token(EngineClock::system().ms()))?);
    }
    // A standby changes nothing: where no writer of this release has been yet, it knows nobody until one has.
    match auth.with_store(|store| auth.people.keys().follow(store)) {
        Err(KeysError::Store(StoreError::NotFound { .. } | StoreError::OlderVersion { .. })) => Ok(true),
        followed => Ok(followed.map(|()| true)?),
    }
}

/// Metrics are gathered once in a process.
fn install_metrics() -> anyhow::Result<metrics_exporter_prometheus::PrometheusHandle> {
    const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().set_buckets(&SECONDS)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| anyhow::anyhow!("metrics: {error}"))?;
    Ok(handle)
}

/// Runs the service; returns why the engine stopped, or nothing when a signal ended it.
async fn until_stopped(door: Opened, app: App, opening: &Started, mut signals: Signals) -> Option<String> {
    let keeper = tokio::spawn(keep_house(app.clone()));
    let watched = app.clone();
    let watcher = tokio::spawn(async move { watched.admission.watch().await });
    let snapshots = app.engine.clone();
    let (serving, known) = (app.clone(), app.clone());
    let house = House {
        longest_read: Box::new(move |head, peer| {
            let from = known.site.proxies.source(&head.headers, peer.ip());
            let sender = known.auth.identify(&head.headers, Some(from)).ok()?;
            matches!(sender.role, Role::Service | Role::Operator | Role::Treasury).then(|| longest(head.uri.path()))
        }),
        proxies: app.site.proxies.clone(),
        stopping: Arc::clone(&app.serving),
        door: Door::of(app),
    };
    let server = tokio::spawn(listen::serve(door, house));
    let why = tokio::select! {
        reason = opening.engine.stopped() => Some(reason),
        () = signals.any() => None,
    };
    serving.serving.end();
    let is_sole = matches!(opening.engine.duty(), Duty::Sole);
    if !is_sole {
        // What was taken is finished, and a standby may write, before anybody slow is waited for.
        opening.engine.stop();
    }
    tracing::info!("stopping: requests under way are answered first");
    let patience = if why.is_none() { STOP_PATIENCE } else { FAILURE_PATIENCE };
    let _ = tokio::time::timeout(patience, server).await;
    if why.is_none() && is_sole {
        let full = opening.engine.full();
        let snapshot = async {
            tokio::select! {
                written = snapshots.snapshot() => written.err(),
                () = full => Some("the store is full".to_owned()),
            }
        };
        if let Some(reason) = snapshot.await {
            tracing::warn!(reason, "no snapshot at the end; the next start runs the log instead");
        }
    }
    keeper.abort();
    watcher.abort();
    why
}

/// The signals that end the service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Small work on the side: tokens made by another process, what lapsed, metrics that are gathered in buckets.
async fn keep_house(app: App) {
    let app = Arc::new(app);
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let (mut failing, mut second) = (0_u32, 0_u32);
    loop {
        tokio::select! {
            _ = seconds.tick() => {
                each_second(&app, second, &mut failing);
                second = second.wrapping_add(1);
            }
            // What a revoked token opened ends with it.
            () = app.auth.changed() => end_what_lapsed(&app),
        }
    }
}

/// How often streams are held against tokens that end by themselves, seconds.
const LAPSED_EVERY: u32 = 10;
/// How long tokens are known to whoever cannot ask the store, seconds.
const UNHEARD_SECONDS: u32 = 60;
/// How often what is over is forgotten, seconds.
const FORGOTTEN_EVERY: u32 = 3600;

fn each_second(app: &App, second: u32, failing: &mut u32) {
    match app.auth.keep_house() {
        Ok(()) => *failing = 0,
        Err(error) => {
            // Said once an outage. After a while nobody knows any more what was revoked elsewhere.
            match *failing {
                0 => tracing::warn!(%error, "tokens and keys could not be read again"),
                UNHEARD_SECONDS => app.auth.tokens_changed(),
                _ => {}
            }
            *failing = failing.saturating_add(1);
        }
    }
    app.metrics.run_upkeep();
    if second.is_multiple_of(LAPSED_EVERY) {
        end_what_lapsed(app);
    }
    if second.is_multiple_of(FORGOTTEN_EVERY)
        && !matches!(app.engine.duty(), Duty::Follower(_))
        && let Err(error) = app.auth.people.forget(&app.engine)
    {
        tracing::warn!(%error, "what is over could not be forgotten; in an hour again");
    }
}

/// Ends what goes on for somebody who may not have it any more.
fn end_what_lapsed(app: &App) {
    app.event_streams.end_unless(|credential| app.auth.still_opens(credential));
    app.statements.end_unless(|credential| app.auth.still_opens(credential));
}
