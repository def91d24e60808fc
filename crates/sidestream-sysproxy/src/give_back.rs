//! What a journal restores settings by.

use sidestream_journal::{JournalError, Outcome, Part, Parts, Run};

use crate::{Desktop, sys};

/// Gives settings back, and takes ours out of files that somebody else has changed since.
#[derive(Clone, Copy, Debug)]
pub struct GiveBack<'a>(Desktop<'a>);

impl<'a> GiveBack<'a> {
    pub(crate) const fn new(desktop: Desktop<'a>) -> Self {
        Self(desktop)
    }

    /// Returns whether settings and parts of this kind are ours to give back.
    pub fn knows(kind: &str) -> bool {
        sys::KINDS.contains(&kind)
    }
}

impl Parts for GiveBack<'_> {
    fn without(&self, part: &Part, contents: &[u8]) -> Option<Vec<u8>> {
        sys::without(part, contents)
    }

    fn restore(&self, setting: &Part, run: Run<'_>) -> Result<Outcome, JournalError> {
        sys::restore(&self.0, setting, run)
    }
}
