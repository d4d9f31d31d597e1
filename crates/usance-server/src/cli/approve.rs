//! `usance approve`: make a key, look at what waits for signatures, and sign it.
//!
//! The key never leaves this process. What is signed is shown before it is signed.

use crate::cli::output::Output;
use crate::cli::person::say;
use crate::cli::remote::{Remote, RemoteFlags};
use crate::cli::treasury::order_line;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use usance_core::person::{PublicKey, Signature};
use usance_store::files;
use usance_store::random::random_bytes;

/// Make a key, look at what waits for signatures, and sign it.
///
/// `usance approve` lists the proposals that are open, `usance approve 17` shows one, and with --key it is signed: for it, or with
/// --decline against it. The last signature that is needed carries it out at once. With --network it is about that network's orders.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Approve {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    sign: Sign,
}

#[derive(Args)]
struct Sign {
    #[command(flatten)]
    remote: RemoteFlags,
    /// The proposal's number, or with --network the order's.
    #[arg(value_name = "NUMBER")]
    number: Option<u64>,
    /// The network whose orders are looked at or signed, in place of proposals.
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// The file with your key, as `usance approve keygen` makes it: PKCS#8, as PEM.
    #[arg(long, value_name = "FILE", requires = "number")]
    key: Option<PathBuf>,
    /// Sign against it: nobody can approve it any more.
    #[arg(long, requires = "key")]
    decline: bool,
    /// Sign without a question, also on a terminal.
    #[arg(long, requires = "key")]
    yes: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a key into a new file, for its owner alone, and print its public half.
    Keygen {
        /// The file: PKCS#8, as PEM, which other tools read, too.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

impl Approve {
    /// Whether JSON was asked for.
    #[must_use]
    pub fn json(&self) -> bool {
        match &self.verb {
            Some(Verb::Keygen { output, .. }) => output.json,
            None => self.sign.output.json,
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// With a sentence: a key that cannot be read, a person that is not registered, or as the server answers.
pub fn run(verb: &Approve) -> anyhow::Result<ExitCode> {
    match &verb.verb {
        Some(Verb::Keygen { out, output }) => keygen(out, *output)?,
        None => signing(&verb.sign)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn keygen(out: &Path, output: Output) -> anyhow::Result<()> {
    let public = public_half(&make_key(out)?)?;
    say(output, &json!({"public_key": public.to_string(), "file": out}), &format!("public key: {public}"));
    Ok(())
}

/// Makes a key into a new file, for its owner alone.
///
/// # Errors
/// When there is no randomness, or the file is there already or cannot be written.
pub fn make_key(out: &Path) -> anyhow::Result<SigningKey> {
    let key = SigningKey::from_bytes(&random_bytes::<32>()?);
    // Without the public half, as the oldest readers of PKCS#8 know it.
    let bytes = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
    let text = bytes.to_pkcs8_pem(LineEnding::LF).map_err(|error| anyhow::anyhow!("the key cannot be written: {error}"))?;
    let mut file = files::create_new(out)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("{} cannot be written", out.display()))?;
    Ok(key)
}

/// The key in a file.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn read_key(file: &Path) -> anyhow::Result<SigningKey> {
    let pem = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    SigningKey::from_pkcs8_pem(&pem).map_err(|_| anyhow::anyhow!("{} is no Ed25519 key as PKCS#8 PEM", file.display()))
}

fn public_half(key: &SigningKey) -> anyhow::Result<PublicKey> {
    Ok(PublicKey::from_bytes(key.verifying_key().to_bytes())?)
}

fn signing(sign: &Sign) -> anyhow::Result<()> {
    let remote = sign.remote.open()?;
    let kind = Kind::of(sign);
    let Some(number) = sign.number else { return kind.list(&remote, sign.output) };
    let (word, path) = (kind.word(), format!("{}/{number}", kind.path()));
    let asked = remote.get(&path)?;
    let Some(file) = &sign.key else {
        say(sign.output, &asked, &kind.shown(&asked));
        return Ok(());
    };
    let verdict = if sign.decline { "decline" } else { "approve" };
    let text = asked["sign"][verdict].as_str().context("the server does not say what is signed")?;
    if !text.contains(&format!("\nverdict: {verdict}\n")) || !text.contains(&format!("\n{word}: {number}\n")) || !kind.is_of(text) {
        bail!("the server shows another text than that of {word} {number}; nothing is signed");
    }
    let key = read_key(file)?;
    let person = person_of(&remote, &public_half(&key)?.to_string())?;
    if !sign.output.json {
        println!("{text}");
    }
    if !sign.yes && std::io::stdin().is_terminal() && !is_wanted(&person, verdict)? {
        bail!("nothing was signed");
    }
    let signature = Signature::from_bytes(key.sign(text.as_bytes()).to_bytes()).to_string();
    let body = json!({"person": person, "verdict": verdict, "signature": signature});
    let told = remote.post(&format!("{path}/signatures"), &body)?;
    say(sign.output, &told, &format!("signed by {person}: {word} {number} is {}", told["standing"].as_str().unwrap_or("")));
    Ok(())
}

/// What is signed.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Proposal,
    Order { network: &'a str },
}

impl<'a> Kind<'a> {
    fn of(sign: &'a Sign) -> Kind<'a> {
        sign.network.as_deref().map_or(Kind::Proposal, |network| Kind::Order { network })
    }
    const fn word(self) -> &'static str {
        match self {
            Kind::Proposal => "proposal",
            Kind::Order { .. } => "order",
        }
    }
    fn path(self) -> String {
        match self {
            Kind::Proposal => "/v1/operator/proposals".to_owned(),
            Kind::Order { network } => format!("/v1/operator/treasury/networks/{network}/orders"),
        }
    }
    /// Whether a text is about it, as far as that is asked for.
    fn is_of(self, text: &str) -> bool {
        match self {
            Kind::Proposal => text.starts_with("usance proposal"),
            Kind::Order { network } => text.starts_with("usance order") && text.contains(&format!("\nnetwork: {network}\n")),
        }
    }
    fn shown(self, asked: &Value) -> String {
        match self {
            Kind::Proposal => shown(asked),
            Kind::Order { .. } => order_line(asked),
        }
    }
    fn list(self, remote: &Remote, output: Output) -> anyhow::Result<()> {
        let standing = if matches!(self, Kind::Proposal) { "open" } else { "proposed" };
        let open = remote.list(&format!("{}?standing={standing}", self.path()))?;
        say(output, &json!(open), if open.is_empty() { "nothing waits for signatures" } else { "" });
        if !output.json {
            open.iter().for_each(|asked| println!("{}", self.shown(asked)));
        }
        Ok(())
    }
}

/// A proposal in a line.
fn shown(proposal: &Value) -> String {
    let word = |name: &str| proposal[name].as_str().unwrap_or("").to_owned();
    let about =
        proposal["about"].as_object().map(|about| about.iter().map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or(""))));
    let about = about.map(|lines| lines.collect::<Vec<_>>().join(", ")).unwrap_or_default();
    let by = proposal["approved_by"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    let by = by.filter(|names| !names.is_empty()).unwrap_or_else(|| "nobody".to_owned());
    let (number, kind, standing, until) = (word("proposal_id"), word("kind"), word("standing"), word("expires_at"));
    format!("{number}  {kind}: {about}; {standing}, approved by {by}, until {until}")
}

/// Whose key it is, by what the server knows.
fn person_of(remote: &Remote, public_key: &str) -> anyhow::Result<String> {
    let people = remote.list("/v1/operator/people")?;
    let own = people.iter().find(|person| person["public_key"] == public_key).and_then(|person| person["name"].as_str());
    own.map(str::to_owned).with_context(|| format!("nobody is registered with the public key {public_key}"))
}

fn is_wanted(person: &str, verdict: &str) -> anyhow::Result<bool> {
    eprint!("{person}, {verdict} this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
