//! Tampering with a copy that was taken under load: whatever is changed in it, verifying finds it and says where.
//!
//! [`scene`] makes the copy and lends it out to be changed; `log`, `snapshots`, `tables`, `files` and `server` change what
//! their names say, thousands of times, and call the examination that `usance verify` prints, in this process. `verb` does
//! some dozens of them all over again through the binary; `copies` goes on with a changed copy, which is refused.

mod copies;
mod files;
mod log;
mod scene;
mod server;
mod snapshots;
mod tables;
mod verb;
