//! Words of our own to the user, on standard error and never on standard output.

use std::fmt::Display;
use std::io::{self, Write};

/// Says something in one line. That nobody can hear it is no reason to stop.
pub fn say(words: impl Display) {
    line(format_args!("sidestream: {words}"));
}

/// Says what went wrong, with its causes.
pub fn error(error: &anyhow::Error) {
    line(format_args!("sidestream: {}", chain(error)));
}

/// Joins an error and its causes. A cause that the error has told already is left out.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

pub(crate) fn line(words: impl Display) {
    // One write, so that lines of several threads do not mix.
    let line = format!("{words}\n");
    _ = io::stderr().write_all(line.as_bytes());
}
