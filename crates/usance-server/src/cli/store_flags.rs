//! Where the data lie, as it is typed: a data directory, or a database server and how to come in there.
//!
//! A password is never an argument of its own, which everybody on the machine can read: it comes from a file or from the
//! environment. No text made here holds one.

use crate::cli::logging::in_one_line;
use anyhow::{Context, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Once;
use usance_engine::life::settings::SHARD;
use usance_store::{DataDirectory, Head, Home, LogReader, Postgres, Secrets, SnapshotFile, StoreError, secrets_file, snapshot};

/// The environment variable that holds the password of the database server.
pub const PASSWORD: &str = "USANCE_STORE_PASSWORD";

/// Where the data lie.
#[derive(Args, Clone)]
pub struct StoreFlags {
    /// The data directory; with --store snapshots lie there, and what the process knows of the log.
    #[arg(long, value_name = "DIR", env = "USANCE_DATA", default_value = "usance-data")]
    pub data: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub server: ServerFlags,
    /// The file with the keys that seal second factors and repeated secrets: apart from the data and from every backup of them, the
    /// same for every instance [default: beside the data directory, DIR.secrets; with --store it has to be named].
    #[arg(long, value_name = "FILE", env = "USANCE_SECRETS_FILE")]
    pub secrets: Option<PathBuf>,
}

/// A database server, and how to come in there.
#[derive(Args, Clone)]
pub struct ServerFlags {
    /// A PostgreSQL server in place of files: postgres://USER@HOST:PORT/DATABASE[?sslmode=…&sslrootcert=…&schema=…].
    #[arg(long, value_name = "URL", env = "USANCE_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// A file that holds the password for --store; otherwise USANCE_STORE_PASSWORD does, if it is set.
    #[arg(long, value_name = "FILE", env = "USANCE_STORE_PASSWORD_FILE")]
    pub store_password_file: Option<PathBuf>,
}

impl ServerFlags {
    /// The server, if one was named.
    ///
    /// # Errors
    /// When the address is not understood, or the password file cannot be read.
    pub fn postgres(&self) -> anyhow::Result<Option<Postgres>> {
        let Some(address) = &self.store else { return Ok(None) };
        let password = match &self.store_password_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("reading the password file {}", path.display()))?;
                Some(text.trim_end_matches(['\n', '\r']).to_owned())
            }
            None => std::env::var(PASSWORD).ok().filter(|password| !password.is_empty()),
        };
        let postgres = Postgres::parse(address, password.as_deref())?;
        if let Some(weakness) = postgres.weakness() {
            warn_once(&postgres, weakness);
        }
        Ok(Some(postgres))
    }
}

/// Says once a process what a connection lacks: in the service's own log, or beside what a verb says.
fn warn_once(server: &Postgres, weakness: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        if tracing::dispatcher::has_been_set() {
            tracing::warn!(%server, "{weakness}; sslmode=verify-full proves who it is");
        } else {
            eprintln!("usance: {}", in_one_line(&format!("{server}: {weakness}; sslmode=verify-full proves who it is")));
        }
    });
}

/// A place that is read, whoever writes it meanwhile.
pub struct Visited {
    /// Where log, tables and people lie.
    pub home: Home,
    /// The log.
    pub reader: Box<dyn LogReader>,
    /// Snapshots beside it, newest first.
    pub snapshots: Vec<SnapshotFile>,
    /// The data directory, where the log lies in files.
    pub directory: Option<PathBuf>,
    /// The keys of its secrets file, where that is at hand.
    pub keys: Option<Secrets>,
    /// What it is called.
    pub name: String,
}

impl StoreFlags {
    /// Where log, tables and people lie.
    ///
    /// # Errors
    /// When there is no such directory, or the server's address is not understood.
    pub fn home(&self) -> anyhow::Result<Home> {
        Ok(match self.server.postgres()? {
            Some(postgres) => Home::Postgres(postgres),
            None => Home::embedded(&DataDirectory::open_shared(&self.data)?),
        })
    }

    /// Where the secrets file is.
    ///
    /// # Errors
    /// When nobody said, and there is no directory that it could lie beside.
    pub fn secrets_file(&self) -> anyhow::Result<PathBuf> {
        match &self.secrets {
            Some(path) => Ok(path.clone()),
            None if self.server.store.is_none() => Ok(secrets_file::beside_data(&self.data)),
            None => bail!(
                "name the file that holds its keys with --secrets (or USANCE_SECRETS_FILE): every instance on one --store gets the same; the first \
                 start makes it where there is none"
            ),
        }
    }

    /// The keys of the secrets file, nothing where it is not there or nobody said where it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn keys(&self) -> anyhow::Result<Option<Secrets>> {
        match self.secrets_file() {
            Ok(path) => Ok(secrets_file::read(&path)?),
            Err(_) => Ok(None),
        }
    }

    /// Opens it to be read.
    ///
    /// # Errors
    /// When there is no log.
    pub fn visit(&self) -> anyhow::Result<Visited> {
        let name = match self.server.postgres()? {
            Some(postgres) => postgres.to_string(),
            None => self.data.display().to_string(),
        };
        let open = || -> anyhow::Result<_> {
            let home = self.home()?;
            let reader = home.log_reader()?;
            Ok((home, reader))
        };
        let (home, reader) = open().map_err(|error| {
            let is_hindered = error.downcast_ref().is_some_and(StoreError::is_hindrance);
            let is_missing = self.server.store.is_none() && !is_hindered;
            error.context(if is_missing { format!("{name} holds no log") } else { format!("the log of {name} cannot be read") })
        })?;
        let directory = self.server.store.is_none().then(|| self.data.clone());
        Ok(Visited { home, reader, snapshots: snapshots(&self.data)?, directory, keys: self.keys()?, name })
    }
}

impl Visited {
    /// How many batches the log holds, 0 where that cannot be told.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.reader.head(SHARD).ok().flatten().map_or(0, |head| head.seq)
    }

    /// Where the log ends now.
    ///
    /// # Errors
    /// When it is empty, or cannot be read.
    pub fn end(&self) -> anyhow::Result<Head> {
        self.reader.head(SHARD)?.context("the log is empty")
    }
}

/// The snapshots of a data directory, none where there is no directory.
fn snapshots(data: &Path) -> Result<Vec<SnapshotFile>, StoreError> {
    match DataDirectory::open_shared(data) {
        Ok(directory) => snapshot::list(&directory.snapshots()),
        Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A name that is one line of plain letters, for a node.
///
/// # Errors
/// With what it may be.
pub fn plain_name(text: &str) -> Result<String, String> {
    if usance_core::id::is_outside_id(text, 64) { Ok(text.to_owned()) } else { Err("1 to 64 of A-Z a-z 0-9 . _ -".to_owned()) }
}

/// The server that a verb cannot do without.
///
/// # Errors
/// When none was named.
pub fn server_of(flags: &ServerFlags) -> anyhow::Result<Postgres> {
    match flags.postgres()? {
        Some(postgres) => Ok(postgres),
        None => bail!("name the database server with --store"),
    }
}
