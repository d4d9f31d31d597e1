//! A state as a snapshot: what comes back is the same, and whatever is wrong with a file costs time only.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, NetworkIx, PositionId};
use usance_core::ledger::{ControlAccounts, LedgerAccount, SubLedgerTotals};
use usance_core::machine::state::{BooksAtClose, Registry};
use usance_core::machine::treasury::Treasury;
use usance_core::machine::verb::CustomerCreated;
use usance_core::machine::{Event, State, replay};
use usance_core::money::{Amount, Balance};
use usance_core::pieces::CHUNK_LEN;
use usance_core::pieces::packed::{Packed48, Packed96};
use usance_core::product::{Product, StakingTerms};
use usance_core::treasury::bearing::Bearing;
use usance_core::treasury::loss::{Evidence, Loss};
use usance_core::treasury::queue::Queue;
use usance_store::image::{read, state_hash, write};
use usance_store::recovery::{Recovered, recover};
use usance_store::snapshot::list;
use usance_store::{Head, LogPosition, LogReader, MemoryLog, Snapshot, SnapshotWriter, StoreError};

use super::world::{Size, World, cut};

fn through_a_file(state: &State) -> State {
    let dir = tempfile::tempdir().unwrap();
    let head = Head { seq: 7, hash: [7; 32], at_ms: 7 };
    let path = write(dir.path(), 0, head, state).unwrap();
    let snapshot = Snapshot::open(&path).unwrap();
    assert_eq!((snapshot.shard(), snapshot.head()), (0, head));
    read(&snapshot).unwrap()
}

fn check_round_trip(state: &State) {
    let back = through_a_file(state);
    assert!(back == *state, "a state comes back as it was");
    assert_eq!(state_hash(&back).unwrap(), state_hash(state).unwrap());
}

#[test]
fn a_state_comes_back_as_it_was() {
    let (world, _) = World::in_memory(Size::usual(2));
    let empty = State::new(world.state.registry.platform.clone());
    check_round_trip(&empty);
    for (_, state) in world.views.iter().step_by(17) {
        check_round_trip(state);
    }
    check_round_trip(&world.state);
}

/// Columns are written in groups of 32 chunks: one entry less, as many, and one more.
#[test]
fn a_column_may_be_longer_than_a_section() {
    let (world, _) = World::in_memory(Size::small(1));
    let mut state = State::new(world.state.registry.platform.clone());
    let section = 32 * CHUNK_LEN;
    for number in 0..=section {
        if number >= section - 1 {
            check_round_trip(&state);
        }
        replay(&mut state, &[Event::CustomerCreated(CustomerCreated { id: format!("c{number}") })], Timestamp::from_ms(0));
    }
    let back = through_a_file(&state);
    assert!(back == state);
    assert_eq!(back.customer_ix(&format!("c{section}")).unwrap().index(), section);
}

/// A section of a map is closed once it holds a million entries, before it has all its pieces.
#[test]
fn a_map_may_be_larger_than_a_section() {
    let (world, _) = World::in_memory(Size::small(1));
    let mut state = State::new(world.state.registry.platform.clone());
    let reference = |number: u64, piece: u8| {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key[14] = piece;
        key
    };
    for number in 0..1 << 20 {
        state.references.insert(reference(number, 0), ());
    }
    state.references.insert(reference(0, 1), ());
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), 0, Head { seq: 7, hash: [7; 32], at_ms: 7 }, &state).unwrap();
    let snapshot = Snapshot::open(&path).unwrap();
    assert_eq!(snapshot.sections().iter().filter(|section| section.id == 8).count(), 2);
    assert!(read(&snapshot).unwrap() == state);
}

/// What early exits could not take back grows with the years, and has sections of its own.
#[test]
fn what_was_written_off_fits_whatever_its_size() {
    let (world, _) = World::in_memory(Size::small(1));
    let mut state = State::new(world.state.registry.platform.clone());
    let many = (1 << 20) + 1;
    state.registry.written_off = (0..many).map(|number| (PositionId(number), Amount::from_units(u128::from(number)))).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), 0, Head { seq: 7, hash: [7; 32], at_ms: 7 }, &state).unwrap();
    let snapshot = Snapshot::open(&path).unwrap();
    assert_eq!(snapshot.sections().iter().filter(|section| section.id == 9).count(), 2);
    assert!(read(&snapshot).unwrap() == state);
}

type Change = Box<dyn Fn(&mut State)>;

#[test]
fn the_hash_sees_every_part() {
    let (world, _) = World::in_memory(Size::small(3));
    fn registry(change: impl Fn(&mut Registry) + 'static) -> Change {
        Box::new(move |state| change(&mut state.registry))
    }
    let changes: Vec<Change> = vec![
        registry(|registry| registry.platform.shard = 1),
        registry(|registry| registry.platform.created_at = Timestamp::from_ms(1)),
        registry(|registry| registry.last_at = Timestamp::from_ms(registry.last_at.ms() + 1)),
        registry(|registry| registry.open_day = registry.open_day.next()),
        registry(|registry| registry.confirmed_through = registry.confirmed_through.next()),
        registry(|registry| registry.assets[1].display_decimals += 1),
        registry(|registry| registry.agreements[0].text.push('!')),
        registry(|registry| registry.products[0].staked = registry.products[0].staked.plus(Amount::ONE)),
        registry(|registry| registry.products[0].closed.truncate(1)),
        registry(|registry| drop(registry.rate_versions.pop())),
        registry(|registry| registry.control.swap(0, 1)),
        registry(|registry| registry.sub_ledger[0].spot = registry.sub_ledger[0].spot.plus(Amount::ONE)),
        registry(|registry| drop(registry.books.pop_last())),
        registry(|registry| registry.written_off.extend([(PositionId(1), Amount::ONE)])),
        registry(|registry| registry.counters.epoch += 1),
        Box::new(|state| state.customers.get_mut(1).unwrap().id = "another".into()),
        Box::new(|state| {
            let account = state.accounts.get_mut(2).unwrap();
            account.spot = account.spot.plus(Amount::ONE);
        }),
        Box::new(|state| state.holdings.get_mut(0).unwrap().next -= 1),
        Box::new(|state| state.running.get_mut(3).unwrap().carry = Packed48::new(5)),
        Box::new(|state| state.origins.get_mut(3).unwrap().from_spot = Packed96::new(Amount::from_units(987_654_321))),
        Box::new(|state| {
            let again = *state.origins.get(0).unwrap();
            state.origins.push(again);
        }),
        Box::new(|state| state.keys.remember([9; 16], LogPosition::new(1, 1), state.registry.last_at)),
        Box::new(|state| state.keys.remember([9; 16], LogPosition::new(1, 2), state.registry.last_at)),
        Box::new(|state| {
            state.keys.remember([9; 16], LogPosition::new(1, 2), Timestamp::from_ms(state.registry.last_at.ms() + 86_400_000))
        }),
        Box::new(|state| assert!(state.references.insert([9; 16], ()).is_none())),
        Box::new(|state| {
            let (old, mut losses) = (&state.treasury, state.treasury.losses().to_vec());
            let (network, asset, found_at) = (NetworkIx(0), AssetIx(0), Timestamp::from_ms(1));
            let evidence = Evidence::Difference { number: 7 };
            losses.push(Loss { network, asset, evidence, amount: Amount::ONE, found_at, borne: None, bearing: Bearing::default() });
            let queue = Queue::from_parts(old.queue().exits().clone(), old.queue().lines().clone());
            state.treasury = Treasury::from_parts(old.networks().to_vec(), old.coverages().clone(), queue, old.yields().clone(), losses);
        }),
    ];
    let bearers: Vec<(bool, u64)> = vec![(false, 1), (false, 3), (true, 2)];
    let changes = changes.into_iter().chain(bearers.into_iter().map(|bearer| -> Change { Box::new(move |state| bears(state, bearer)) }));
    let changes: Vec<Change> = changes.collect();
    let mut hashes = vec![state_hash(&world.state).unwrap()];
    for (number, change) in changes.iter().enumerate() {
        let mut state = world.state.clone();
        change(&mut state);
        let hash = state_hash(&state).unwrap();
        assert!(!hashes.contains(&hash), "change {number} is not seen");
        hashes.push(hash);
        assert_eq!(state_hash(&through_a_file(&state)).unwrap(), hash, "change {number} comes back");
    }
    assert_eq!(state_hash(&world.state).unwrap(), hashes[0], "and the clones did not touch the first");
}

/// A loss that somebody bears.
fn bears(state: &mut State, (is_exit, number): (bool, u64)) {
    let (old, mut bearing) = (&state.treasury, Bearing::default());
    bearing.add(is_exit, number, Amount::from_units(9));
    let (network, asset, found_at) = (NetworkIx(0), AssetIx(0), Timestamp::from_ms(1));
    let evidence = Evidence::Difference { number: 7 };
    let mut losses = old.losses().to_vec();
    losses.push(Loss { network, asset, evidence, amount: Amount::ONE, found_at, borne: None, bearing });
    let queue = Queue::from_parts(old.queue().exits().clone(), old.queue().lines().clone());
    state.treasury = Treasury::from_parts(old.networks().to_vec(), old.coverages().clone(), queue, old.yields().clone(), losses);
}

// --- files that are not a state ---

fn not_a_state(sections: &[(u32, &[u8])], how: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = SnapshotWriter::create(dir.path(), 0, Head::GENESIS).unwrap();
    for (id, bytes) in sections {
        writer.section((*id, if *id == 1 { 2 } else { 1 }), bytes).unwrap();
    }
    let path = writer.finish().unwrap();
    let sentence = read(&Snapshot::open(&path).unwrap()).expect_err(how).to_string();
    assert!(sentence.starts_with(&format!("snapshot damaged: {}: ", path.display())) && sentence.ends_with(how), "{sentence}");
}

/// The container is whole, so only what stands in it can be wrong: a file of another release that kept the version.
#[test]
fn whole_sections_that_are_no_state_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _) = World::in_memory(Size::small(1));
    let path = write(dir.path(), 0, world.head, &world.state).unwrap();
    let snapshot = Snapshot::open(&path).unwrap();
    let sections: Vec<(u32, Vec<u8>)> =
        snapshot.sections().iter().enumerate().map(|(index, section)| (section.id, snapshot.read_section(index).unwrap())).collect();
    let registry = sections[0].1.as_slice();
    let (customers, bytes) = (sections[1].0, sections[1].1.as_slice());
    let longer = [registry, &[0]].concat();
    not_a_state(&[], "no registry");
    not_a_state(&[(customers, bytes)], "no registry");
    not_a_state(&[(1, registry), (99, b"")], "section 1 has unknown kind 99");
    not_a_state(&[(1, &registry[..registry.len() - 1])], "Hit the end of buffer, expected more data");
    not_a_state(&[(1, &longer)], "1 bytes too many");
    not_a_state(&[(1, registry), (1, registry)], "two registries");
    not_a_state(&[(1, registry), (customers, bytes), (customers, bytes)], "a column has a short chunk");
    for (id, how) in [(7, "a key is there twice"), (8, "a reference is there twice"), (10, "the people are there twice")] {
        let (_, bytes) = sections.iter().find(|(own, _)| *own == id).expect("a section");
        not_a_state(&[(1, registry), (id, bytes.as_slice()), (id, bytes.as_slice())], how);
    }
}

// --- recovery with snapshots ---

/// A log, and snapshots of it at some batches.
struct Stored {
    world: World,
    log: MemoryLog,
    dir: tempfile::TempDir,
}

impl Stored {
    fn new(seed: u64) -> Stored {
        let (world, log) = World::in_memory(Size::small(seed));
        Stored { world, log, dir: tempfile::tempdir().unwrap() }
    }
    /// A world with snapshots at these parts of its log.
    fn with_snapshots(seed: u64, parts: &[(usize, usize)]) -> (Stored, Vec<PathBuf>) {
        let stored = Stored::new(seed);
        let last = stored.world.views.len() - 1;
        let paths = parts.iter().map(|(part, of)| stored.snapshot(last * part / of)).collect();
        (stored, paths)
    }
    fn snapshot(&self, view: usize) -> PathBuf {
        let (head, state) = &self.world.views[view];
        write(self.dir.path(), 0, *head, state).unwrap()
    }
    fn recover(&self) -> Recovered {
        recover(&self.log, 0, Some(self.dir.path()), |_| ()).unwrap()
    }
    /// Recovery gives the state of the world, from this snapshot, and says this of each one it passed over.
    #[track_caller]
    fn check(&self, from: Option<&Path>, passed_over: &[String]) {
        let recovered = self.recover();
        assert_eq!(recovered.passed_over, passed_over);
        let head_of = |path: &Path| Snapshot::open(path).unwrap().head();
        assert_eq!(recovered.from_snapshot, from.map(head_of));
        assert_eq!(recovered.head, self.world.head);
        let state = recovered.state.unwrap();
        assert!(state == self.world.state, "the state is what it was");
        assert_eq!(state_hash(&state).unwrap(), state_hash(&self.world.state).unwrap());
    }
}

fn damaged(path: &Path, how: &str) -> String {
    format!("snapshot damaged: {}: {how}", path.display())
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_snapshot_and_the_log_after_it_are_the_whole_log() {
    let (world, log) = World::in_memory(Size::small(4));
    let whole = recover(&log, 0, None, |_| ()).unwrap();
    assert_eq!((whole.from_snapshot, whole.replayed), (None, world.records));
    let hash = state_hash(&whole.state.unwrap()).unwrap();
    for (head, state) in &world.views {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 0, *head, state).unwrap();
        let mut seen = Vec::new();
        let recovered = recover(&log, 0, Some(dir.path()), |seq| seen.push(seq)).unwrap();
        assert_eq!((recovered.from_snapshot, recovered.head), (Some(*head), world.head));
        assert_eq!(seen, Vec::from_iter(1..=world.head.seq), "the whole chain is proven");
        assert!(recovered.replayed < world.records, "only the log after it is run");
        assert_eq!(state_hash(&recovered.state.unwrap()).unwrap(), hash);
    }
}

#[test]
fn the_newest_snapshot_is_taken_and_none_is_needed() {
    let (stored, paths) = Stored::with_snapshots(5, &[(1, 3), (2, 3), (1, 1)]);
    for left in (1..=paths.len()).rev() {
        assert_eq!(list(stored.dir.path()).unwrap().len(), left);
        stored.check(Some(&paths[left - 1]), &[]);
        fs::remove_file(&paths[left - 1]).unwrap();
    }
    stored.check(None, &[]);
    fs::remove_dir(stored.dir.path()).unwrap();
    stored.check(None, &[]);
}

#[test]
fn a_damaged_snapshot_gives_way_to_an_older_one() {
    let (stored, paths) = Stored::with_snapshots(6, &[(1, 4), (1, 2), (3, 4), (1, 1)]);
    flip(&paths[3], 200);
    fs::write(&paths[2], b"").unwrap();
    let sentences = [damaged(&paths[3], "section 0 (id 1): checksum does not match"), damaged(&paths[2], "it is cut off")];
    stored.check(Some(&paths[1]), &sentences);
    fs::write(&paths[1], [b"USANSNAP".as_slice(), &9_u32.to_le_bytes(), &[0; 200]].concat()).unwrap();
    let length = fs::metadata(&paths[0]).unwrap().len();
    fs::OpenOptions::new().write(true).open(&paths[0]).unwrap().set_len(length / 2).unwrap();
    let newer = format!("{} has version 9, this release knows up to 2", paths[1].display());
    stored.check(None, &[sentences[0].clone(), sentences[1].clone(), newer, damaged(&paths[0], "it is cut off")]);
}

/// Wherever one byte of the newest snapshot changes, the state is the same in the end.
#[test]
fn no_flipped_byte_of_a_snapshot_changes_the_state() {
    let (stored, paths) = Stored::with_snapshots(7, &[(1, 2), (9, 10)]);
    let whole = fs::read(&paths[1]).unwrap();
    let places: Range<usize> = 0..whole.len();
    for at in places.step_by(whole.len() / 40) {
        flip(&paths[1], at);
        let recovered = stored.recover();
        assert_eq!(recovered.passed_over.len(), 1, "byte {at}");
        assert_eq!(recovered.from_snapshot.unwrap(), Snapshot::open(&paths[0]).unwrap().head(), "byte {at}");
        assert!(recovered.state.unwrap() == stored.world.state, "byte {at}");
        fs::write(&paths[1], &whole).unwrap();
    }
    stored.check(Some(&paths[1]), &[]);
}

#[test]
fn a_snapshot_of_another_log_is_passed_over() {
    let (stored, paths) = Stored::with_snapshots(8, &[(1, 3)]);
    let other = Stored::new(9);
    let own = Snapshot::open(&paths[0]).unwrap().head().seq;
    let (view, (head, state)) = other.world.views.iter().enumerate().find(|(_, (head, _))| head.seq > own).unwrap();
    assert!(view > 0 && head.seq < stored.world.head.seq);
    let foreign = write(stored.dir.path(), 0, *head, state).unwrap();
    let (head, state) = &stored.world.views[view + 1];
    let other_shard = write(stored.dir.path(), 1, *head, state).unwrap();
    stored.check(
        Some(&paths[0]),
        &[damaged(&other_shard, "it is another shard's"), damaged(&foreign, "the log has another hash at its place")],
    );
}

/// A log that was put back from an older copy: a snapshot may know more than it.
#[test]
fn a_snapshot_ahead_of_the_log_is_passed_over() {
    let (stored, paths) = Stored::with_snapshots(10, &[(1, 4), (3, 4)]);
    let (head, state) = &stored.world.views[stored.world.views.len() / 2];
    let short = cut(&stored.log, head.seq);
    let recovered = recover(&short, 0, Some(stored.dir.path()), |_| ()).unwrap();
    let ahead = Snapshot::open(&paths[1]).unwrap().head();
    let told = format!("{} stands at batch {}, which the log does not reach: the log has lost its end", paths[1].display(), ahead.seq);
    assert_eq!((&recovered.passed_over, &recovered.ahead), (&vec![told], &vec![(ahead, paths[1].clone())]));
    assert!(recovered.unfit.is_empty(), "it is kept: it knows what the log has lost");
    assert_eq!((recovered.from_snapshot, recovered.head), (Some(Snapshot::open(&paths[0]).unwrap().head()), *head));
    assert!(recovered.state.unwrap() == *state);
    let empty = recover(&MemoryLog::new(), 0, Some(stored.dir.path()), |_| ()).unwrap();
    assert_eq!((empty.state.is_none(), empty.head, empty.passed_over.len()), (true, Head::GENESIS, 2));
}

/// A snapshot spares the time to run the log before it, not the proof that its own place is whole.
#[test]
fn a_snapshot_does_not_hide_damage_of_the_log() {
    let (stored, _) = Stored::with_snapshots(11, &[(1, 2)]);
    let at = stored.world.views[(stored.world.views.len() - 1) / 2].0.seq;
    for seq in [at, at + 1, stored.world.head.seq] {
        let log = cut(&stored.log, u64::MAX);
        assert!(log.damage(0, seq, |batch| batch.at_ms += 1));
        let sentence = recover(&log, 0, Some(stored.dir.path()), |_| ()).unwrap_err().to_string();
        assert_eq!(sentence, format!("log record damaged: shard 0 batch {seq}: hash does not match"));
    }
}

/// A directory that cannot be listed is an error of its own: it is not the same as one without snapshots.
#[test]
fn a_directory_that_is_none_is_said() {
    let stored = Stored::new(12);
    let file = stored.dir.path().join("a file");
    fs::write(&file, b"").unwrap();
    let reader: &dyn LogReader = &stored.log;
    assert!(matches!(recover(reader, 0, Some(&file), |_| ()), Err(StoreError::Io { .. })));
}

// --- snapshots of older releases ---

/// What stood in a registry before there was a treasury: six accounts, four sub-ledgers.
#[test]
fn a_registry_of_a_release_that_knew_no_treasury_is_read() {
    let (world, _) = World::in_memory(Size::small(1));
    let registry = &world.state.registry;
    let six = |control: &ControlAccounts| -> [Balance; 6] {
        let everybodys = LedgerAccount::ALL.into_iter().filter(|account| account.is_of_every_asset());
        everybodys.map(|account| control.balance(account)).collect::<Vec<_>>().try_into().unwrap()
    };
    let four = |totals: &SubLedgerTotals| (totals.spot, totals.funding, totals.principal, totals.payable);
    let control: Vec<_> = registry.control.iter().map(six).collect();
    let sub_ledger: Vec<_> = registry.sub_ledger.iter().map(four).collect();
    let at_close = |books: &BooksAtClose| (six(&books.control), four(&books.sub_ledger));
    let books: BTreeMap<_, Vec<_>> = registry.books.iter().map(|(day, books)| (*day, books.iter().map(at_close).collect())).collect();
    let (platform, times) = (&registry.platform, (registry.last_at, registry.open_day, registry.confirmed_through));
    // Tuples within tuples are written one after the other, as the fields of a struct are.
    let product = |of: &Product| {
        let terms = (of.id.clone(), of.asset, of.kind, of.rate_mode, of.distribution, of.early_redemption, of.sale.clone(), of.status);
        let days = (of.staked, of.schedule.clone(), of.settled.clone(), of.closed_from, of.closed.clone(), of.created_at);
        (terms, days)
    };
    let products: Vec<_> = registry.products.iter().map(product).collect();
    let setup = (&registry.assets, &registry.agreements, products, &registry.rate_versions);
    let old = (platform, times, setup, (control, sub_ledger, books), BTreeMap::<PositionId, Amount>::new(), registry.counters);
    let dir = tempfile::tempdir().unwrap();
    let mut writer = SnapshotWriter::create(dir.path(), 0, Head::GENESIS).unwrap();
    writer.section((1, 1), &postcard::to_stdvec(&old).unwrap()).unwrap();
    let read = read(&Snapshot::open(&writer.finish().unwrap()).unwrap()).unwrap().registry;
    // Terms that came with the treasury are those of a product that was made before.
    let expected: Vec<_> = registry.products.iter().map(|of| Product { staking: StakingTerms::default(), ..of.clone() }).collect();
    assert_eq!(
        (&read.platform, read.products.iter().collect::<Vec<_>>(), read.counters, read.open_day),
        (platform, expected.iter().collect::<Vec<_>>(), registry.counters, registry.open_day)
    );
    assert_eq!(read.control.iter().map(six).collect::<Vec<_>>(), registry.control.iter().map(six).collect::<Vec<_>>());
    assert!(read.control.iter().all(|control| control.balance(LedgerAccount::TreasuryStaked) == Balance::ZERO));
    assert_eq!(read.sub_ledger.iter().map(four).collect::<Vec<_>>(), registry.sub_ledger.iter().map(four).collect::<Vec<_>>());
    assert_eq!(read.books.len(), registry.books.len());
    assert!(
        read.books
            .iter()
            .zip(&registry.books)
            .all(|((day, one), (other, two))| day == other && one.iter().map(at_close).eq(two.iter().map(at_close)))
    );
}
