//! `usance restore`: put into a store what a copy has more.
//!
//! Into an empty store everything, so this is also the way from files to a database server; into one that was restored from
//! an older base, the batches after it.

use crate::cli::output::{Output, progress};
use crate::cli::store_flags::StoreFlags;
use anyhow::{Context, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use usance_engine::life::clock::EngineClock;
use usance_engine::life::settings::SHARD;
use usance_engine::people::keys::{Reason, change};
use usance_store::actor::Actor;
use usance_store::note::Proof;
use usance_store::{
    DataDirectory, Head, Home, IdentityStore, LogReader, NewSecurityEvent, Note, People, SecurityKind, SqliteIdentities, StoreError,
    verify_chain,
};

/// Put into a store what a copy has more: everything into an empty one.
///
/// The copy is a data directory, as `usance backup` makes it, or an embedded platform that is stopped. The store is named by
/// --store, or a directory by --data. A copy that is not what its note says is refused, and so is a store whose log is not a
/// beginning of the copy's; nothing is changed then.
/// People and tokens of the copy take the place of the store's when the store was behind it, and are put in where there are
/// none.
#[derive(Args)]
pub struct Restore {
    #[command(flatten)]
    to: StoreFlags,
    /// The copy.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Take a copy whose note is not there or not signed with a key of the secrets file: a platform's own directory, or a copy that was
    /// made without that file. Without the secrets file nobody can tell, and nothing is asked.
    #[arg(long)]
    accept_unsigned: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Runs the verb.
///
/// # Errors
/// With a sentence: the copy is not whole, or the store holds something else. What was put in before stays, and is a
/// beginning of the copy: the verb can be run again.
pub fn run(verb: &Restore) -> anyhow::Result<ExitCode> {
    drop(DataDirectory::open_shared(&verb.from)?);
    // Held while it is read: an embedded platform that runs would go on after the copy was taken.
    let from = DataDirectory::open_exclusive(&verb.from)?;
    let note = Note::expect(&from, SHARD)?;
    let proof = proven(note.as_ref(), verb)?;
    let copy = Home::embedded(&from);
    let people = people_of(&from)?;
    expect_keys(&people, &verb.to)?;
    let reader = copy.log_reader().with_context(|| format!("{} holds no log", verb.from.display()))?;
    let (directory, store) = match verb.to.server.postgres()? {
        Some(postgres) => (None, Home::Postgres(postgres)),
        None => {
            let directory = DataDirectory::open_exclusive(&verb.to.data)?;
            let home = Home::embedded(&directory);
            (Some(directory), home)
        }
    };
    let before = head_of(&store)?;
    expect_beginning(reader.as_ref(), before)?;
    let end = reader.head(SHARD)?.context("the copy's log is empty")?;
    if let Some(directory) = &directory {
        Note::forget(directory.path())?;
    }
    let bar = progress("putting in", end.seq, verb.output);
    let mut log = store.log()?;
    let mut head = before;
    head = verify_chain(reader.as_ref(), SHARD, Head::GENESIS, |batch| -> anyhow::Result<()> {
        if batch.seq > head.seq {
            log.append(head.seq, batch).into_result(head.seq)?;
            head = batch.head();
        }
        bar.set_position(batch.seq);
        Ok(())
    })?;
    bar.finish_and_clear();
    let people = put_people(&people, &store, head.seq > before.seq)?;
    let lost = if people { settle_keys(&verb.to, &store)? } else { Vec::new() };
    let hash = crate::wire::text::hex(&head.hash);
    let added = head.seq - before.seq;
    if verb.output.json {
        println!(
            "{}",
            serde_json::json!({"batches_added": added, "people_added": people, "note": proof, "second_factors_lost": lost, "head": {"batch": head.seq, "hash": hash}})
        );
    } else {
        println!("put in {added} batches; the log ends at batch {} ({hash})", head.seq);
        println!("people and tokens: {}", if people { "put in" } else { "left as they were" });
        println!("the copy's note is {proof}");
        if !lost.is_empty() {
            println!(
                "the secrets file of the copy's platform is not here: passwords and tokens stay, these second factors cannot be checked any more:"
            );
            lost.iter().for_each(|customer| println!("  {customer}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the signature of the copy's note proves, as words. Where the secrets file is at hand a copy that is not signed with it is taken
/// knowingly alone, and a forged one not at all.
fn proven(note: Option<&Note>, verb: &Restore) -> anyhow::Result<&'static str> {
    let Some(keys) = verb.to.keys()? else { return Ok("not looked at: no secrets file is at hand (--secrets)") };
    let found = match note.map(|note| note.proof(&keys)) {
        Some(Proof::Signed) => return Ok("signed by this platform's secrets file"),
        Some(Proof::Forged) => {
            bail!("{}: the note was not written by whoever has the secrets file; nothing was changed", verb.from.display())
        }
        Some(Proof::Unsigned) => "not signed",
        Some(Proof::OtherKey) => "signed with a key that is not in the secrets file",
        None => "not there",
    };
    if !verb.accept_unsigned {
        bail!(
            "{}: the copy's note is {found}, so somebody else may have made it; nothing was changed. If you know where it comes from, add --accept-unsigned",
            verb.from.display()
        );
    }
    Ok(found)
}

/// A secrets file that is there has to be the copy's platform's: another one would never be used, or would be another platform's.
fn expect_keys(copied: &People, to: &StoreFlags) -> anyhow::Result<()> {
    let (Some(stored), Some(keys)) = (copied.sealing_key, to.keys()?) else { return Ok(()) };
    if keys.with_in_force(stored).is_none() {
        let path = to.secrets_file()?;
        bail!(
            "{} does not have key {stored}, which sealed the copy's second factors: bring the file that does; to go on without it, move this one away or name another with --secrets",
            path.display()
        );
    }
    Ok(())
}

/// Makes the people that were put in this secrets file's. Where that does not have the key that sealed them, a new file takes its place,
/// and the customers whose second factors are lost are named.
fn settle_keys(to: &StoreFlags, store: &Home) -> anyhow::Result<Vec<String>> {
    let mut people = store.people()?;
    let Some(stored) = people.sealing_key()? else { return Ok(Vec::new()) };
    if to.keys()?.is_some_and(|keys| keys.with_in_force(stored).is_some()) {
        return Ok(Vec::new());
    }
    match to.secrets_file() {
        Ok(path) => Ok(change(&path, people.as_mut(), Reason::Lost)?.factors),
        // Nothing is lost yet: whoever serves it names the file.
        Err(_) => Ok(Vec::new()),
    }
}

/// Where the store's log ends; one that has none is left without.
fn head_of(store: &Home) -> anyhow::Result<Head> {
    match store.log_reader() {
        Ok(reader) => Ok(reader.head(SHARD)?.unwrap_or(Head::GENESIS)),
        Err(StoreError::NotFound { .. }) => Ok(Head::GENESIS),
        Err(error) => Err(error.into()),
    }
}

/// The store's log has to be a beginning of the copy's.
fn expect_beginning(copy: &dyn LogReader, head: Head) -> anyhow::Result<()> {
    if head.seq == 0 {
        return Ok(());
    }
    let there = copy.read(SHARD, head.seq, 1)?.into_iter().next().filter(|batch| batch.seq == head.seq);
    match there {
        Some(batch) if batch.hash == head.hash => Ok(()),
        Some(_) => bail!("the store holds another log: its batch {} is not the copy's", head.seq),
        None => bail!("the store is ahead of the copy, or holds another log: it ends at batch {}, which the copy does not have", head.seq),
    }
}

/// The copy's people, which its note was held against. They are read from a copy of their own: a file of an older release is brought up
/// by being opened, and the copy stays as it is.
fn people_of(copy: &DataDirectory) -> anyhow::Result<People> {
    let scratch = tempfile::tempdir().context("room for the copy's people")?;
    let file = scratch.path().join("people.sqlite");
    usance_store::copy::database(&copy.people(), &file)?;
    Ok(SqliteIdentities::open(&file)?.everything()?)
}

/// Puts the copy's people into an empty home, and in the place of those of a store that was behind the copy: a token that
/// was revoked since does not come back. Says whether it did.
fn put_people(people: &People, store: &Home, was_behind: bool) -> anyhow::Result<bool> {
    let mut home = store.people()?;
    let put = if was_behind { home.replace(people) } else { home.fill(people) };
    match put {
        Ok(()) => {
            let event =
                NewSecurityEvent { kind: SecurityKind::PeopleRestored, customer: None, subject: None, actor: Some(Actor::COMMAND_LINE) };
            home.add_security_event(&event, EngineClock::system().ms())?;
            Ok(true)
        }
        Err(StoreError::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
