//! Words to whoever started this program.

use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::Result;

/// Prints what was asked for.
pub(crate) fn out(words: &str) -> Result<()> {
    writeln!(io::stdout(), "{words}")?;
    Ok(())
}

/// Says what went wrong, with its causes, in one line on standard error.
pub(crate) fn error(error: &anyhow::Error) {
    let mut line = "sidestream-helper".to_owned();
    for cause in error.chain().map(ToString::to_string) {
        if !line.ends_with(&cause) {
            // Writing to a string cannot fail.
            _ = write!(line, ": {cause}");
        }
    }
    line.push('\n');
    // That nobody can hear it changes nothing.
    _ = io::stderr().write_all(line.as_bytes());
}
