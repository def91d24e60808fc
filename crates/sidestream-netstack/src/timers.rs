//! All deadlines, each of which can be moved.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::id::Slot;

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Association(Slot),
    Echo(Slot),
    Stream(Slot),
}

/// The deadlines in the order of time: at most one entry for each owner.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Instant, Owner)>);

impl Timers {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes one deadline that has passed.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Owner> {
        self.0.first().filter(|(at, _)| *at <= now)?;
        self.0.pop_first().map(|(_, owner)| owner)
    }

    fn insert(&mut self, at: Instant, owner: Owner) {
        self.0.insert((at, owner));
    }

    fn remove(&mut self, at: Instant, owner: Owner) {
        self.0.remove(&(at, owner));
    }
}

/// One owner's deadline.
///
/// Deadlines mostly move later, with every packet: such a move costs nothing until the earlier
/// one passes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadline {
    /// When the owner wants to be woken.
    wanted: Option<Instant>,
    /// Under which time it stands in the table, never later.
    entered: Option<Instant>,
}

impl Deadline {
    pub(crate) fn set(&mut self, at: Option<Instant>, owner: Owner, timers: &mut Timers) {
        self.wanted = at;
        let Some(at) = at else { return };
        if self.entered.is_some_and(|entered| entered <= at) {
            return;
        }
        self.leave(owner, timers);
        self.entered = Some(at);
        timers.insert(at, owner);
    }

    /// Answers whether the deadline that was taken from the table is the one that is wanted;
    /// enters it again where it has moved.
    pub(crate) fn is_due(&mut self, now: Instant, owner: Owner, timers: &mut Timers) -> bool {
        self.entered = None;
        match self.wanted {
            Some(at) if at <= now => true,
            wanted => {
                self.set(wanted, owner, timers);
                false
            }
        }
    }

    /// Takes the deadline out of the table.
    pub(crate) fn leave(&mut self, owner: Owner, timers: &mut Timers) {
        if let Some(entered) = self.entered.take() {
            timers.remove(entered, owner);
        }
    }
}
