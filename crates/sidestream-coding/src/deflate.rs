//! `deflate`: in zlib's wrapping (RFC 1950), or by mistake without it (RFC 1951).

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::DecodeError;
use crate::stage::{PIECE, Sink};

/// How many bytes tell the two apart.
const TELLING: usize = 5;

/// Takes `deflate` off.
#[derive(Debug)]
pub(crate) struct Deflate {
    state: State,
}

#[derive(Debug)]
enum State {
    Beginning(Vec<u8>),
    Body(Inflate),
    Ended,
}

impl Deflate {
    pub(crate) const fn new() -> Self {
        Self { state: State::Beginning(Vec::new()) }
    }

    pub(crate) fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        if let State::Beginning(beginning) = &mut self.state {
            let taken = input.len().min(TELLING - beginning.len());
            beginning.extend_from_slice(&input[..taken]);
            input = &input[taken..];
            if beginning.len() < TELLING {
                return Ok(());
            }
            self.begin(sink)?;
        }
        self.go_on(input, sink)
    }

    pub(crate) fn finish(&mut self, sink: Sink<'_>) -> Result<(), DecodeError> {
        if matches!(self.state, State::Beginning(_)) {
            self.begin(sink)?;
        }
        match self.state {
            State::Ended => Ok(()),
            _ => Err(DecodeError::truncated("deflate")),
        }
    }

    fn begin(&mut self, sink: Sink<'_>) -> Result<(), DecodeError> {
        let State::Beginning(beginning) = &mut self.state else { return Ok(()) };
        let beginning = std::mem::take(beginning);
        self.state = State::Body(Inflate::new(is_wrapped(&beginning)));
        self.go_on(&beginning, sink)
    }

    fn go_on(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        if let State::Body(inflate) = &mut self.state
            && inflate.push(&mut input, "deflate", sink)?
        {
            self.state = State::Ended;
        }
        if matches!(self.state, State::Ended) && !input.is_empty() {
            return Err(DecodeError::trailing("deflate"));
        }
        Ok(())
    }
}

/// Returns whether a body begins as zlib does, and not as a stored block with odd padding.
fn is_wrapped(beginning: &[u8]) -> bool {
    let [method, flags, rest @ ..] = beginning else { return false };
    let is_zlib = method & 0x0f == 8
        && method >> 4 <= 7
        && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31);
    let is_stored = rest.len() >= 3 && *flags == !rest[1] && rest[0] == !rest[2];
    is_zlib && !is_stored
}

/// How much input is given at once. What comes of it always finds room, for where it does not, the
/// decoder keeps it back, and forgets it if the input turns out to be broken.
const STEP: usize = 32;

/// More than comes of a step and of the bits kept from the one before: 1,032 bytes of each byte
/// (RFC 1951 §3.2.5: 258 bytes of two bits).
const STEP_ROOM: usize = 2 * STEP * 1032;

/// The stream of deflate itself, fed piece by piece.
pub(crate) struct Inflate {
    inner: Decompress,
    out: Vec<u8>,
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Inflate {
    pub(crate) fn new(wrapped: bool) -> Self {
        Self { inner: Decompress::new(wrapped), out: vec![0; PIECE + STEP_ROOM] }
    }

    /// Takes what it can of the input; returns whether the stream is at its end.
    pub(crate) fn push(
        &mut self,
        input: &mut &[u8],
        coding: &str,
        sink: Sink<'_>,
    ) -> Result<bool, DecodeError> {
        let mut filled = 0;
        let ended = loop {
            if input.is_empty() {
                break Ok(false);
            }
            if filled >= PIECE {
                give(&self.out[..filled], sink)?;
                filled = 0;
            }
            let (taken, made) = (self.inner.total_in(), self.inner.total_out());
            let step = &input[..input.len().min(STEP)];
            let out = &mut self.out[filled..];
            let status = self.inner.decompress(step, out, FlushDecompress::None);
            let taken = (self.inner.total_in() - taken) as usize;
            let made = (self.inner.total_out() - made) as usize;
            *input = &input[taken..];
            filled += made;
            match status {
                Err(_broken) => break Err(DecodeError::broken(coding)),
                Ok(Status::StreamEnd) => break Ok(true),
                Ok(_) if taken + made == 0 => break Err(DecodeError::broken(coding)),
                Ok(_) => {}
            }
        };
        give(&self.out[..filled], sink)?;
        ended
    }
}

fn give(out: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
    out.chunks(PIECE).try_for_each(sink)
}
