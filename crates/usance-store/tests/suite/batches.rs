//! The bytes of a batch: framing, hash, positions.

use proptest::prelude::*;
use usance_store::batch::{BODY_MAX, GENESIS_HASH, RECORDS_MAX, SEQ_MAX};
use usance_store::{Batch, BatchBuilder, BatchError, Head, LogPosition, StoreError};

use super::sealed;

#[test]
fn positions_order_as_the_log_and_print_as_numbers() {
    let rows = [
        (LogPosition::START, 0, 0, "0"),
        (LogPosition::new(1, 0), 1, 0, "65536"),
        (LogPosition::new(1, 65_535), 1, 65_535, "131071"),
        (LogPosition::new(2, 0), 2, 0, "131072"),
        (LogPosition::new(SEQ_MAX, 7), SEQ_MAX, 7, "18446744073709486087"),
        (LogPosition::end_of(SEQ_MAX), SEQ_MAX, 65_535, "18446744073709551615"),
    ];
    for (position, seq, index, text) in rows {
        assert_eq!((position.seq(), position.index()), (seq, index), "{text}");
        assert_eq!(position.to_string(), text);
        assert_eq!(text.parse(), Ok(position));
        assert_eq!(LogPosition::from_number(position.number()), position);
    }
    assert!(rows.is_sorted_by(|one, other| one.0 < other.0));
    assert_eq!(LogPosition::new(u64::MAX, 3), LogPosition::new(SEQ_MAX, 3));
}

/// The hash is a promise to people who check the chain with other tools.
#[test]
fn the_hash_is_the_one_that_is_documented() {
    let batch = sealed(3, &Head { seq: 8, hash: [5; 32], at_ms: 500 }, &[b"one", b"", b"three"]);
    let mut bytes = b"usance log v1".to_vec();
    bytes.extend(3_u16.to_le_bytes());
    bytes.extend(9_u64.to_le_bytes());
    bytes.extend(1_500_i64.to_le_bytes());
    bytes.extend([5; 32]);
    bytes.extend(b"\x03\0\0\0one\0\0\0\0\x05\0\0\0three");
    assert_eq!(batch.hash, *blake3::hash(&bytes).as_bytes());
    // A golden value, so that no later release changes it unseen.
    let golden = "66c2963d1d743f51e99922181a02221cc7ee194c2fe5fef3708619c5d98d44fa";
    assert_eq!(blake3::Hash::from_bytes(batch.hash).to_hex().as_str(), golden);
}

#[test]
fn a_changed_batch_is_found() {
    let head = Head { seq: 16, hash: [5; 32], at_ms: 500 };
    let good = sealed(0, &head, &[b"one", b"two"]);
    good.verify(&head.hash).unwrap();
    let check = |change: fn(&mut Batch), sentence: &str| {
        let mut batch = good.clone();
        change(&mut batch);
        assert_eq!(batch.verify(&[5; 32]).unwrap_err().to_string(), sentence);
    };
    check(|batch| batch.body[5] ^= 1, "log record damaged: shard 0 batch 17: hash does not match");
    check(|batch| batch.at_ms += 1, "log record damaged: shard 0 batch 17: hash does not match");
    check(|batch| batch.shard = 1, "log record damaged: shard 1 batch 17: hash does not match");
    check(|batch| batch.previous = [0; 32], "log record damaged: shard 0 batch 17: hash does not match");
    assert_eq!(
        good.verify(&[6; 32]).unwrap_err().to_string(),
        "log record damaged: shard 0 batch 17: it does not follow from the batch before",
    );
}

#[test]
fn a_torn_frame_is_one_error_and_the_end() {
    let mut batch = sealed(0, &Head::GENESIS, &[b"one", b"two"]);
    batch.body.pop();
    let records: Vec<_> = batch.records().collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].as_ref().unwrap(), b"one");
    assert_eq!(records[1].as_ref().unwrap_err().to_string(), "log record damaged: shard 0 batch 1: record 1 is torn",);
    assert_eq!(batch.record(0).unwrap(), Some(&b"one"[..]));
    assert!(batch.record(1).is_err());
}

#[test]
fn an_empty_batch_cannot_be_sealed() {
    assert_eq!(BatchBuilder::new().seal(0, 1, 0, GENESIS_HASH).unwrap_err(), BatchError::Empty);
}

#[test]
fn a_batch_has_a_place_from_one_on() {
    for seq in [0, SEQ_MAX + 1] {
        let mut builder = BatchBuilder::new();
        builder.push(b"one").unwrap();
        assert!(matches!(builder.seal(0, seq, 0, GENESIS_HASH), Err(BatchError::OutOfOrder { .. })));
    }
}

#[test]
fn a_batch_holds_65_536_records() {
    let mut builder = BatchBuilder::with_capacity(RECORDS_MAX * 5);
    for index in 0..RECORDS_MAX {
        assert_eq!(usize::from(builder.push(b"x").unwrap()), index);
    }
    assert_eq!(builder.push(b"x"), Err(BatchError::TooManyRecords));
    assert_eq!((builder.len(), builder.bytes()), (RECORDS_MAX, RECORDS_MAX * 5));
    let batch = builder.seal(0, 1, 0, GENESIS_HASH).unwrap();
    batch.verify(&GENESIS_HASH).unwrap();
    assert_eq!(batch.record(u16::MAX).unwrap(), Some(&b"x"[..]));
    assert_eq!(batch.position(u16::MAX), LogPosition::end_of(1));
}

#[test]
fn a_body_has_a_bound() {
    let mut builder = BatchBuilder::new();
    builder.push(b"one").unwrap();
    let large = vec![0; BODY_MAX - 10];
    assert_eq!(builder.push(&large), Err(BatchError::TooLarge { bytes: BODY_MAX + 1 }));
    assert_eq!(builder.push_with(|body| body.extend_from_slice(&large)), Err(BatchError::TooLarge { bytes: BODY_MAX + 1 }),);
    assert_eq!((builder.len(), builder.bytes()), (1, 7));
    builder.push(&large[1..]).unwrap();
    assert_eq!(builder.bytes(), BODY_MAX);
}

#[test]
fn an_encoder_that_fails_leaves_no_trace() {
    let mut builder = BatchBuilder::new();
    builder.push(b"one").unwrap();
    let failed = builder.try_push_with(|body| {
        body.extend_from_slice(b"half");
        Err(StoreError::Full)
    });
    assert!(matches!(failed, Err(StoreError::Full)));
    assert_eq!(builder.push_with(|body| body.extend_from_slice(b"two")), Ok(1));
    let batch = builder.seal(0, 1, 0, GENESIS_HASH).unwrap();
    assert_eq!(batch.records().map(Result::unwrap).collect::<Vec<_>>(), [b"one", b"two"]);
}

#[test]
fn an_encoder_that_takes_bytes_away_empties_the_builder() {
    let mut builder = BatchBuilder::new();
    builder.push(b"one").unwrap();
    assert_eq!(builder.push_with(|body| body.clear()), Err(BatchError::Shortened));
    assert!(builder.is_empty());
}

proptest! {
    #[test]
    fn records_come_back_as_they_were_pushed(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..40)) {
        let mut builder = BatchBuilder::new();
        for record in &records {
            builder.push(record).unwrap();
        }
        let batch = builder.seal(1, 2, 3, [4; 32]).unwrap();
        batch.verify(&[4; 32]).unwrap();
        let back: Vec<Vec<u8>> = batch.records().map(|record| record.unwrap().to_vec()).collect();
        prop_assert_eq!(back, records);
    }

    #[test]
    fn any_bytes_at_all_are_walked_to_an_end(body in prop::collection::vec(prop_oneof![Just(0_u8), Just(1_u8), any::<u8>()], 0..200)) {
        let mut batch = sealed(0, &Head::GENESIS, &[b"one"]);
        batch.body = body;
        let walked = batch.records().collect::<Vec<_>>();
        prop_assert!(walked.iter().rev().skip(1).all(Result::is_ok));
        prop_assert!(batch.verify_alone().is_err());
    }
}
