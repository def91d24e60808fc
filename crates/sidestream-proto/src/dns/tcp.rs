//! DNS over streams: each message after its length ([RFC 1035 §4.2.2], [RFC 7766 §8]).
//!
//! [RFC 1035 §4.2.2]: https://www.rfc-editor.org/rfc/rfc1035#section-4.2.2
//! [RFC 7766 §8]: https://www.rfc-editor.org/rfc/rfc7766#section-8

use bytes::{Buf, Bytes, BytesMut};

/// The length in front of each message.
const PREFIX_LEN: usize = 2;

/// Cuts one direction of a stream into messages.
///
/// It holds what was fed and not yet taken: below 64 KiB once [`FrameReader::poll_frame`] has returned `None`.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// Makes a reader at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Feeds the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the next whole message, without its length; [`decode`](super::decode()) says whether it is one.
    pub fn poll_frame(&mut self) -> Option<Bytes> {
        let prefix = self.buffer.first_chunk::<PREFIX_LEN>()?;
        let len = usize::from(u16::from_be_bytes(*prefix));
        if self.buffer.len() < PREFIX_LEN + len {
            return None;
        }
        self.buffer.advance(PREFIX_LEN);
        Some(self.buffer.split_to(len).freeze())
    }

    /// Returns how many bytes wait for the rest of their message: at the stream's end, what was broken off.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }
}
