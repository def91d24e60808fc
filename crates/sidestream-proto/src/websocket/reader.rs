//! Takes a stream of frames apart.

use bytes::{Buf, Bytes, BytesMut};

use super::frame::{FrameHead, MAX_HEAD_BYTES, mask};

/// Reads frames, in pieces as they come.
#[derive(Clone, Debug, Default)]
pub struct FrameReader {
    head: [u8; MAX_HEAD_BYTES],
    /// How much of the head is there.
    filled: usize,
    payload: Option<Payload>,
}

/// What is left of a frame.
#[derive(Clone, Copy, Debug)]
struct Payload {
    key: Option<[u8; 4]>,
    read: u64,
    left: u64,
}

/// A piece of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A frame begins.
    Head(FrameHead),
    /// A stretch of its payload, unmasked.
    Payload(Bytes),
    /// The frame has ended.
    End,
}

/// Why frames cannot be told apart any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The highest bit of a length is set, which RFC 6455 §5.2 forbids.
    #[error("the length of a frame is beyond 2⁶³")]
    LengthTooLarge,
}

impl FrameReader {
    /// Makes a reader that awaits a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece off the front of `buf`, if there is one.
    ///
    /// # Errors
    ///
    /// What follows cannot be read: pass it as it is. The head of the frame is in
    /// [`unread`](Self::unread).
    pub fn poll(&mut self, buf: &mut Bytes) -> Result<Option<Piece>, FrameError> {
        match &mut self.payload {
            None => self.poll_head(buf),
            Some(Payload { left: 0, .. }) => {
                self.payload = None;
                Ok(Some(Piece::End))
            }
            Some(_) if buf.is_empty() => Ok(None),
            Some(payload) => Ok(Some(Piece::Payload(payload.take(buf)))),
        }
    }

    /// Takes the next piece, its payload as it was sent, and returns as well what it was on the
    /// wire.
    pub(super) fn poll_wire(
        &mut self,
        buf: &mut Bytes,
    ) -> Result<Option<(Piece, Bytes)>, FrameError> {
        match &mut self.payload {
            None => Ok(self.poll_head(buf)?.map(|piece| {
                let bytes = FrameHead::bytes([self.head[0], self.head[1]]);
                (piece, Bytes::copy_from_slice(&self.head[..bytes]))
            })),
            Some(Payload { left: 0, .. }) => {
                self.payload = None;
                Ok(Some((Piece::End, Bytes::new())))
            }
            Some(_) if buf.is_empty() => Ok(None),
            Some(payload) => {
                let wire = payload.take_wire(buf);
                Ok(Some((Piece::Payload(wire.clone()), wire)))
            }
        }
    }

    /// Returns the bytes that were taken and not yielded: of a head that is not whole, or is in
    /// error.
    pub fn unread(&self) -> &[u8] {
        &self.head[..self.filled]
    }

    fn poll_head(&mut self, buf: &mut Bytes) -> Result<Option<Piece>, FrameError> {
        self.fill(2, buf);
        if self.filled >= 2 {
            self.fill(FrameHead::bytes([self.head[0], self.head[1]]), buf);
        }
        let whole =
            self.filled >= 2 && self.filled == FrameHead::bytes([self.head[0], self.head[1]]);
        if !whole {
            return Ok(None);
        }
        let head = FrameHead::decode(&self.head[..self.filled]);
        if head.length > i64::MAX as u64 {
            return Err(FrameError::LengthTooLarge);
        }
        self.filled = 0;
        self.payload = Some(Payload { key: head.key, read: 0, left: head.length });
        Ok(Some(Piece::Head(head)))
    }

    /// Takes bytes until that many of the head are there.
    fn fill(&mut self, to: usize, buf: &mut Bytes) {
        let count = to.saturating_sub(self.filled).min(buf.len());
        self.head[self.filled..self.filled + count].copy_from_slice(&buf[..count]);
        buf.advance(count);
        self.filled += count;
    }
}

impl Payload {
    fn take_wire(&mut self, buf: &mut Bytes) -> Bytes {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        self.read += count as u64;
        self.left -= count as u64;
        buf.split_to(count)
    }

    fn take(&mut self, buf: &mut Bytes) -> Bytes {
        let offset = self.read;
        let wire = self.take_wire(buf);
        let Some(key) = self.key else { return wire };
        let mut clear = BytesMut::from(&wire[..]);
        mask(&mut clear, key, offset);
        clear.freeze()
    }
}
