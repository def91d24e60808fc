//! Takes sessions into sessions.

use std::fs;
use std::path::Path;

use sidestream::store::{self, Reader};

use crate::exit::Exit;
use crate::say::say;
use crate::session::note_text;

/// Imports a session into another, or a new one.
pub(super) fn import(file: &Path, to: &Path) -> anyhow::Result<Exit> {
    let reader = Reader::open(file)?;
    let is_there = fs::metadata(to).is_ok_and(|metadata| metadata.len() > 0);
    if is_there && fs::canonicalize(file)? == fs::canonicalize(to)? {
        anyhow::bail!("{} is that session itself: nothing is to be imported", file.display());
    }
    let flows = reader.contents()?.flows;
    let copied = if is_there {
        store::merge_into(to, &[reader])?
    } else {
        store::merge(&[reader], to, |_| true)?
    };
    say(format_args!("{flows} flows imported into {}", to.display()));
    note_text(to);
    if copied.damaged > 0 {
        say(format_args!("{} damaged events could not be copied", copied.damaged));
        return Ok(Exit::Failure);
    }
    Ok(Exit::Success)
}
