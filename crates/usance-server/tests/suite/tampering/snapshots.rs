//! Snapshots: every byte of a file, what is cut off or added, a file under another name, and one whose checksums were made
//! again after the change, so that only the log can tell.

use super::scene::{Scene, expect_named, text};
use std::fs;
use std::os::unix::fs::FileExt;
use usance_store::{Snapshot, SnapshotWriter};
use usance_workload::SplitMix64;

#[test]
fn a_byte_of_any_part() {
    let scene = Scene::without_tables();
    let path = scene.snapshot();
    let whole = fs::read(&path).expect("a file");
    let sections = Snapshot::open(&path).expect("a snapshot").sections().len();
    assert!(sections >= 7, "{sections} sections");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    let mut dice = SplitMix64::new(43);
    // The head and the end wholly, of what lies between every part of it in steps.
    let step = (whole.len() / 900).max(1);
    let places = (0..64).chain((64..whole.len() - 44).step_by(step)).chain(whole.len() - 44..whole.len());
    let mut cases = 0;
    for at in places {
        file.write_all_at(&[whole[at] ^ (1 << dice.below(8))], at as u64).expect("written");
        expect_named(&format!("byte {at} of {}", whole.len()), &scene.examine(), &[text(&path)]);
        file.write_all_at(&whole[at..=at], at as u64).expect("put back");
        cases += 1;
    }
    println!("{cases} changes of {} bytes in {sections} sections", whole.len());
    assert!(scene.examine().is_healthy(), "everything was put back");
}

#[test]
fn whole_files() {
    let scene = Scene::without_tables();
    let path = scene.snapshot();
    let whole = fs::read(&path).expect("a file");
    for length in (0..whole.len()).step_by(whole.len() / 40) {
        fs::write(&path, &whole[..length]).expect("written");
        expect_named(&format!("cut at {length}"), &scene.examine(), &[text(&path)]);
    }
    for more in [1, 7, 44, 4096] {
        fs::write(&path, [&whole[..], &vec![0; more]].concat()).expect("written");
        expect_named(&format!("{more} bytes more"), &scene.examine(), &[text(&path), "cut off"]);
        fs::write(&path, [&whole[..], &whole[whole.len() - more..]].concat()).expect("written");
        expect_named(&format!("its last {more} bytes twice"), &scene.examine(), &[text(&path)]);
    }
    let other = path.with_file_name("snapshot-00000000000000000020.usance");
    fs::rename(&path, &other).expect("renamed");
    fs::write(&other, &whole).expect("written");
    expect_named("under another name", &scene.examine(), &[text(&other), "its name tells another seq"]);
}

/// Sections taken out, doubled, exchanged, or changed byte by byte, all with checksums that fit. Every one is found: a state is
/// written in one way only, and what decodes is the state that was written, or another one.
#[test]
fn with_checksums_made_again() {
    let scene = Scene::without_tables();
    let path = scene.snapshot();
    let opened = Snapshot::open(&path).expect("a snapshot");
    let sections: Vec<(u32, Vec<u8>)> =
        opened.sections().iter().enumerate().map(|(index, section)| (section.id, opened.read_section(index).expect("a section"))).collect();
    let (shard, head, directory) = (opened.shard(), opened.head(), scene.data().join("snapshots"));
    let mut cases = 0;
    let mut expect = |case: &str, shard, head, sections: &[(u32, Vec<u8>)]| {
        let mut writer = SnapshotWriter::create(&directory, shard, head).expect("a file");
        sections.iter().for_each(|(id, bytes)| writer.section((*id, 1), bytes).expect("room"));
        writer.finish().expect("written");
        expect_named(case, &scene.examine(), &[text(&path)]);
        cases += 1;
    };
    let mut dice = SplitMix64::new(44);
    for (index, (id, bytes)) in sections.iter().enumerate() {
        let with = |replaced: Option<(u32, Vec<u8>)>| {
            let mut all = sections.clone();
            match replaced {
                Some(section) => all[index] = section,
                None => drop(all.remove(index)),
            }
            all
        };
        expect(&format!("without section {index}"), shard, head, &with(None));
        expect(&format!("section {index} of another kind"), shard, head, &with(Some((id + 1, bytes.clone()))));
        expect(&format!("section {index} cut"), shard, head, &with(Some((*id, bytes[..bytes.len() - 1].to_vec()))));
        let mut doubled = sections.clone();
        doubled.insert(index, (*id, bytes.clone()));
        expect(&format!("section {index} doubled"), shard, head, &doubled);
        for _ in 0..40 {
            let mut changed = bytes.clone();
            let (at, bit) = (dice.below(bytes.len() as u64) as usize, dice.below(8));
            changed[at] ^= 1 << bit;
            expect(&format!("bit {bit} of byte {at} of section {index} (id {id})"), shard, head, &with(Some((*id, changed))));
        }
    }
    let mut later = head;
    later.at_ms += 1;
    expect("another instant", shard, later, &sections);
    later = head;
    later.hash[3] ^= 1;
    expect("another hash", shard, later, &sections);
    expect("another shard", 1, head, &sections);
    assert_eq!(cases, sections.len() * 44 + 3);
}
