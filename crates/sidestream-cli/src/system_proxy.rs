//! `system-proxy`: which proxy the system's programs are told of, and by whom.

use std::io::{self, Write};

use sidestream::journal::Standing;
use sidestream::sysproxy::{Desktop, Place};

use crate::exit::Exit;
use crate::repair::{Whose, desktop};

/// Prints a line for each place that is here.
///
/// # Errors
///
/// Nothing is known of this system's settings, or the output cannot be written.
pub fn system_proxy() -> anyhow::Result<Exit> {
    let desktop = desktop();
    let mut out = io::stdout().lock();
    let more = [Place::Environment, Place::EtcEnvironment];
    for place in desktop.places()?.into_iter().chain(more) {
        let now = match desktop.current(place) {
            Ok(now) => now.to_string(),
            Err(error) => error.to_string(),
        };
        writeln!(out, "{}", format!("{place:16}  {now:21}  {}", whose(place)).trim_end())?;
    }
    Ok(Exit::Success)
}

/// Words whose doing it is, as far as the journals tell.
fn whose(place: Place) -> String {
    let journal = Whose::of(place.scope()).journal();
    let entry = journal.and_then(|journal| Desktop::holder(place, &journal).ok().flatten());
    match entry.map(|entry| entry.standing) {
        Some(Standing::Live { pid, program }) => format!("set by {program} (pid {pid})"),
        Some(_) => "left by a killed process, undo it: sidestream repair".to_owned(),
        None => String::new(),
    }
}
