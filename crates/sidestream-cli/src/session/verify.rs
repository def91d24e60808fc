//! `session verify`: whether a session holds what it says.

use std::path::Path;

use sidestream::store::{Reader, Verified};

use super::tell_losses;
use crate::exit::Exit;
use crate::say::say;

/// Reads all of a session and says what is wrong with it.
///
/// # Errors
///
/// The file is not a session, or cannot be read.
pub fn verify(file: &Path) -> anyhow::Result<Exit> {
    let reader = Reader::open(file)?;
    let verified = reader.verify()?;
    let Verified { entries, unknown, bodies, chunks, ref problems, more_problems, .. } = verified;
    problems.iter().for_each(say);
    if more_problems > 0 {
        say(format_args!("and {more_problems} more"));
    }
    if unknown > 0 {
        say(format_args!("{unknown} events only a newer version knows"));
    }
    tell_losses(&reader)?;
    say(format_args!(
        "version {}: {entries} events, {bodies} bodies, {chunks} chunks: {}",
        reader.version(),
        if verified.is_sound() { "sound" } else { "damaged" }
    ));
    Ok(if verified.is_sound() { Exit::Success } else { Exit::Failure })
}
