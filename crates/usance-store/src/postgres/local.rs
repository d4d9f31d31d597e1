//! A PostgreSQL server of one's own, from the machine's binaries, for as long as a value lives. For tests and benchmarks.
//!
//! Owns a directory below the system's temporary one, a free port on 127.0.0.1, and the promise to leave nothing behind: a
//! shell that holds our end of a pipe stops the server and removes the directory, also when this process is killed.
//! PostgreSQL refuses to run as root; then it runs as `nobody`. For tests that need no server of their own there is
//! [`Fresh`], a schema in a server that they share.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::place::Postgres;

/// Names the server in which a [`Fresh`] schema is made, by an address like those of [`Postgres::parse`]. Without it this
/// process starts one.
pub const SHARED: &str = "USANCE_TEST_POSTGRES_URL";
/// The user and group as whom it runs when we are root: `nobody`.
const NOBODY: u32 = 65534;
/// How long it may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stops the server and removes its directory once its standard input ends, however that comes.
const WATCH: &str = "read -r _; \"$1/pg_ctl\" stop -D \"$2/data\" -m immediate -s >/dev/null 2>&1; rm -rf \"$2\"";

/// How a server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// In order; sessions are ended.
    Fast,
    /// As by a crash: the next start runs its write-ahead log.
    Immediate,
}

/// A server that lives as long as this value.
#[derive(Debug)]
pub struct LocalServer {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    has_run: bool,
    watch: Child,
    /// The watching shell waits for the end of this.
    pipe: Option<ChildStdin>,
}

impl LocalServer {
    /// Makes a new cluster and starts it; `settings` are lines of `postgresql.conf`. Its superuser is `usance`, who comes in
    /// without a password.
    ///
    /// # Errors
    /// When the machine has no PostgreSQL, or it does not start; the text says what to install or what it said.
    pub fn start(settings: &[&str]) -> io::Result<Self> {
        let mut server = LocalServer::empty()?;
        server.run("initdb", &["-U", "usance", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"])?;
        let mut configured = fs::OpenOptions::new().append(true).open(server.data().join("postgresql.conf"))?;
        let usual = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\n";
        io::Write::write_all(&mut configured, format!("{usual}{}\n", settings.join("\n")).as_bytes())?;
        server.resume()?;
        Ok(server)
    }

    /// A replica of this server, which follows it without being waited for.
    ///
    /// # Errors
    /// With what it said.
    pub fn replica(&self) -> io::Result<Self> {
        let mut replica = LocalServer::empty()?;
        let port = self.port.to_string();
        replica.run("pg_basebackup", &["-h", "127.0.0.1", "-p", &port, "-U", "usance", "-R", "-c", "fast", "-D"])?;
        replica.resume()?;
        Ok(replica)
    }

    /// Makes a replica a server of its own, whatever becomes of the one that it followed.
    ///
    /// # Errors
    /// With what it said.
    pub fn promote(&self) -> io::Result<()> {
        self.run("pg_ctl", &["promote", "-w", "-s", "-D"])
    }

    /// A directory for a server, and who stops it.
    fn empty() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let programs = programs()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("usance-postgres-{}-{number}", std::process::id()));
        fs::create_dir(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        if is_root() {
            chown(&directory, Some(NOBODY), Some(NOBODY))?;
        }
        let mut watch = as_user("sh");
        watch.args(["-c", WATCH, "watch"]).args([&programs, &directory]).current_dir("/").process_group(0);
        let mut watch = watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let pipe = watch.stdin.take();
        Ok(LocalServer { programs, directory, port: 0, has_run: false, watch, pipe })
    }

    /// Starts it again after [`LocalServer::stop`], on the same port.
    ///
    /// # Errors
    /// With what it said.
    pub fn resume(&mut self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.port == 0 {
                self.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            }
            let options = format!("-p {}", self.port);
            let log = self.directory.join("log").display().to_string();
            match self.run("pg_ctl", &["start", "-w", "-s", "-o", &options, "-l", &log, "-D"]) {
                // Somebody else may have taken the port meanwhile. Where it never ran, another one will do.
                Err(error) if Instant::now() < until && error.to_string().contains("Address already in use") => {
                    self.port = if self.has_run { self.port } else { 0 };
                }
                done => {
                    self.has_run |= done.is_ok();
                    return done;
                }
            }
        }
    }

    /// Stops it; its data stay.
    ///
    /// # Errors
    /// With what it said.
    pub fn stop(&self, how: Stop) -> io::Result<()> {
        let mode = if how == Stop::Fast { "fast" } else { "immediate" };
        self.run("pg_ctl", &["stop", "-w", "-s", "-m", mode, "-D"])
    }

    /// The address of its tables in one schema, for whoever comes in as the superuser.
    #[must_use]
    pub fn address(&self, schema: &str) -> String {
        format!("postgres://usance@127.0.0.1:{}/postgres?sslmode=disable&schema={schema}", self.port)
    }

    /// The port it listens on, at 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Where the machine keeps the programs of PostgreSQL.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// What it wrote to its own log.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Runs one of its programs on its data, as the user it runs as.
    fn run(&self, program: &str, words: &[&str]) -> io::Result<()> {
        let mut command = as_user(&self.programs.join(program).display().to_string());
        command.args(words).arg(self.data()).current_dir("/").stdin(Stdio::null());
        // What stays behind must not hold our pipes open.
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let Output { status, stderr, .. } = output(command)?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("{program}: {}{}", String::from_utf8_lossy(&stderr), self.said())))
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The shell removes everything; whoever waits for this value waits for that.
        let _ = self.watch.wait();
    }
}

/// A schema with no tables, dropped with this value: what a test has for itself in a server that it shares.
pub struct Fresh {
    postgres: Postgres,
    address: String,
}

impl Fresh {
    /// Makes one, in the server that [`SHARED`] names or in one that every caller of this process shares.
    ///
    /// # Errors
    /// When there is no such server, or the machine has no PostgreSQL: the text says what to install.
    pub fn make() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Another run may have had this process's number, and may have been killed before it dropped what it made.
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let schema = format!("fresh_{since}_{}_{number}", std::process::id());
        let address = match std::env::var(SHARED) {
            Ok(shared) if shared.contains('?') => format!("{shared}&schema={schema}"),
            Ok(shared) => format!("{shared}?schema={schema}"),
            Err(_) => shared()?.address(&schema),
        };
        let postgres = Postgres::parse(&address, None).map_err(io::Error::other)?;
        postgres.connect().and_then(|wire| wire.batch(&format!("CREATE SCHEMA {schema}"))).map_err(io::Error::other)?;
        Ok(Fresh { postgres, address })
    }

    /// The same schema under an address with more settings, like `application_name=one&options=-c%20statement_timeout%3D1s`.
    ///
    /// # Errors
    /// When they are not understood.
    pub fn with(&self, settings: &str) -> io::Result<Postgres> {
        Postgres::parse(&format!("{}&{settings}", self.address), None).map_err(io::Error::other)
    }
}

impl Fresh {
    /// The address that names it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Deref for Fresh {
    type Target = Postgres;

    fn deref(&self) -> &Postgres {
        &self.postgres
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.postgres.fmt(f)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let dropped = format!("SET client_min_messages TO error; DROP SCHEMA IF EXISTS {0}, {0}_people CASCADE", self.postgres.schema());
        // A test that failed may have left a table locked; that it failed says enough.
        let _ = self.postgres.connect().and_then(|wire| wire.batch(&dropped));
    }
}

/// The server of this process. It is stopped by its watching shell.
fn shared() -> io::Result<&'static LocalServer> {
    static SERVER: OnceLock<Result<LocalServer, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| LocalServer::start(&["fsync = off"]).map_err(|error| error.to_string()));
    started.as_ref().map_err(|error| io::Error::other(error.clone()))
}

/// Waits for a command; a server that it leaves running keeps its error stream, so that is read from a file-less pipe only
/// up to the command's own end.
fn output(mut command: Command) -> io::Result<Output> {
    let mut child = command.spawn()?;
    let status = child.wait()?;
    let mut stderr = Vec::new();
    if !status.success()
        && let Some(mut pipe) = child.stderr.take()
    {
        io::Read::read_to_end(&mut pipe, &mut stderr)?;
    }
    Ok(Output { status, stdout: Vec::new(), stderr })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn as_user(program: &str) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The newest release's programs: beside the search path Debian keeps each release in a folder of its own.
fn programs() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut releases: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    releases.sort_by_key(|folder| std::cmp::Reverse(folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok())));
    folders.extend(releases.into_iter().map(|folder| folder.join("bin")));
    let found = folders.into_iter().find(|folder| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file()));
    let found = found.ok_or_else(|| {
        io::Error::new(ErrorKind::NotFound, "this machine has no PostgreSQL (initdb, pg_ctl): install the Debian package postgresql")
    })?;
    // Where the programs themselves lie, and not links to some of them.
    let program = fs::canonicalize(found.join("initdb"))?;
    Ok(program.parent().map_or(found, Path::to_path_buf))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Postgres;

    #[test]
    fn it_comes_and_goes() {
        let mut server = LocalServer::start(&["fsync = off"]).unwrap();
        let (data, port) = (server.data(), server.port());
        let postgres = Postgres::parse(&server.address("usance"), None).unwrap();
        let wire = postgres.connect().unwrap();
        wire.batch("CREATE TABLE public.kept(x BIGINT); INSERT INTO public.kept VALUES (1)").unwrap();
        server.stop(Stop::Immediate).unwrap();
        assert!(wire.batch("SELECT 1").is_err() && wire.is_lost());
        assert!(postgres.connect().is_err());
        server.resume().unwrap();
        assert_eq!(server.port(), port);
        assert_eq!(postgres.connect().unwrap().query("SELECT x FROM public.kept", &[]).unwrap().len(), 1);
        drop(server);
        assert!(!data.exists());
        assert!(postgres.connect().is_err());
    }
}
