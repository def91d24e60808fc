//! What is damaged in a session: told, counted and passed over.

use sidestream::store::ReadError;

use crate::say::say;

/// How many places are told; the others are counted.
const TOLD: usize = 20;

/// What could not be read of a session, of which the rest was.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Damage {
    told: Vec<ReadError>,
    more: u64,
}

impl Damage {
    /// Notes an error, unless nothing can be read behind it.
    ///
    /// # Errors
    ///
    /// The storage refuses.
    pub(super) fn add(&mut self, error: ReadError) -> Result<(), ReadError> {
        match error {
            ReadError::Storage(_) => return Err(error),
            error if self.told.len() < TOLD => self.told.push(error),
            _ => self.more += 1,
        }
        Ok(())
    }

    /// Notes an error as [`add`](Self::add) does, and says at once where it is.
    ///
    /// # Errors
    ///
    /// The storage refuses.
    pub(super) fn say(&mut self, error: ReadError) -> Result<(), ReadError> {
        let before = self.told.len();
        self.add(error)?;
        self.told[before..].iter().for_each(say);
        Ok(())
    }

    /// Says where the session is damaged, and returns whether it is.
    pub(crate) fn tell(&self) -> bool {
        self.told.iter().for_each(say);
        self.sum("events were left out")
    }

    /// Says how much is damaged, of which the places were said, and what became of it. Returns
    /// whether anything is.
    pub(super) fn sum(&self, outcome: &str) -> bool {
        if self.more > 0 {
            say(format_args!("and {} more", self.more));
        }
        let all = self.told.len() as u64 + self.more;
        if all > 0 {
            say(format_args!("{all} damaged {outcome}; `session verify` tells more"));
        }
        all > 0
    }

    /// Refuses a session that is damaged.
    ///
    /// # Errors
    ///
    /// The first place where it is.
    pub(crate) fn refuse(self) -> Result<(), ReadError> {
        self.told.into_iter().next().map_or(Ok(()), Err)
    }
}
