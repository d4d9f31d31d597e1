//! Who may believe to be the writer: the lease, from both sides.

use std::sync::Barrier;
use std::thread;

use usance_store::postgres::lease::{ANYBODY, Lease, LeaseView, Renewed};

use super::postgres::{backends, postgres, until};

/// What every clock says here.
const NOW: i64 = 1_790_000_000_000;

fn view(term: i64, beat: i64, holder: Option<&str>, wanted: Option<&str>) -> LeaseView {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    LeaseView {
        term,
        beat,
        holder: owned(holder),
        address: holder.map(|name| format!("{name}:80")),
        wanted: owned(wanted),
        clock_ms: Some(NOW),
        answered: (beat > 1).then_some(7),
    }
}

fn kept(wanted: Option<&str>) -> Renewed {
    Renewed::Kept { wanted: wanted.map(str::to_owned), ends_at: None }
}

#[test]
fn a_lease_is_taken_kept_wanted_and_let_go() {
    let home = postgres();
    let (ours, theirs) = (Lease::open(&home, 0).unwrap(), Lease::open(&home, 0).unwrap());
    assert_eq!(theirs.look().unwrap(), None);
    assert!(!theirs.want(1, "b").unwrap(), "there is nothing to want");
    assert_eq!(ours.take(None, "a", Some("a:80"), NOW).unwrap(), Some(1));
    assert_eq!(theirs.look().unwrap(), Some(view(1, 1, Some("a"), None)));
    assert_eq!(ours.renew(1, NOW, 7).unwrap(), kept(None));
    assert_eq!(theirs.look().unwrap(), Some(view(1, 2, Some("a"), None)));

    assert!(theirs.want(1, ANYBODY).unwrap());
    assert_eq!(ours.renew(1, NOW, 7).unwrap(), kept(Some("*")));
    assert!(theirs.want(1, "b").unwrap());
    assert_eq!(ours.renew(1, NOW, 7).unwrap(), kept(Some("b")));
    ours.release(1).unwrap();
    let free = theirs.look().unwrap().unwrap();
    assert_eq!(free, view(1, 5, None, Some("b")), "who was wanted knows");
    assert_eq!(ours.renew(1, NOW, 7).unwrap(), Renewed::Lost);
    ours.release(1).unwrap();
    assert_eq!(theirs.look().unwrap().unwrap(), free, "what was let go cannot be let go again");

    assert_eq!(theirs.take(Some(&free), "b", Some("b:80"), NOW).unwrap(), Some(2));
    assert_eq!(ours.look().unwrap(), Some(view(2, 6, Some("b"), None)));
    assert_eq!(ours.renew(1, NOW, 7).unwrap(), Renewed::Lost);
    ours.release(1).unwrap();
    assert_eq!(theirs.renew(2, NOW, 7).unwrap(), kept(None));
}

#[test]
fn who_saw_an_older_beat_does_not_take_it() {
    let home = postgres();
    let (ours, theirs) = (Lease::open(&home, 0).unwrap(), Lease::open(&home, 0).unwrap());
    ours.take(None, "a", Some("a:80"), NOW).unwrap();
    let seen = theirs.look().unwrap().unwrap();
    assert_eq!(theirs.take(None, "b", Some("b:80"), NOW).unwrap(), None);
    ours.renew(1, NOW, 7).unwrap();
    assert_eq!(theirs.take(Some(&seen), "b", Some("b:80"), NOW).unwrap(), None, "it moved");
    let seen = theirs.look().unwrap().unwrap();
    assert_eq!(theirs.take(Some(&seen), "b", Some("b:80"), NOW).unwrap(), Some(2));
    assert_eq!(theirs.take(Some(&seen), "b", Some("b:80"), NOW).unwrap(), None, "not even by itself");
}

/// A server that crashed may have lost the last writes: a term given twice has one holder.
#[test]
fn a_term_that_was_given_twice_is_that_of_whom_the_row_names() {
    let home = postgres();
    let (ours, theirs) = (Lease::open(&home, 0).unwrap(), Lease::open(&home, 0).unwrap());
    assert_eq!(ours.take(None, "a", Some("a:80"), NOW).unwrap(), Some(1));
    home.connect().unwrap().batch("DELETE FROM lease").unwrap();
    assert_eq!(theirs.take(None, "b", Some("b:80"), NOW).unwrap(), Some(1));
    assert_eq!(ours.renew(1, NOW, 7).unwrap(), Renewed::Lost);
    ours.release(1).unwrap();
    assert_eq!(theirs.renew(1, NOW, 7).unwrap(), kept(None));
}

#[test]
fn leases_of_two_shards_do_not_meet() {
    let home = postgres();
    let (zero, last) = (Lease::open(&home, 0).unwrap(), Lease::open(&home, u16::MAX).unwrap());
    assert_eq!(zero.take(None, "a", Some("a:80"), NOW).unwrap(), Some(1));
    assert_eq!(last.look().unwrap(), None);
    assert_eq!(last.take(None, "b", Some("b:80"), NOW).unwrap(), Some(1));
    last.want(last.look().unwrap().unwrap().term, "c").unwrap();
    assert_eq!(zero.renew(1, NOW, 7).unwrap(), kept(None));
}

#[test]
fn of_many_that_take_it_one_gets_it() {
    const TURNS: i64 = 20;
    const NODES: usize = 4;
    let home = postgres();
    let ready = Barrier::new(NODES);
    // Everybody looks, then everybody takes, turn by turn.
    let race = |node: usize| {
        let lease = Lease::open(&home, 0).unwrap();
        let mut taken = 0;
        for _ in 0..TURNS {
            ready.wait();
            let seen = lease.look().unwrap();
            ready.wait();
            taken += i64::from(lease.take(seen.as_ref(), &node.to_string(), None, NOW).unwrap().is_some());
        }
        taken
    };
    let taken: i64 = thread::scope(|scope| {
        let race = &race;
        let racing: Vec<_> = (0..NODES).map(|node| scope.spawn(move || race(node))).collect();
        racing.into_iter().map(|racing| racing.join().unwrap()).sum()
    });
    assert_eq!(taken, TURNS);
    assert_eq!(Lease::open(&home, 0).unwrap().look().unwrap().unwrap().term, TURNS);
}

/// A keeper goes on after its connection was lost, and its writes are not waited for on a disk.
#[test]
fn a_lost_connection_does_not_lose_the_lease() {
    let home = postgres();
    let beside = home.connect().unwrap();
    let lease = Lease::open(&home.with(&format!("application_name={}", home.schema())).unwrap(), 0).unwrap();
    assert_eq!(lease.take(None, "a", Some("a:80"), NOW).unwrap(), Some(1));
    let [pid] = backends(&beside, home.schema())[..] else { panic!("one connection") };
    beside.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    until("the connection ends", || backends(&beside, home.schema()).is_empty());
    // The call that finds out may fail, and may then not have been made.
    let _ = lease.renew(1, NOW, 7);
    assert_eq!(lease.renew(1, NOW, 7).unwrap(), kept(None));
}

#[test]
fn followers_tell_where_they_are() {
    let home = postgres();
    let lease = Lease::open(&home, 0).unwrap();
    let other_shard = Lease::open(&home, 1).unwrap();
    let told = || lease.followers().unwrap().into_iter().map(|one| (one.node, one.address, one.seq, one.beat)).collect::<Vec<_>>();
    assert_eq!(told(), []);
    lease.follow("b", Some("b:80"), 7).unwrap();
    lease.follow("a", None, 3).unwrap();
    other_shard.follow("c", None, 1).unwrap();
    lease.follow("b", Some("b:81"), 8).unwrap();
    assert_eq!(told(), [("a".into(), None, 3, 1), ("b".into(), Some("b:81".into()), 8, 2)]);
    lease.forget("b").unwrap();
    lease.forget("nobody").unwrap();
    assert_eq!(told(), [("a".into(), None, 3, 1)]);
}
