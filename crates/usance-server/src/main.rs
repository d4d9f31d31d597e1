//! The `usance` binary: see `usance --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    usance_server::cli::main()
}
