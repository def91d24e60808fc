//! `br` (RFC 7932).

use std::fmt;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use crate::error::DecodeError;
use crate::stage::{PIECE, Sink};

const CODING: &str = "br";

/// Takes `br` off.
pub(crate) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    out: Vec<u8>,
    ended: bool,
}

impl Brotli {
    pub(crate) fn new() -> Self {
        let alloc = StandardAlloc::default;
        // The strict one takes no window above 16 MiB, as the standard has it.
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        Self { state: Box::new(state), out: Vec::new(), ended: false }
    }

    /// Feeds byte by byte: a decoder that fails loses whatever it made of the piece at hand.
    pub(crate) fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        self.out.resize(2 * PIECE, 0);
        let mut filled = 0;
        let pushed = input.iter().try_for_each(|byte| self.byte(*byte, &mut filled, sink));
        if filled > 0 {
            sink(&self.out[..filled])?;
        }
        pushed
    }

    fn byte(&mut self, byte: u8, filled: &mut usize, sink: Sink<'_>) -> Result<(), DecodeError> {
        if self.ended {
            return Err(DecodeError::trailing(CODING));
        }
        let (mut left, mut at, mut total) = (1, 0, 0);
        loop {
            if *filled > PIECE {
                sink(&self.out[..*filled])?;
                *filled = 0;
            }
            // Always as much, since what is made of a byte is handed out when there is no more
            // room, and lost if the decoder fails before: it is not to depend on what came before
            // in the same piece.
            let mut room = PIECE;
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                &[byte],
                &mut room,
                filled,
                &mut self.out,
                &mut total,
                &mut self.state,
            );
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultFailure => return Err(DecodeError::broken(CODING)),
                BrotliResult::ResultSuccess => {
                    self.ended = true;
                    let whole = left == 0;
                    return if whole { Ok(()) } else { Err(DecodeError::trailing(CODING)) };
                }
            }
        }
    }

    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.ended { Ok(()) } else { Err(DecodeError::truncated(CODING)) }
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").field("ended", &self.ended).finish_non_exhaustive()
    }
}
