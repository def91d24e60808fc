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
    /// What happened longer ago goes, by the system's clock; a jump of that counts when it has
    /// lasted for an hour.
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

/// How far the system's clock may go from the steady one before that is a jump.
pub(crate) const JUMP: Duration = Duration::from_secs(60);

/// How long a jump has to last to be believed.
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// How often it is tried again at the end.
const TRIES: u32 = 3;

/// Takes out what is not kept, a bounded part between two transactions.
#[derive(Debug)]
pub(crate) struct Keeper {
    retention: Retention,
    /// When it looked, unless there is more to be taken out at once.
    looked: Option<Instant>,
    swept: Option<Instant>,
    clock: Clock,
}

/// The system's clock, without jumps that do not last.
///
/// One that was wrong for a while would else have all taken out that is older than it says.
#[derive(Debug)]
struct Clock {
    /// When the two agreed.
    system: i64,
    steady: Instant,
    /// Since when they do not.
    jumped: Option<Instant>,
}

impl Clock {
    const fn new(system: i64, steady: Instant) -> Self {
        Self { system, steady, jumped: None }
    }

    /// Returns what is believed of a time of the system's clock, in nanoseconds since 1970.
    fn believe(&mut self, system: i64, steady: Instant) -> i64 {
        let passed = steady.saturating_duration_since(self.steady).as_nanos();
        let expected = self.system.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let is_jump = u128::from(system.abs_diff(expected)) > JUMP.as_nanos();
        if is_jump
            && steady.saturating_duration_since(*self.jumped.get_or_insert(steady)) < BELIEVED
        {
            return expected;
        }
        *self = Self::new(system, steady);
        system
    }
}

impl Keeper {
    pub(crate) fn new(retention: Retention) -> Self {
        let clock = Clock::new(writer::now(), Instant::now());
        Self { retention, looked: None, swept: None, clock }
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
        let now = self.clock.believe(writer::now(), Instant::now());
        match writer.retain(&self.retention, now) {
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
    pub(crate) fn finish(&mut self, writer: &mut Writer) {
        if !self.retention.is_limited() {
            return;
        }
        let now = self.clock.believe(writer::now(), Instant::now());
        let mut errors = 0;
        loop {
            match writer.retain(&self.retention, now) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const DAY: i64 = 24 * 3600 * SECOND;

    #[test]
    fn a_jump_of_the_clock_is_believed_when_it_has_lasted_for_an_hour() {
        let begin = Instant::now();
        let after = |seconds: u64| begin + Duration::from_secs(seconds);
        let now = 20_000 * DAY;
        let mut clock = Clock::new(now, begin);
        assert_eq!(clock.believe(now + 11 * SECOND, after(10)), now + 11 * SECOND);
        // Ten years ahead, back after a minute, and then some days behind.
        assert_eq!(clock.believe(now + 3650 * DAY, after(20)), now + 21 * SECOND);
        assert_eq!(clock.believe(now + 3650 * DAY, after(70)), now + 71 * SECOND);
        assert_eq!(clock.believe(now + 80 * SECOND, after(80)), now + 80 * SECOND);
        assert_eq!(clock.believe(now - 3 * DAY, after(90)), now + 90 * SECOND);
        assert_eq!(clock.believe(now - 3 * DAY, after(3689)), now + 3689 * SECOND);
        assert_eq!(clock.believe(now - 3 * DAY, after(3690)), now - 3 * DAY);
        assert_eq!(clock.believe(now - 3 * DAY + SECOND, after(3691)), now - 3 * DAY + SECOND);
    }
}
