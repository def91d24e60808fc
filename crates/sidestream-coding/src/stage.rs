//! One coding being taken off.

use crate::brotli::Brotli;
use crate::codings::Coding;
use crate::deflate::Deflate;
use crate::error::DecodeError;
use crate::gzip::Gzip;
use crate::limits::Limits;
use crate::zstd::Zstd;

/// How many bytes are handed on at a time, at most.
///
/// As much as a window of deflate: what its decoder still holds when it fails would be lost.
pub(crate) const PIECE: usize = 32 << 10;

/// Takes a piece of what was decoded; an error ends the decoding.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), DecodeError>;

/// One coding being taken off.
#[derive(Debug)]
pub(crate) enum Stage {
    Brotli(Brotli),
    Deflate(Deflate),
    Gzip(Gzip),
    Zstd(Zstd),
}

impl Stage {
    pub(crate) fn new(coding: &Coding, limits: Limits) -> Result<Self, DecodeError> {
        Ok(match coding {
            Coding::Brotli => Self::Brotli(Brotli::new()),
            Coding::Deflate => Self::Deflate(Deflate::new()),
            Coding::Gzip => Self::Gzip(Gzip::new()),
            Coding::Zstd => Self::Zstd(Zstd::new(limits.window_bytes)),
            Coding::Unknown(name) => return Err(DecodeError::Unknown { coding: name.clone() }),
        })
    }

    pub(crate) fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        match self {
            Self::Brotli(stage) => stage.push(input, sink),
            Self::Deflate(stage) => stage.push(input, sink),
            Self::Gzip(stage) => stage.push(input, sink),
            Self::Zstd(stage) => stage.push(input, sink),
        }
    }

    /// Hands out what it holds back, and says whether the coding is at its end.
    pub(crate) fn finish(&mut self, sink: Sink<'_>) -> Result<(), DecodeError> {
        match self {
            Self::Brotli(stage) => stage.finish(),
            Self::Deflate(stage) => stage.finish(sink),
            Self::Gzip(stage) => stage.finish(),
            Self::Zstd(stage) => stage.finish(),
        }
    }
}
