//! The processes of the machine: who made whom, and what each runs.

mod entry;
mod retention;
mod scan;
mod table;

#[cfg(test)]
mod tests;

use entry::Program;
pub(crate) use entry::{Entry, Identity, Image, Key, TICKS_PER_SECOND};
pub(crate) use scan::{Seen, look, scan};
pub(crate) use table::{Exec, Processes};
