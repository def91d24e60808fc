//! Bodies: text that no two share, made as it is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// As much as is made at once.
const PIECE: u64 = 64 * 1024;

/// A body of random text.
///
/// Every body differs from all others of its process, so a recorder that keeps
/// equal content once gains nothing from it.
#[derive(Debug)]
pub struct Noise {
    left: u64,
    state: u64,
}

impl Noise {
    /// Makes a body of that length.
    pub fn new(len_bytes: u64) -> Self {
        static SEED: AtomicU64 = AtomicU64::new(1);
        let seed = SEED.fetch_add(1, Ordering::Relaxed) ^ (u64::from(std::process::id()) << 32);
        Self { left: len_bytes, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// Makes a body without content.
    pub fn empty() -> Self {
        Self { left: 0, state: 1 }
    }

    fn piece(&mut self) -> Bytes {
        let len = self.left.min(PIECE);
        self.left -= len;
        let mut piece = Vec::with_capacity(usize::try_from(len).map_or(0, |len| len + 8));
        while (piece.len() as u64) < len {
            // Marsaglia's xorshift64; then six random bits of each byte as a printable character.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            let text = (self.state & 0x3f3f_3f3f_3f3f_3f3f) + 0x3030_3030_3030_3030;
            piece.extend_from_slice(&text.to_le_bytes());
        }
        piece.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        piece.into()
    }
}

impl Body for Noise {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(this.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut noise: Noise) -> Vec<u8> {
        let mut all = Vec::new();
        while noise.left > 0 {
            all.extend(noise.piece());
        }
        all
    }

    #[test]
    fn has_the_length_that_was_asked_for() {
        for len in [0, 1, 8, 1000, PIECE - 1, PIECE, 3 * PIECE + 5] {
            assert_eq!(all(Noise::new(len)).len() as u64, len);
        }
    }

    #[test]
    fn is_printable_and_never_the_same() {
        let (one, other) = (all(Noise::new(1024)), all(Noise::new(1024)));
        assert!(one.iter().all(u8::is_ascii_graphic));
        assert_ne!(one, other);
        assert_ne!(one[..512], one[512..]);
    }
}
