//! Every bound of the system, once. A bound that a customer or integrator can meet is named in the public documents.
//!
//! Refuses nothing itself: the code that meets a bound answers with the rejection that names it.

/// The largest amount, position principal and custody total, in base units (RULES 1): 10^28.
pub const AMOUNT_UNITS_MAX: u128 = 10_000_000_000_000_000_000_000_000_000;
/// The longest amount or rate text that is looked at, in bytes (RULES 1).
pub const AMOUNT_TEXT_BYTES_MAX: usize = 64;
/// The most decimals an asset may have (RULES 1).
pub const ASSET_DECIMALS_MAX: u8 = 18;
/// The highest yearly rate, in units of 10^-8 (RULES 1): 1000 %.
pub const RATE_UNITS_MAX: u64 = 1_000_000_000;
/// Decimals of a rate.
pub const RATE_DECIMALS: u8 = 8;
/// Days in every year (RULES 3).
pub const YEAR_DAYS: u64 = 365;
/// The longest term of a fixed-term product, in days (RULES 5).
pub const TERM_DAYS_MAX: u32 = 3_650;
/// The most bands a rate may have. Ours: the rules name no number, and nobody publishes more.
pub const BANDS_MAX: usize = 16;
/// Over how many closed days a network's yield is averaged, at least: earnings come in lumps (TREASURY 7).
pub const YIELD_DAYS_MIN: u32 = 2;
/// Over how many closed days a network's yield is averaged, at most.
pub const YIELD_DAYS_MAX: u32 = 90;
/// After how many days at least what a network paid and no customer got passes to the platform (TREASURY 6).
pub const UNDISTRIBUTED_DAYS_MIN: u32 = 2;
/// After how many days at most what a network paid and no customer got passes to the platform.
pub const UNDISTRIBUTED_DAYS_MAX: u32 = 3_650;
/// After how many days it passes unless an operator says otherwise.
pub const UNDISTRIBUTED_DAYS: u32 = 365;
/// The farthest one move of a simulated clock may go, in days (RULES 2).
pub const CLOCK_MOVE_DAYS_MAX: i32 = 3_660;
/// The most product-days one move of a simulated clock may close: the move is one record in the log, which has a size.
/// Below 400 products this is never what limits a move.
pub const CLOCK_MOVE_PRODUCT_DAYS_MAX: usize = 1_500_000;
/// How long an idempotency key is kept at least, in milliseconds of engine time (RULES 10): 48 hours.
pub const KEY_KEPT_MS: i64 = 48 * 60 * 60 * 1000;
/// How far a clock may run ahead of what is known of the time before an operator has to confirm it, in milliseconds (RULES 2): 5 minutes.
pub const CLOCK_SLACK_MS: i64 = 5 * 60 * 1000;
/// How far a process that knows only when it was last stamped may go on by its clock, in milliseconds (RULES 2): less than the life of a
/// key, so that no key is forgotten by a jump.
pub const CLOCK_ALONE_MS: i64 = KEY_KEPT_MS - 1;
/// The longest customer id, in bytes (API).
pub const CUSTOMER_ID_BYTES_MAX: usize = 64;
/// The longest product id, in bytes.
pub const PRODUCT_ID_BYTES_MAX: usize = 64;
/// The longest asset symbol, in bytes.
pub const ASSET_SYMBOL_BYTES_MAX: usize = 16;
/// The longest name of an asset or product, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The longest risk notice, in bytes.
pub const RISK_NOTICE_BYTES_MAX: usize = 4_096;
/// The longest reason that an operator gives, in bytes.
pub const REASON_BYTES_MAX: usize = 512;
/// The longest agreement text, in bytes. It has to fit a request's body, which ends at 64 KiB.
pub const AGREEMENT_TEXT_BYTES_MAX: usize = 60 * 1024;
/// The longest agreement version, in bytes.
pub const AGREEMENT_VERSION_BYTES_MAX: usize = 64;
/// The longest name of a person, in bytes.
pub const PERSON_NAME_BYTES_MAX: usize = 64;
/// How many proposals may wait for signatures at a time.
pub const OPEN_PROPOSALS_MAX: usize = 1_000;
/// How long a proposal can be signed unless it says otherwise, in milliseconds (RULES 11): 72 hours.
pub const PROPOSAL_LIFE_MS: i64 = 72 * 60 * 60 * 1000;
/// How long a proposal can be signed at most, in milliseconds (RULES 11): 30 days.
pub const PROPOSAL_LIFE_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;
/// The most coins that a network has.
pub const NETWORK_COINS_MAX: usize = 64;
/// The most addresses that a treasury has on a network, and the most destinations of sweeps.
pub const TREASURY_ADDRESSES_MAX: usize = 64;
/// The most lines that a list of a picture has.
pub const PICTURE_LINES_MAX: usize = 20_000;
/// The most validators that a policy names.
pub const POLICY_VALIDATORS_MAX: usize = 500;
/// The largest weight of a validator.
pub const POLICY_WEIGHT_MAX: u32 = 10_000;
/// How long an order can be approved and begun at most, in milliseconds: 30 days.
pub const ORDER_LIFE_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;
/// The most orders that a plan asks for at a time; the rest is planned when some of them are done.
pub const PLANNED_ORDERS_MAX: usize = 200;
/// The longest signed transaction, in bytes.
pub const SIGNED_BYTES_MAX: usize = 32 * 1024;
/// The longest address, hash and name in a picture, in bytes.
pub const PICTURE_TEXT_BYTES_MAX: usize = 128;
/// How many validators customers are shown one by one; the others are added up.
pub const VALIDATORS_SHOWN_MAX: usize = 100;
/// The longest reference of a deposit or withdrawal, in bytes.
pub const REFERENCE_BYTES_MAX: usize = 128;
/// The westernmost offset of the platform's day, in minutes.
pub const OFFSET_MINUTES_MIN: i32 = -720;
/// The easternmost offset of the platform's day, in minutes.
pub const OFFSET_MINUTES_MAX: i32 = 840;
/// The last instant the engine can stand at: the end of the year 9999, in milliseconds since 1970.
pub const TIMESTAMP_MS_MAX: i64 = 253_402_300_799_999;
