//! What was answered is there after `kill -9`, once; what was not answered is there wholly or not at all (RULES 10).
//!
//! The seed is printed first and can be given as USANCE_TEST_SEED. It fixes what is sent and when the process is killed;
//! which commands the disk had by then is the machine's affair, so a failure may need several runs to show again. Loss of
//! power is not shown here: what the system had not yet flushed survives the death of a process.

use super::harness::{Server, Start, binary, usance};
use super::load::{Done, Harvest, Known, Load, Model, found, now_ms};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usance_server::cli::world::Dice;

const KILLS: usize = 50;
const THREADS: usize = 4;

fn dice() -> Dice {
    let given = std::env::var("USANCE_TEST_SEED").ok().map(|text| text.parse().expect("USANCE_TEST_SEED is a number"));
    let seed = given.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64);
    println!("USANCE_TEST_SEED={seed}");
    Dice::new(seed)
}

fn data_of(directory: &tempfile::TempDir) -> std::path::PathBuf {
    directory.path().join("data")
}

/// A platform, what was asked of it, and what it must hold.
struct Story {
    known: Arc<Known>,
    model: Model,
    done: Vec<Done>,
    last: Harvest,
    /// Of the commands that got no answer, how many had been done.
    survived: usize,
    /// And how many had not.
    lost: usize,
    replayed: usize,
}

impl Story {
    fn new() -> Story {
        Story {
            known: Arc::default(),
            model: Model::default(),
            done: Vec::new(),
            last: Harvest::default(),
            survived: 0,
            lost: 0,
            replayed: 0,
        }
    }

    /// Everybody asks again what got no answer, with the same key; then what was answered is asked again.
    fn settle(&mut self, server: &Server, dice: &mut Dice, sample: usize) {
        let client = server.operator();
        let mut last = std::mem::take(&mut self.last);
        for sent in last.unanswered {
            let answer = sent.send(&client).unwrap_or_else(|error| panic!("{sent:?}: {error}"));
            assert_ne!(answer.status, 503, "{}", answer.text());
            let before = answer.header("idempotency-replayed").is_some();
            *(if before { &mut self.survived } else { &mut self.lost }) += 1;
            last.done.push(Done { sent, status: answer.status, body: answer.bytes });
        }
        last.done.iter().for_each(|done| self.known.note(done));
        self.model.book_all(&last.done);
        let now = now_ms(&client);
        let older = (0..sample).filter_map(|_| self.done.get(dice.below(self.done.len() as u64) as usize));
        for done in last.done.iter().chain(older).filter(|done| done.is_kept(now)) {
            done.expect_again(&client);
            self.replayed += 1;
        }
        self.done.extend(last.done);
    }

    fn load(&self, server: &Server, dice: &mut Dice) -> Load {
        Load::start(server, &self.known, dice, THREADS)
    }
}

/// Starts processes that are killed before they have come far: while they read the log, or begin their epoch.
fn kill_at_the_start(data: &Path, dice: &mut Dice) {
    for _ in 0..3 {
        let mut command = binary();
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        std::thread::sleep(Duration::from_micros(dice.below(60_000)));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
}

fn expect_verified(data: &Path) {
    let verified = usance(&["verify", "--data", data.to_str().expect("UTF-8")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn fifty_kills_under_load_lose_nothing_and_double_nothing() {
    let mut dice = dice();
    let directory = tempfile::tempdir().expect("a directory");
    let data = data_of(&directory);
    let begun = Instant::now();
    let mut story = Story::new();
    for round in 0..KILLS {
        if round % 5 == 4 {
            kill_at_the_start(&data, &mut dice);
        }
        let mut server = Server::start_in(&data, &Start::default()).expect("it starts again");
        if round == 0 {
            found(&server);
        }
        story.settle(&server, &mut dice, 40);
        if round % 10 == 9 {
            story.model.check(&server);
        }
        // Now and then it also stops in order, so that some starts begin at a snapshot and others run the whole log.
        if round % 12 == 11 {
            assert!(server.terminate());
            server = Server::start_in(&data, &Start::default()).expect("it starts again");
        }
        let load = story.load(&server, &mut dice);
        std::thread::sleep(Duration::from_millis(30 + dice.below(371)));
        server.kill();
        story.last = load.harvest();
    }
    let mut server = Server::start_in(&data, &Start::default()).expect("it starts again");
    story.settle(&server, &mut dice, 400);
    story.model.check(&server);
    assert!(server.terminate());
    expect_verified(&data);
    let Story { survived, lost, replayed, model, .. } = story;
    println!(
        "{} accepted, {} refused; of those without an answer {survived} were done before and {lost} only now; {replayed} asked again; {:?}",
        model.accepted,
        model.refused,
        begun.elapsed()
    );
    assert!(model.accepted > KILLS * 10, "hardly anything was done");
}

#[test]
fn a_stop_in_order_loses_nothing_and_leaves_a_snapshot() {
    let mut dice = dice();
    let directory = tempfile::tempdir().expect("a directory");
    let data = data_of(&directory);
    let mut server = Server::start_in(&data, &Start::default()).expect("it starts");
    found(&server);
    let mut story = Story::new();
    for _ in 0..3 {
        let load = story.load(&server, &mut dice);
        std::thread::sleep(Duration::from_millis(200 + dice.below(300)));
        assert!(server.terminate(), "{}", server.printed());
        story.last = load.harvest();
        assert!(!story.last.done.is_empty());
        server = Server::start_in(&data, &Start::default()).expect("it starts again");
        let line = server.log_line("started");
        assert!(line.contains("from_snapshot=") && line.contains("replayed=0"), "{line}");
        story.settle(&server, &mut dice, 100);
        story.model.check(&server);
    }
    assert!(server.terminate());
    expect_verified(&data);
    println!("{} accepted; of those without an answer {} had been done", story.model.accepted, story.survived);
}
