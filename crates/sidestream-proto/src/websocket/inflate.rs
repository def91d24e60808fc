//! Inflates the messages of one side (RFC 7692 §7.2.2), within bounds.

use flate2::{Decompress, FlushDecompress, Status};

use super::defect::Defect;
use super::limits::Limits;

/// What is inflated at once.
const SCRATCH_BYTES: usize = 16 * 1024;

/// About how much memory a stream takes that is being inflated.
const STREAM_BYTES: usize = 44 * 1024;

/// What a sender leaves off the end of each message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Inflates one message after the other.
#[derive(Debug)]
pub(super) struct Inflater {
    /// Made when it is needed, since many sides never compress.
    stream: Option<Decompress>,
    takes_over: bool,
    /// How much may still be inflated to.
    room: u64,
    expansion: u64,
    given_up: bool,
}

impl Inflater {
    pub(super) fn new(takes_over: bool, limits: &Limits) -> Self {
        Self {
            stream: None,
            takes_over,
            room: limits.expansion_allowance_bytes,
            expansion: limits.max_expansion.into(),
            given_up: false,
        }
    }

    /// Returns whether the next message can be inflated.
    pub(super) const fn is_able(&self) -> bool {
        !self.given_up
    }

    /// Returns about how many bytes are held.
    pub(super) const fn held_bytes(&self) -> usize {
        if self.stream.is_some() { STREAM_BYTES } else { 0 }
    }

    /// Inflates a stretch of a message into `take`.
    ///
    /// After an error the rest of the message is not inflated, nor any later one that builds on it.
    pub(super) fn push(&mut self, input: &[u8], take: impl FnMut(&[u8])) -> Result<(), Defect> {
        self.room = self.room.saturating_add(self.expansion.saturating_mul(input.len() as u64));
        let inflated = self.inflate(input, take);
        if let Err(defect) = inflated {
            self.abandon();
            self.given_up |= defect == Defect::Expansion;
        }
        inflated
    }

    /// Leaves a message that has not ended, and with it what later ones would build on.
    pub(super) fn abandon(&mut self) {
        self.stream = None;
        self.given_up |= self.takes_over;
    }

    /// Inflates what a message holds back to its end.
    pub(super) fn finish(&mut self, take: impl FnMut(&[u8])) -> Result<(), Defect> {
        let inflated = self.push(&TAIL, take);
        if !self.takes_over
            && let Some(stream) = &mut self.stream
        {
            stream.reset(false);
        }
        inflated
    }

    fn inflate(&mut self, mut input: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), Defect> {
        let stream = self.stream.get_or_insert_with(|| Decompress::new(false));
        let mut scratch = [0; SCRATCH_BYTES];
        loop {
            let (taken, given) = (stream.total_in(), stream.total_out());
            let Ok(status) = stream.decompress(input, &mut scratch, FlushDecompress::Sync) else {
                return Err(Defect::InvalidDeflate);
            };
            let (taken, given) = (stream.total_in() - taken, stream.total_out() - given);
            // Neither is more than what was handed in.
            input = &input[taken as usize..];
            take(&scratch[..given as usize]);
            self.room = self.room.checked_sub(given).ok_or(Defect::Expansion)?;
            if status == Status::StreamEnd {
                // A last block may stand within a message (RFC 7692 §7.2.3.4).
                stream.reset(false);
            } else if taken + given == 0 && !input.is_empty() {
                return Err(Defect::InvalidDeflate);
            }
            if input.is_empty() && given < SCRATCH_BYTES as u64 {
                return Ok(());
            }
        }
    }
}
