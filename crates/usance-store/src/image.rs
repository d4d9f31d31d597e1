//! A state as the sections of a snapshot, and back.
//!
//! A snapshot is a cache: whatever is wrong with one, the caller falls back to an older one or to the log. Columns are
//! written in groups of chunks, so that they are encoded into little memory and decoded by several threads. The same
//! bytes, hashed, are the state hash that replays are compared by.

use crate::error::StoreError;
use crate::head::Head;
use crate::snapshot::{Snapshot, SnapshotWriter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, PositionId};
use usance_core::ledger::{ControlAccounts, SubLedgerTotals};
use usance_core::machine::keys::{Generation, KeyTable};
use usance_core::machine::people::People;
use usance_core::machine::state::{Agreement, Asset, BooksAtClose, Columns, Counters, Platform, Registry, State};
use usance_core::machine::treasury::Treasury;
use usance_core::money::Amount;
use usance_core::person::Person;
use usance_core::person::proposal::Proposal;
use usance_core::pieces::{Column, PieceMap};
use usance_core::product::Product;
use usance_core::product::rates::RateVersion;
use usance_core::treasury::bearing::Bearer;
use usance_core::treasury::coverage::Coverage;
use usance_core::treasury::loss::Loss;
use usance_core::treasury::network::Network;
use usance_core::treasury::queue::{Exit, Line, Queue};
use usance_core::treasury::yields::Yields;

// What each kind of section is called, and the version of what it holds. A change of what stands in one is a new version of that
// one, with the old shape kept in `part`.
const REGISTRY: (u32, u32) = (1, 2);
const REGISTRY_1: (u32, u32) = (1, 1);
const CUSTOMERS: (u32, u32) = (2, 1);
const ACCOUNTS: (u32, u32) = (3, 1);
const HOLDINGS: (u32, u32) = (4, 1);
const RUNNING: (u32, u32) = (5, 1);
const ORIGINS: (u32, u32) = (6, 1);
const KEYS: (u32, u32) = (7, 1);
const REFERENCES: (u32, u32) = (8, 1);
const WRITTEN_OFF: (u32, u32) = (9, 1);
const PEOPLE: (u32, u32) = (10, 1);
const PROPOSALS: (u32, u32) = (11, 1);
const NETWORKS: (u32, u32) = (12, 1);
const COVERAGE: (u32, u32) = (13, 1);
const EXITS: (u32, u32) = (14, 1);
const LINES: (u32, u32) = (15, 1);
const YIELDS: (u32, u32) = (16, 1);
const LOSSES: (u32, u32) = (17, 1);
const BEARERS: (u32, u32) = (18, 1);

/// Every kind of section.
const KINDS: [(u32, u32); 18] = [
    REGISTRY,
    CUSTOMERS,
    ACCOUNTS,
    HOLDINGS,
    RUNNING,
    ORIGINS,
    KEYS,
    REFERENCES,
    WRITTEN_OFF,
    PEOPLE,
    PROPOSALS,
    NETWORKS,
    COVERAGE,
    EXITS,
    LINES,
    YIELDS,
    LOSSES,
    BEARERS,
];

/// Chunks of a column in one section, pieces of a map in one section: a column's stay below 30 MiB, whatever its rows are.
const CHUNKS_A_SECTION: usize = 32;
const PIECES_A_SECTION: usize = 256;
/// Entries after which a section of a map is full before it has all its pieces: maps grow with the years, sections do not
/// ([`crate::snapshot::SECTION_MAX`]).
const ENTRIES_A_SECTION: usize = 1 << 20;
/// Proposals in one section: each may carry the whole of what it is about.
const PROPOSALS_A_SECTION: usize = 1 << 10;
/// Losses in one section.
const LOSSES_A_SECTION: usize = 1 << 10;

/// Writes a frozen state into `dir` as the snapshot of `head`.
///
/// # Errors
/// As the files answer; [`StoreError::Unknown`] for a state that no log gives.
pub fn write(dir: &Path, shard: u16, head: Head, state: &State) -> Result<PathBuf, StoreError> {
    if state.mid_round || state.broken.is_some() {
        return Err(StoreError::Unknown("the state is not what its batches say: a round broke off in it".to_owned()));
    }
    let mut writer = SnapshotWriter::create(dir, shard, head)?;
    each_section(state, |kind, bytes| writer.section(kind, bytes))?;
    writer.finish()
}

/// The hash of everything a snapshot of this state would hold.
///
/// # Errors
/// [`StoreError::Damaged`] when a part cannot be encoded, which is a bug.
pub fn state_hash(state: &State) -> Result<[u8; 32], StoreError> {
    let mut hasher = blake3::Hasher::new();
    each_section(state, |(id, _), bytes| {
        hasher.update(&id.to_le_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(*hasher.finalize().as_bytes())
}

fn each_section(state: &State, mut write: impl FnMut((u32, u32), &[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    write(REGISTRY, &encoded(&Small::of(&state.registry))?)?;
    for entries in written_off(&state.registry).chunks(ENTRIES_A_SECTION) {
        write(WRITTEN_OFF, &encoded(&entries)?)?;
    }
    column(CUSTOMERS, &state.customers, &mut write)?;
    column(ACCOUNTS, &state.accounts, &mut write)?;
    column(HOLDINGS, &state.holdings, &mut write)?;
    column(RUNNING, &state.running, &mut write)?;
    column(ORIGINS, &state.origins, &mut write)?;
    for generation in state.keys.generations() {
        map(&generation.keys, |entries: Vec<([u8; 16], LogPosition)>| write(KEYS, &encoded(&(generation.number, entries))?))?;
    }
    map(&state.references, |entries: Vec<([u8; 16], ())>| write(REFERENCES, &encoded(&entries)?))?;
    if !state.people.people().is_empty() {
        write(PEOPLE, &encoded(&state.people.people())?)?;
    }
    for proposals in state.people.proposals().chunks(PROPOSALS_A_SECTION) {
        write(PROPOSALS, &encoded(&proposals)?)?;
    }
    // One network a section: each has the whole of its last picture.
    for network in state.treasury.networks() {
        write(NETWORKS, &encoded(network)?)?;
    }
    for coverage in state.treasury.coverages() {
        write(COVERAGE, &encoded(&coverage)?)?;
    }
    let queue = state.treasury.queue();
    column(EXITS, queue.exits(), &mut write)?;
    for line in queue.lines() {
        write(LINES, &encoded(&line)?)?;
    }
    for yields in state.treasury.yields() {
        write(YIELDS, &encoded(&yields)?)?;
    }
    for losses in state.treasury.losses().chunks(LOSSES_A_SECTION) {
        write(LOSSES, &encoded(&losses)?)?;
    }
    for (loss, lost) in state.treasury.losses().iter().enumerate() {
        for (is_exit, bearers) in [(false, &lost.bearing.positions), (true, &lost.bearing.exits)] {
            for chunks in bearers.chunks().chunks(CHUNKS_A_SECTION) {
                let chunks: Vec<&Vec<Bearer>> = chunks.iter().map(AsRef::as_ref).collect();
                write(BEARERS, &encoded(&(loss, is_exit, chunks))?)?;
            }
        }
    }
    Ok(())
}

/// The registry without what grows with the positions, which has sections of its own. Its bytes are those of a [`Registry`] in which
/// nothing was written off.
#[derive(Serialize)]
struct Small<'a>(
    &'a Platform,
    &'a Timestamp,
    &'a Day,
    &'a Day,
    &'a [Asset],
    &'a [Agreement],
    &'a [Product],
    &'a [RateVersion],
    &'a [ControlAccounts],
    &'a [SubLedgerTotals],
    &'a BTreeMap<Day, Vec<BooksAtClose>>,
    BTreeMap<PositionId, Amount>,
    &'a Counters,
);

impl<'a> Small<'a> {
    fn of(registry: &'a Registry) -> Self {
        // Field by field, in their order: a new one does not compile before it has its place here.
        let Registry {
            platform,
            last_at,
            open_day,
            confirmed_through,
            assets,
            agreements,
            products,
            rate_versions,
            control,
            sub_ledger,
            books,
            written_off: _,
            counters,
        } = registry;
        Small(
            platform,
            last_at,
            open_day,
            confirmed_through,
            assets,
            agreements,
            products,
            rate_versions,
            control,
            sub_ledger,
            books,
            BTreeMap::new(),
            counters,
        )
    }
}

fn written_off(registry: &Registry) -> Vec<(PositionId, Amount)> {
    registry.written_off.iter().map(|(position, amount)| (*position, *amount)).collect()
}

fn column<T: Serialize + Clone>(
    kind: (u32, u32),
    column: &Column<T>,
    write: &mut impl FnMut((u32, u32), &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for group in column.chunks().chunks(CHUNKS_A_SECTION) {
        let chunks: Vec<&Vec<T>> = group.iter().map(Arc::as_ref).collect();
        write(kind, &encoded(&chunks)?)?;
    }
    Ok(())
}

fn map<V: Copy>(map: &PieceMap<V>, mut write: impl FnMut(Vec<([u8; 16], V)>) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut entries = Vec::new();
    for next in 1..=map.piece_count() {
        entries.extend(map.sorted_piece(next - 1));
        let is_full = next.is_multiple_of(PIECES_A_SECTION) || next == map.piece_count() || entries.len() >= ENTRIES_A_SECTION;
        if is_full && !entries.is_empty() {
            write(std::mem::take(&mut entries))?;
        }
    }
    Ok(())
}

fn encoded(part: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(part, Vec::with_capacity(1 << 16)).map_err(|error| StoreError::damaged("snapshot", format!("encoding: {error}")))
}

/// The registry as releases wrote it that knew no treasury.
mod v1 {
    use super::{
        Agreement, Amount, Asset, AssetIx, BTreeMap, BooksAtClose, Counters, Day, Platform, PositionId, Product, RateVersion, Timestamp,
    };
    use serde::Deserialize;
    use usance_core::id::RateVersionIx;
    use usance_core::ledger::{FirstAccounts, Places, SubLedgerTotals};
    use usance_core::money::Rate;
    use usance_core::product::{ClosedDay, Distribution, EarlyRedemption, Kind, RateMode, SaleTerms, StakingTerms, Status};

    /// A product without the terms of a stake.
    #[derive(Deserialize)]
    struct OldProduct(
        String,
        AssetIx,
        Kind,
        RateMode,
        Distribution,
        EarlyRedemption,
        SaleTerms,
        Status,
        Amount,
        BTreeMap<Day, RateVersionIx>,
        BTreeMap<Day, Rate>,
        Day,
        Vec<ClosedDay>,
        Timestamp,
    );

    impl From<OldProduct> for Product {
        fn from(old: OldProduct) -> Product {
            let OldProduct(id, asset, kind, rate_mode, distribution, early_redemption, sale, status, staked, schedule, settled, ..) = old;
            let OldProduct(.., closed_from, closed, created_at) = old;
            Product {
                id,
                asset,
                kind,
                rate_mode,
                distribution,
                early_redemption,
                staking: StakingTerms::default(),
                sale,
                status,
                staked,
                schedule,
                settled,
                closed_from,
                closed,
                created_at,
            }
        }
    }

    #[derive(Clone, Copy, Deserialize)]
    struct Totals(Amount, Amount, Amount, Amount);

    impl From<Totals> for SubLedgerTotals {
        fn from(Totals(spot, funding, principal, payable): Totals) -> SubLedgerTotals {
            SubLedgerTotals { spot, funding, principal, payable, treasury: Places::default(), queued: Amount::ZERO }
        }
    }

    #[derive(Deserialize)]
    pub struct Registry(
        Platform,
        Timestamp,
        Day,
        Day,
        Vec<Asset>,
        Vec<Agreement>,
        Vec<OldProduct>,
        Vec<RateVersion>,
        Vec<FirstAccounts>,
        Vec<Totals>,
        BTreeMap<Day, Vec<(FirstAccounts, Totals)>>,
        BTreeMap<PositionId, Amount>,
        Counters,
    );

    impl From<Registry> for super::Registry {
        fn from(old: Registry) -> super::Registry {
            let Registry(
                platform,
                last_at,
                open_day,
                confirmed_through,
                assets,
                agreements,
                products,
                rate_versions,
                control,
                sub_ledger,
                books,
                written_off,
                counters,
            ) = old;
            let at_close = |(control, totals): (FirstAccounts, Totals)| BooksAtClose { control: control.into(), sub_ledger: totals.into() };
            super::Registry {
                platform,
                last_at,
                open_day,
                confirmed_through,
                assets,
                agreements,
                products: products.into_iter().map(Into::into).collect(),
                rate_versions,
                control: control.into_iter().map(Into::into).collect(),
                sub_ledger: sub_ledger.into_iter().map(Into::into).collect(),
                books: books.into_iter().map(|(day, books)| (day, books.into_iter().map(at_close).collect())).collect(),
                written_off,
                counters,
            }
        }
    }
}

/// One decoded section.
enum Part {
    Registry(Box<Registry>),
    Customers(Vec<Vec<usance_core::machine::state::Customer>>),
    Accounts(Vec<Vec<usance_core::machine::state::Account>>),
    Holdings(Vec<Vec<usance_core::machine::state::Holding>>),
    Running(Vec<Vec<usance_core::position::Running>>),
    Origins(Vec<Vec<usance_core::position::Origin>>),
    Keys(i64, Vec<([u8; 16], LogPosition)>),
    References(Vec<([u8; 16], ())>),
    WrittenOff(Vec<(PositionId, Amount)>),
    People(Vec<Person>),
    Proposals(Vec<Proposal>),
    Network(Box<Network>),
    Coverage(AssetIx, Coverage),
    Exits(Vec<Vec<Exit>>),
    Line(AssetIx, Line),
    Yields(AssetIx, Yields),
    Losses(Vec<Loss>),
    Bearers(usize, bool, Vec<Vec<Bearer>>),
}

/// Reads the state of a snapshot, with as many threads as the machine has cores.
///
/// # Errors
/// [`StoreError::Damaged`] for a section that does not match its checksum or does not decode.
pub fn read(snapshot: &Snapshot) -> Result<State, StoreError> {
    let count = snapshot.sections().len();
    let parts: Mutex<Vec<(usize, Result<Part, StoreError>)>> = Mutex::new(Vec::with_capacity(count));
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(count.max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let part = part(snapshot, index);
                    if let Ok(mut parts) = parts.lock() {
                        parts.push((index, part));
                    }
                }
            });
        }
    });
    let mut parts = parts.into_inner().map_err(|_| damaged(snapshot, "a reader stopped"))?;
    parts.sort_unstable_by_key(|(index, _)| *index);
    assemble(snapshot, parts.into_iter().map(|(_, part)| part))
}

/// The platform that a snapshot is of; the rest of it is not read.
///
/// # Errors
/// As [`read`].
pub fn platform(snapshot: &Snapshot) -> Result<Platform, StoreError> {
    match part(snapshot, 0)? {
        Part::Registry(registry) => Ok(registry.platform),
        _ => Err(damaged(snapshot, "it does not begin with the registry")),
    }
}

fn assemble(snapshot: &Snapshot, parts: impl Iterator<Item = Result<Part, StoreError>>) -> Result<State, StoreError> {
    let mut registry = None;
    let (mut customers, mut accounts, mut holdings, mut running, mut origins) = (vec![], vec![], vec![], vec![], vec![]);
    let mut generations: Vec<Generation> = Vec::new();
    let (mut references, mut written_off) = (PieceMap::default(), Vec::new());
    let (mut people, mut proposals) = (Vec::new(), Vec::new());
    let (mut networks, mut coverage, mut yields) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let (mut exits, mut lines, mut losses): (_, _, Vec<Loss>) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut bearers: BTreeMap<(usize, bool), Vec<Vec<Bearer>>> = BTreeMap::new();
    for part in parts {
        match part? {
            Part::Registry(read) => {
                if registry.replace(read).is_some() {
                    return Err(damaged(snapshot, "two registries"));
                }
            }
            Part::Customers(chunks) => customers.extend(chunks),
            Part::Accounts(chunks) => accounts.extend(chunks),
            Part::Holdings(chunks) => holdings.extend(chunks),
            Part::Running(chunks) => running.extend(chunks),
            Part::Origins(chunks) => origins.extend(chunks),
            Part::Keys(number, entries) => {
                if generations.last().is_none_or(|last| last.number != number) {
                    generations.push(Generation { number, keys: PieceMap::default() });
                }
                let Some(newest) = generations.last_mut() else { continue };
                if entries.into_iter().any(|(key, place)| newest.keys.insert(key, place).is_some()) {
                    return Err(damaged(snapshot, "a key is there twice"));
                }
            }
            Part::WrittenOff(entries) => written_off.extend(entries),
            Part::People(read) => {
                if !std::mem::replace(&mut people, read).is_empty() {
                    return Err(damaged(snapshot, "the people are there twice"));
                }
            }
            Part::Proposals(read) => proposals.extend(read),
            Part::Network(read) => networks.push(*read),
            Part::Coverage(asset, read) => {
                if coverage.insert(asset, read).is_some() {
                    return Err(damaged(snapshot, "a coin's coverage is there twice"));
                }
            }
            Part::Exits(chunks) => exits.extend(chunks),
            Part::Line(asset, read) => {
                if lines.insert(asset, read).is_some() {
                    return Err(damaged(snapshot, "a line of exits is there twice"));
                }
            }
            Part::Yields(asset, read) => {
                if yields.insert(asset, read).is_some() {
                    return Err(damaged(snapshot, "what is kept of a coin's earnings is there twice"));
                }
            }
            Part::Losses(read) => losses.extend(read),
            Part::Bearers(loss, is_exit, chunks) => bearers.entry((loss, is_exit)).or_default().extend(chunks),
            Part::References(entries) => {
                if entries.into_iter().any(|(reference, ())| references.insert(reference, ()).is_some()) {
                    return Err(damaged(snapshot, "a reference is there twice"));
                }
            }
        }
    }
    let mut registry = registry.ok_or_else(|| damaged(snapshot, "no registry"))?;
    if written_off.into_iter().any(|(position, amount)| registry.written_off.insert(position, amount).is_some()) {
        return Err(damaged(snapshot, "a position was written off twice"));
    }
    let whole = "a column has a short chunk";
    for ((loss, is_exit), chunks) in bearers {
        let bearing = &mut losses.get_mut(loss).ok_or_else(|| damaged(snapshot, "who bears no loss"))?.bearing;
        let column = Column::from_chunks(chunks).ok_or_else(|| damaged(snapshot, whole))?;
        *(if is_exit { &mut bearing.exits } else { &mut bearing.positions }) = column;
    }
    let exits = Column::from_chunks(exits).ok_or_else(|| damaged(snapshot, whole))?;
    Ok(State::from_parts(
        *registry,
        Columns {
            customers: Column::from_chunks(customers).ok_or_else(|| damaged(snapshot, whole))?,
            accounts: Column::from_chunks(accounts).ok_or_else(|| damaged(snapshot, whole))?,
            holdings: Column::from_chunks(holdings).ok_or_else(|| damaged(snapshot, whole))?,
            running: Column::from_chunks(running).ok_or_else(|| damaged(snapshot, whole))?,
            origins: Column::from_chunks(origins).ok_or_else(|| damaged(snapshot, whole))?,
            keys: KeyTable::from_generations(generations),
            references,
            people: People::from_parts(people, proposals),
            treasury: Treasury::from_parts(networks, coverage, Queue::from_parts(exits, lines), yields, losses),
        },
    ))
}

fn part(snapshot: &Snapshot, index: usize) -> Result<Part, StoreError> {
    let bytes = snapshot.read_section(index)?;
    let kind = snapshot.sections().get(index).map_or((0, 0), |section| (section.id, section.version));
    Ok(match kind {
        REGISTRY => Part::Registry(Box::new(decoded(snapshot, &bytes)?)),
        REGISTRY_1 => Part::Registry(Box::new(decoded::<v1::Registry>(snapshot, &bytes)?.into())),
        CUSTOMERS => Part::Customers(decoded(snapshot, &bytes)?),
        ACCOUNTS => Part::Accounts(decoded(snapshot, &bytes)?),
        HOLDINGS => Part::Holdings(decoded(snapshot, &bytes)?),
        RUNNING => Part::Running(decoded(snapshot, &bytes)?),
        ORIGINS => Part::Origins(decoded(snapshot, &bytes)?),
        KEYS => {
            let (number, entries) = decoded(snapshot, &bytes)?;
            Part::Keys(number, entries)
        }
        REFERENCES => Part::References(decoded(snapshot, &bytes)?),
        WRITTEN_OFF => Part::WrittenOff(decoded(snapshot, &bytes)?),
        PEOPLE => Part::People(decoded(snapshot, &bytes)?),
        PROPOSALS => Part::Proposals(decoded(snapshot, &bytes)?),
        NETWORKS => Part::Network(Box::new(decoded(snapshot, &bytes)?)),
        COVERAGE => {
            let (asset, coverage) = decoded(snapshot, &bytes)?;
            Part::Coverage(asset, coverage)
        }
        EXITS => Part::Exits(decoded(snapshot, &bytes)?),
        LINES => {
            let (asset, line) = decoded(snapshot, &bytes)?;
            Part::Line(asset, line)
        }
        YIELDS => {
            let (asset, yields) = decoded(snapshot, &bytes)?;
            Part::Yields(asset, yields)
        }
        LOSSES => Part::Losses(decoded(snapshot, &bytes)?),
        BEARERS => {
            let (loss, is_exit, chunks) = decoded(snapshot, &bytes)?;
            Part::Bearers(loss, is_exit, chunks)
        }
        (id, version) => {
            let newest = KINDS.iter().find(|known| known.0 == id).map(|known| known.1);
            return Err(match newest {
                Some(known) => StoreError::NewerVersion {
                    what: format!("section {index} of {}", snapshot.path().display()),
                    found: version.into(),
                    known: known.into(),
                },
                None => damaged(snapshot, &format!("section {index} has unknown kind {id}")),
            });
        }
    })
}

fn decoded<T: DeserializeOwned>(snapshot: &Snapshot, bytes: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((part, [])) => Ok(part),
        Ok((_, rest)) => Err(damaged(snapshot, &format!("{} bytes too many", rest.len()))),
        Err(error) => Err(damaged(snapshot, &error.to_string())),
    }
}

fn damaged(snapshot: &Snapshot, how: &str) -> StoreError {
    StoreError::damaged("snapshot", format!("{}: {how}", snapshot.path().display()))
}
