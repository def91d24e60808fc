//! How much of a session is kept while it goes on.

use std::time::{Duration, Instant};

use crate::writer::{self, Writer};

/// How much of a session is kept while it is recorded. What is under way is kept in any case.
///
/// The oldest goes first: an exchange, with its bodies, when it is over, then its flow, and messages
/// and raw bytes at once. The room that is gained in the file is used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever records")]
pub struct Retention {
    /// What happened longer ago goes, by the system's clock.
    pub age: Option<Duration>,
    /// While the session holds more bytes, its log apart, the oldest goes.
    pub bytes: Option<u64>,
    /// So many exchanges are kept.
    pub exchanges: Option<u64>,
}

impl Retention {
    /// All is kept.
    pub const ALL: Self = Self { age: None, bytes: None, exchanges: None };

    /// Returns whether anything may have to go.
    pub const fn is_limited(&self) -> bool {
        self.age.is_some() || self.bytes.is_some() || self.exchanges.is_some()
    }
}

/// How often it is looked whether something has to go.
const PERIOD: Duration = Duration::from_secs(1);

/// How long it waits for rows while more has to go.
const BUSY: Duration = Duration::from_millis(1);

/// How often what was under way is looked at again.
const SWEEP: Duration = Duration::from_secs(10);

/// How often it is tried again at the end.
const TRIES: u32 = 3;

/// Takes out what is not kept, a bounded part between two transactions.
#[derive(Debug)]
pub(crate) struct Keeper {
    retention: Retention,
    /// When it looked, unless there is more to be taken out at once.
    looked: Option<Instant>,
    swept: Option<Instant>,
}

impl Keeper {
    pub(crate) const fn new(retention: Retention) -> Self {
        Self { retention, looked: None, swept: None }
    }

    /// Returns how long the writer may wait for rows.
    pub(crate) fn within(&self) -> Option<Duration> {
        let limited = self.retention.is_limited();
        limited.then_some(if self.looked.is_none() { BUSY } else { PERIOD })
    }

    /// Takes some out if it is time to.
    pub(crate) fn keep(&mut self, writer: &mut Writer) {
        // Size is cheap to be looked at, and can grow fast.
        let is_early = self.retention.bytes.is_none()
            && self.looked.is_some_and(|looked| looked.elapsed() < PERIOD);
        if is_early || !self.retention.is_limited() {
            return;
        }
        match writer.retain(&self.retention, writer::now()) {
            Ok(true) => self.looked = None,
            Ok(false) => {
                self.looked = Some(Instant::now());
                if self.swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
                    self.swept = Some(Instant::now());
                    told(writer.retain_rest());
                }
            }
            Err(error) => {
                self.looked = Some(Instant::now());
                told(Err(error));
            }
        }
    }

    /// Takes out what is left to be taken out.
    pub(crate) fn finish(&self, writer: &mut Writer) {
        if !self.retention.is_limited() {
            return;
        }
        let mut errors = 0;
        loop {
            match writer.retain(&self.retention, writer::now()) {
                Ok(true) => {}
                Ok(false) => break,
                // Whoever else has it locked may have done so for long.
                Err(_) if errors < TRIES => errors += 1,
                Err(error) => return told(Err(error)),
            }
        }
        told(writer.retain_rest());
    }
}

/// Nothing is lost by what cannot be taken out, save room.
fn told(result: rusqlite::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "what is too old cannot be taken out of the session");
    }
}
