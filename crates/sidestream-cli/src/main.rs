//! The `sidestream` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidestream_cli::app::main()
}
