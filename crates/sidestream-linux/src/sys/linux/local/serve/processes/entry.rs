//! One process in the table.

use std::path::PathBuf;
use std::rc::Rc;

use super::super::decide::Decisions;
use super::super::facts::Place;

/// Clock ticks a second in what the kernel tells to user space: `USER_HZ`.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// Nanoseconds of a clock tick.
const TICK: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// Names one entry for good; a pid names another process sooner or later.
pub(crate) type Key = u64;

/// A process for good: a pid and when it was started, in clock ticks after boot.
///
/// `/proc` tells no finer time, and no pid comes back within a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) ticks: u64,
}

impl Identity {
    /// Takes the time as the kernel has it, in nanoseconds after boot.
    pub(crate) fn new(pid: u32, started_ns: u64) -> Self {
        Self { pid, ticks: started_ns / TICK }
    }

    /// Returns the time in nanoseconds after boot, as exactly as it is known.
    pub(crate) fn started_ns(self) -> u64 {
        self.ticks.saturating_mul(TICK)
    }
}

/// The program that a process runs; a forked process shares it with its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// The executable, as an absolute path.
    pub(crate) path: Option<PathBuf>,
    /// The kernel's short name.
    pub(crate) comm: String,
    /// The argument vector, as far as it is known.
    pub(crate) args: Vec<String>,
}

impl Image {
    /// Tells whether the last part of the executable's path is `name`, which may be cut.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let own = self.path.as_deref().and_then(|path| path.file_name());
        own.is_some_and(|own| own.as_encoded_bytes().starts_with(name.as_bytes()))
    }
}

/// A program together with the key under which the proxy knows it, once it does.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) image: Rc<Image>,
    pub(crate) record: Option<u64>,
}

impl Program {
    pub(super) fn new(image: Rc<Image>) -> Self {
        Self { image, record: None }
    }
}

/// What is known of a process.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) identity: Identity,
    pub(crate) uid: u32,
    /// The process that made it, also after that one has gone.
    pub(crate) parent: Option<Key>,
    pub(crate) program: Program,
    /// What it ran before: a connection may be older than the program that is seen.
    pub(crate) previous: Option<Program>,
    /// Where it runs, once that was asked for.
    pub(crate) place: Option<Rc<Place>>,
    /// What the spec says of it, once that was asked for.
    pub(crate) decisions: Option<Rc<Decisions>>,
    /// Whether the kernel was told of it.
    pub(crate) is_told: bool,
    /// How many entries have this one for a parent.
    pub(super) children: usize,
    pub(super) gone: bool,
}

impl Entry {
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Returns the program whose executable has that name: what it runs, or what it ran before.
    pub(crate) fn program_mut(&mut self, exe: &str) -> &mut Program {
        match &mut self.previous {
            Some(previous) if previous.image.is_named(exe) && !self.program.image.is_named(exe) => {
                previous
            }
            _ => &mut self.program,
        }
    }
}
