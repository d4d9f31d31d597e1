//! How one gets in to a PostgreSQL server: encryption, what of the server is proven, and passwords, which nobody ever reads
//! in an error.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use usance_store::postgres::local::LocalServer;
use usance_store::{LogStore, Postgres, PostgresLog, StoreError};

use super::append_all;
use super::postgres::{postgres, until, whole};

const PASSWORD: &str = "correct horse";

/// A server that encrypts, with a certificate for 127.0.0.1, and that asks `ann` for her password.
struct Guarded {
    server: LocalServer,
    authority: CertifiedIssuer<'static, KeyPair>,
    files: tempfile::TempDir,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

impl Guarded {
    fn start() -> Self {
        let server = LocalServer::start(&["fsync = off"]).unwrap();
        let guarded = Guarded { server, authority: authority("ours"), files: tempfile::tempdir().unwrap() };
        guarded.certify("127.0.0.1");
        let rules =
            "hostssl all ann 127.0.0.1/32 scram-sha-256\nhost all ann 127.0.0.1/32 scram-sha-256\nhost all usance 127.0.0.1/32 trust\n";
        fs::write(guarded.server.data().join("pg_hba.conf"), rules).unwrap();
        let wire = Postgres::parse(&guarded.server.address("usance"), None).unwrap().connect().unwrap();
        wire.batch(&format!("CREATE ROLE ann LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA ann AUTHORIZATION ann")).unwrap();
        wire.batch("ALTER SYSTEM SET ssl = on").unwrap();
        wire.batch("SELECT pg_reload_conf()").unwrap();
        until("the server encrypts", || guarded.connect("usance", "sslmode=require", None).is_ok());
        guarded
    }

    /// Gives the server a certificate for `host`. It is read with the next reload.
    fn certify(&self, host: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, &self.authority).unwrap();
        self.put("server.crt", &certificate.pem());
        self.put("server.key", &key.serialize_pem());
    }

    fn put(&self, name: &str, text: &str) {
        let (data, path) = (self.server.data(), self.server.data().join(name));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let owner = fs::metadata(data).unwrap();
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    /// A file of one authority.
    fn pem(&self, authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, authority.pem()).unwrap();
        path
    }

    fn connect(&self, user: &str, settings: &str, password: Option<&str>) -> Result<Postgres, StoreError> {
        let address = format!("postgres://{user}@127.0.0.1:{}/postgres?schema=ann&{settings}", self.server.port());
        let postgres = Postgres::parse(&address, password)?;
        postgres.connect().map(|_| postgres)
    }
}

fn verified(authority: &Path) -> String {
    format!("sslmode=verify-full&sslrootcert={}", authority.display())
}

/// Whether the server says of this very connection that it is encrypted.
fn is_encrypted(postgres: &Postgres) -> bool {
    let wire = postgres.connect().unwrap();
    wire.one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).unwrap().unwrap().get(0)
}

#[test]
fn what_of_the_server_is_proven() {
    let guarded = Guarded::start();
    let ours = guarded.pem(&guarded.authority, "ours.pem");
    let other = guarded.pem(&authority("another"), "another.pem");
    for (settings, encrypted) in
        [("sslmode=disable", false), ("sslmode=prefer", true), ("sslmode=require", true), (verified(&ours).as_str(), true)]
    {
        let postgres = guarded.connect("usance", settings, None).unwrap();
        assert_eq!(is_encrypted(&postgres), encrypted, "{settings}");
    }
    let refused = guarded.connect("usance", &verified(&other), None).unwrap_err().to_string();
    assert!(refused.contains("cannot be reached: ") && refused.contains("UnknownIssuer"), "{refused}");
    // The system's authorities do not know this one; whoever says nothing asks for as much.
    for settings in ["sslmode=verify-full", ""] {
        let refused = guarded.connect("usance", settings, None).unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{settings}: {refused}");
    }
    let by_file = format!("sslrootcert={}", ours.display());
    assert!(is_encrypted(&guarded.connect("usance", &by_file, None).unwrap()));

    guarded.certify("db.example");
    let wire = guarded.connect("usance", "sslmode=require", None).unwrap().connect().unwrap();
    wire.batch("SELECT pg_reload_conf()").unwrap();
    until("the server has another certificate", || guarded.connect("usance", &verified(&ours), None).is_err());
    let refused = guarded.connect("usance", &verified(&ours), None).unwrap_err().to_string();
    assert!(refused.contains("certificate not valid for name"), "{refused}");
    assert!(guarded.connect("usance", "sslmode=require", None).is_ok());
}

/// Over an encrypted connection the proof of the password is bound to the server's certificate.
#[test]
fn a_password_is_asked_for_and_never_shown() {
    let guarded = Guarded::start();
    let ours = verified(&guarded.pem(&guarded.authority, "ours.pem"));
    for settings in ["sslmode=disable", "sslmode=require", &ours] {
        let postgres = guarded.connect("ann", settings, Some(PASSWORD)).unwrap();
        let mut log = PostgresLog::open(&postgres).unwrap();
        let head = append_all(&mut log, 0, &[&[b"a"]]);
        assert_eq!(whole(&*log.reader().unwrap()), head);

        for (password, reason) in [(Some("wrong horse"), "password authentication failed for user \"ann\" [28P01]"), (None, "password")] {
            let refused = guarded.connect("ann", settings, password).unwrap_err();
            let (sentence, debug) = (refused.to_string(), format!("{refused:?}"));
            assert!(sentence.contains(reason), "{sentence}");
            assert!(!sentence.contains("horse") && !debug.contains("horse"), "{sentence} {debug}");
        }
    }
    // In the address itself it is as secret.
    let address = format!("postgres://ann:wrong%20horse@127.0.0.1:{}/postgres?{ours}", guarded.server.port());
    let refused = Postgres::parse(&address, None).unwrap().connect().unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("horse"), "{refused:?}");
}

#[test]
fn a_server_that_cannot_encrypt() {
    let server = LocalServer::start(&["fsync = off"]).unwrap();
    let address = server.address("usance");
    let prefer = Postgres::parse(&address.replace("disable", "prefer"), None).unwrap();
    assert!(!is_encrypted(&prefer));
    let refused = Postgres::parse(&address.replace("disable", "require"), None).unwrap().connect().unwrap_err().to_string();
    assert!(refused.contains("server does not support TLS"), "{refused}");
}

/// Who runs the server may ask for more than is needed, and not for less.
#[test]
fn a_commit_waits_for_a_disk_at_least() {
    let home = postgres();
    for (set, kept) in [("off", "on"), ("local", "on"), ("on", "on"), ("remote_write", "remote_write"), ("remote_apply", "remote_apply")] {
        let settings = format!("options=-c%20synchronous_commit%3D{set}%20-c%20idle_session_timeout%3D1s");
        let wire = home.with(&settings).unwrap().connect().unwrap();
        let shown = |name: &str| wire.one(&format!("SHOW {name}"), &[]).unwrap().unwrap().get::<_, String>(0);
        assert_eq!((shown("synchronous_commit").as_str(), shown("idle_session_timeout").as_str()), (kept, "0"), "{set}");
    }
}
