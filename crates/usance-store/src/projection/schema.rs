//! The tables of `read.sqlite`. Amounts are decimal text in base units: SQLite has no 128-bit integer.

use crate::connection::Schema;

pub(super) const SCHEMA: Schema = Schema {
    page_size: 4096,
    cache_kib: 64 << 10,
    checkpoint_pages: 4096,
    steps: &["
CREATE TABLE progress(
    shard INTEGER PRIMARY KEY,
    log_position INTEGER NOT NULL,         -- every record up to here is in the tables
    hash BLOB NOT NULL                     -- the hash of the last batch: what the next one follows from
);
CREATE TABLE history(                      -- one row for each thing a customer did
    shard INTEGER NOT NULL,
    customer INTEGER NOT NULL,             -- number of the customer, by order of creation from 0
    asset INTEGER NOT NULL,                -- number of the asset, by order of creation from 0
    log_position INTEGER NOT NULL,
    kind TEXT NOT NULL,                    -- deposit, withdrawal, transfer, subscription, redemption
    at_ms INTEGER NOT NULL,                -- milliseconds since 1970, UTC
    position INTEGER,                      -- the staking position
    spot TEXT NOT NULL,                    -- change of the Spot balance, base units
    funding TEXT NOT NULL,                 -- change of the Funding balance, base units
    day INTEGER,                           -- the open day, days since 1970
    earning TEXT, pending TEXT, carry INTEGER, -- the stake after it
    event BLOB NOT NULL,                   -- the event, postcard
    PRIMARY KEY(shard, log_position)       -- in the order of the log: rows are only ever added at the end
) WITHOUT ROWID;
CREATE INDEX history_customer ON history(shard, customer, asset, log_position);
CREATE INDEX history_position ON history(shard, position, log_position) WHERE position IS NOT NULL;
CREATE TABLE assets(shard INTEGER NOT NULL, number INTEGER NOT NULL, symbol TEXT NOT NULL, decimals INTEGER NOT NULL, PRIMARY KEY(shard, number)) WITHOUT ROWID;
CREATE TABLE customers(shard INTEGER NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY(shard, number)) WITHOUT ROWID;
CREATE TABLE products(shard INTEGER NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, asset INTEGER NOT NULL, PRIMARY KEY(shard, number)) WITHOUT ROWID;
CREATE TABLE announcements(                -- one row for each announced rate
    shard INTEGER NOT NULL,
    log_position INTEGER NOT NULL,
    product INTEGER NOT NULL,
    from_day INTEGER NOT NULL,
    PRIMARY KEY(shard, log_position, product)
) WITHOUT ROWID;
CREATE TABLE closes(                       -- one row for each closed day
    shard INTEGER NOT NULL,
    day INTEGER NOT NULL,
    log_position INTEGER NOT NULL,
    PRIMARY KEY(shard, day)
) WITHOUT ROWID;
CREATE TABLE days(                         -- what a close did to each product
    shard INTEGER NOT NULL,
    day INTEGER NOT NULL,
    product INTEGER NOT NULL,
    earning_positions INTEGER NOT NULL,
    rewards TEXT NOT NULL,
    distributed TEXT NOT NULL,
    matured INTEGER NOT NULL,
    detail BLOB NOT NULL,                  -- the product's line of the event, postcard
    PRIMARY KEY(shard, day, product)
) WITHOUT ROWID;
"],
};
