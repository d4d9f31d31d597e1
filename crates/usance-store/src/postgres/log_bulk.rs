//! Many batches at once into the log's table, for whoever moves a log: one COPY, which is a transaction by itself.

use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use super::wire::Wire;
use crate::batch::Batch;
use crate::error::StoreError;

const COPY: &str = "COPY log(shard, seq, at_ms, previous, hash, body) FROM STDIN BINARY";
const TYPES: [Type; 6] = [Type::INT8, Type::INT8, Type::INT8, Type::BYTEA, Type::BYTEA, Type::BYTEA];

/// Puts all of them in, or none; how many the server took.
pub(super) fn insert_all(wire: &Wire, batches: &[Batch]) -> Result<u64, StoreError> {
    wire.again(|| {
        wire.confirmed(|| {
            wire.wait(async {
                let mut rows = pin!(BinaryCopyInWriter::new(wire.client().copy_in(COPY).await?, &TYPES));
                for Batch { shard, seq, at_ms, previous, hash, body } in batches {
                    // A seq fits: it is at most 2^48.
                    let (shard, seq) = (i64::from(*shard), seq.cast_signed());
                    rows.as_mut().write(&[&shard, &seq, at_ms, &previous.as_slice(), &hash.as_slice(), body]).await?;
                }
                rows.finish().await
            })
        })
    })
}
