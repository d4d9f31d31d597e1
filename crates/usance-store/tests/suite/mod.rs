//! What more than one of these modules needs: a chain of batches.

mod batches;
mod codec;
mod codec_days;
mod codec_orders;
mod codec_staking;
mod codec_treasury;
mod conformance;
mod copy;
mod damage;
mod directory;
mod entries;
mod faulty;
mod files;
mod fuzz;
mod golden;
mod grants;
mod identity;
mod image;
mod lease;
mod migration;
#[path = "../../../usance-core/tests/all/mutation.rs"]
mod mutation;
mod people_copy;
mod people_dump;
mod people_postgres;
mod postgres;
mod postgres_damage;
mod postgres_entry;
mod postgres_faults;
mod postgres_promises;
mod postgres_server;
mod projection;
mod recovery;
mod session;
mod snapshot;
mod world;

use usance_store::{Appended, Batch, BatchBuilder, Head, LogStore};

/// A batch of `shard` that follows `head`, with these records.
pub fn sealed(shard: u16, head: &Head, records: &[&[u8]]) -> Batch {
    let mut builder = BatchBuilder::new();
    for record in records {
        builder.push(record).unwrap();
    }
    builder.seal(shard, head.seq + 1, 1_000 + head.at_ms, head.hash).unwrap()
}

/// Appends one batch for each list of records, and gives the head.
pub fn append_all(log: &mut dyn LogStore, shard: u16, batches: &[&[&[u8]]]) -> Head {
    let mut head = log.head(shard).unwrap().unwrap_or(Head::GENESIS);
    for records in batches {
        let batch = sealed(shard, &head, records);
        assert_eq!(log.append(head.seq, &batch), Appended::Done);
        head = batch.head();
    }
    head
}
