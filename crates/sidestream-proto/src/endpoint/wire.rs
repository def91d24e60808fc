//! What waits to be sent, and the frames that it is made of.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::http2::{ErrorCode, Flags, FrameHead, Kind};

/// From here on a payload is passed on and not copied.
const WORTH_A_SLICE: usize = 2048;

/// Bytes in the order in which they are to be sent.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pieces: Vec<Bytes>,
    pub(super) tail: BytesMut,
}

impl Wire {
    /// Takes what waits.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.cut();
        std::mem::take(&mut self.pieces)
    }

    /// Returns how many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum::<usize>() + self.tail.len()
    }

    pub(super) fn data(&mut self, stream: u32, bytes: Bytes, end: bool) {
        let flags = Flags::default().with(Flags::END_STREAM, end);
        FrameHead::new(Kind::DATA, flags, stream, bytes.len()).encode(&mut self.tail);
        if bytes.len() < WORTH_A_SLICE {
            self.tail.put(bytes);
        } else {
            self.cut();
            self.pieces.push(bytes);
        }
    }

    /// Writes a field block in as many frames as it takes.
    pub(super) fn block(&mut self, stream: u32, mut block: Bytes, end: bool, max_frame: usize) {
        let mut kind = Kind::HEADERS;
        let mut flags = Flags::default().with(Flags::END_STREAM, end);
        loop {
            let fragment = block.split_to(block.len().min(max_frame));
            let last = block.is_empty();
            let flags_here = flags.with(Flags::END_HEADERS, last);
            FrameHead::new(kind, flags_here, stream, fragment.len()).encode(&mut self.tail);
            self.tail.put(fragment);
            if last {
                return;
            }
            (kind, flags) = (Kind::CONTINUATION, Flags::default());
        }
    }

    pub(super) fn reset(&mut self, stream: u32, code: ErrorCode) {
        FrameHead::new(Kind::RST_STREAM, Flags::default(), stream, 4).encode(&mut self.tail);
        self.tail.put_u32(code.0);
    }

    pub(super) fn go_away(&mut self, last: u32, code: ErrorCode, why: &str) {
        let length = 8 + why.len();
        FrameHead::new(Kind::GOAWAY, Flags::default(), 0, length).encode(&mut self.tail);
        self.tail.put_u32(last);
        self.tail.put_u32(code.0);
        self.tail.put(why.as_bytes());
    }

    pub(super) fn settings_ack(&mut self) {
        FrameHead::new(Kind::SETTINGS, Flags::ACK, 0, 0).encode(&mut self.tail);
    }

    pub(super) fn ping(&mut self, opaque: [u8; 8]) {
        FrameHead::new(Kind::PING, Flags::default(), 0, opaque.len()).encode(&mut self.tail);
        self.tail.put(&opaque[..]);
    }

    pub(super) fn ping_ack(&mut self, opaque: [u8; 8]) {
        FrameHead::new(Kind::PING, Flags::ACK, 0, opaque.len()).encode(&mut self.tail);
        self.tail.put(&opaque[..]);
    }

    pub(super) fn window_update(&mut self, stream: u32, bytes: u32) {
        FrameHead::new(Kind::WINDOW_UPDATE, Flags::default(), stream, 4).encode(&mut self.tail);
        self.tail.put_u32(bytes);
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
    }
}
