//! `gateway`: what leads the traffic of other hosts here.

use std::io::{self, Write};

use sidestream::os::gateway::{self, Error, Status};

use crate::exit::Exit;

/// What a killed gateway leaves, in words.
const LEFT: &str = "routing rules of a gateway, which no packet matches";

/// Tells who leads traffic here. Exits 0 if somebody does.
///
/// # Errors
///
/// The caller may not look.
pub fn status() -> anyhow::Result<Exit> {
    let Status { holder, entries, .. } = gateway::status()?;
    let mut out = io::stdout().lock();
    match (&holder, entries) {
        (Some(holder), _) => writeln!(out, "up: {holder}")?,
        (None, 0) => writeln!(out, "down")?,
        (None, left) => writeln!(out, "down; {left} {LEFT}, are left: sidestream gateway down")?,
    }
    Ok(if holder.is_some() { Exit::Success } else { Exit::Failure })
}

/// Has a gateway end, whoever started it, and removes what one that was killed has left.
///
/// # Errors
///
/// It does not end, or the caller may not do that.
pub fn down() -> anyhow::Result<Exit> {
    let (ended, removed) = (gateway::end()?, gateway::clear()?);
    let mut out = io::stdout().lock();
    match (ended, removed) {
        (true, _) => writeln!(out, "down")?,
        (false, 0) => writeln!(out, "there was none")?,
        (false, removed) => writeln!(out, "removed {removed} {LEFT}")?,
    }
    Ok(Exit::Success)
}

/// Names what a killed gateway left, where that can be seen.
pub fn left_over() -> Option<String> {
    match gateway::status() {
        Ok(Status { holder: None, entries: 1.., .. }) => Some(LEFT.to_owned()),
        _ => None,
    }
}

/// Removes what a killed gateway left, and names it if there was any.
///
/// # Errors
///
/// The caller may not remove it.
pub fn clear() -> Result<Option<&'static str>, Error> {
    match left_over() {
        Some(_) => gateway::clear().map(|removed| (removed > 0).then_some(LEFT)),
        None => Ok(None),
    }
}
