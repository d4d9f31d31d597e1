//! What was answered is there after `kill -9`, once; what was not answered is there wholly or not at all (RULES 10).
//!
//! The seed is printed first and can be given as USANCE_TEST_SEED. It fixes what is sent and when the process is killed;
//! which commands the disk had by then is the machine's affair, so a failure may need several runs to show again. Loss of
//! power is not shown here: what the system had not yet flushed survives the death of a process.

use super::harness::{Server, Start, binary, usance};
use super::load::found;
use super::story::{Story, dice};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use usance_workload::SplitMix64;

const KILLS: usize = 50;

fn data_of(directory: &tempfile::TempDir) -> std::path::PathBuf {
    directory.path().join("data")
}

/// Starts processes that are killed before they have come far: while they read the log, or begin their epoch.
fn kill_at_the_start(data: &Path, dice: &mut SplitMix64) {
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
