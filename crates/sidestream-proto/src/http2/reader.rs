//! Cuts a byte stream into frames.

use bytes::{Buf as _, Bytes, BytesMut};

use super::{FrameHead, Kind, PREFACE};

/// A stretch of the stream. The `wire` of all pieces together is the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The client's preface.
    Preface(Bytes),
    /// A frame.
    Frame {
        /// Its first nine bytes, read.
        head: FrameHead,
        /// All of it.
        wire: Bytes,
    },
    /// The beginning, or more, of a frame that is not needed whole: DATA, and types that are not
    /// known.
    Part {
        /// The frame's first nine bytes, read.
        head: FrameHead,
        /// What came of the frame; in the first part, with the nine bytes.
        wire: Bytes,
        /// How many bytes of the payload came before this part.
        before: u32,
        /// What came of the payload.
        payload: Bytes,
    },
}

/// The stream cannot be cut any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The first bytes are not the preface.
    #[error("the connection preface is not that of HTTP/2")]
    Preface,
    /// A frame that is needed whole is too long.
    #[error("a frame of type {kind} with {length} bytes")]
    TooLong {
        /// Its type.
        kind: u8,
        /// The length of its payload.
        length: u32,
    },
}

/// Cuts what one peer sends into frames, wherever the input was split.
#[derive(Debug)]
pub struct FrameReader {
    /// What was not given out yet.
    input: Bytes,
    /// The beginning of a frame whose rest has not come.
    kept: BytesMut,
    /// How long `kept` must grow before anything can be given out.
    need: usize,
    preface: bool,
    /// The frame that is given out in parts, and how much of its payload was.
    part: Option<(FrameHead, u32)>,
    max_frame_bytes: u32,
}

impl FrameReader {
    /// Reads what a client sends. Frames that are needed whole may have that many bytes.
    pub fn client(max_frame_bytes: u32) -> Self {
        Self { preface: true, ..Self::server(max_frame_bytes) }
    }

    /// Reads what a server sends, or a client after its preface.
    pub fn server(max_frame_bytes: u32) -> Self {
        Self {
            input: Bytes::new(),
            kept: BytesMut::new(),
            need: 0,
            preface: false,
            part: None,
            max_frame_bytes,
        }
    }

    /// Takes more of the stream.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.kept.is_empty() && self.input.is_empty() {
            self.input = bytes;
            return;
        }
        self.keep();
        self.kept.extend_from_slice(&bytes);
        if self.kept.len() >= self.need {
            self.input = self.kept.split().freeze();
        }
    }

    /// Returns whether everything that was fed was given out, and ended with a frame.
    pub fn is_between_frames(&self) -> bool {
        self.part.is_none() && self.kept.is_empty() && self.input.is_empty()
    }

    /// Gives out the next stretch, or `None` if more must come.
    ///
    /// # Errors
    ///
    /// If the stream cannot be cut any further.
    pub fn poll(&mut self) -> Result<Option<Piece>, ReadError> {
        if self.input.is_empty() {
            return Ok(None);
        }
        if self.preface {
            return self.poll_preface();
        }
        if let Some((head, before)) = self.part {
            return Ok(Some(self.take_part(head, before, 0)));
        }
        let Some(head) = FrameHead::parse(&self.input) else {
            return Ok(self.wait(FrameHead::BYTES));
        };
        if head.kind.is_stream_of_bytes() {
            return Ok(Some(self.take_part(head, 0, FrameHead::BYTES)));
        }
        if head.length > self.max_frame_bytes {
            return Err(ReadError::TooLong { kind: head.kind.0, length: head.length });
        }
        let whole = FrameHead::BYTES + head.length as usize;
        if self.input.len() < whole {
            return Ok(self.wait(whole));
        }
        Ok(Some(Piece::Frame { head, wire: self.input.split_to(whole) }))
    }

    fn poll_preface(&mut self) -> Result<Option<Piece>, ReadError> {
        let length = self.input.len().min(PREFACE.len());
        if self.input[..length] != PREFACE[..length] {
            return Err(ReadError::Preface);
        }
        if length < PREFACE.len() {
            return Ok(self.wait(PREFACE.len()));
        }
        self.preface = false;
        Ok(Some(Piece::Preface(self.input.split_to(length))))
    }

    fn take_part(&mut self, head: FrameHead, before: u32, skip: usize) -> Piece {
        let left = (head.length - before) as usize;
        let payload = left.min(self.input.len() - skip);
        let wire = self.input.split_to(skip + payload);
        let after = before + u32::try_from(payload).unwrap_or(u32::MAX);
        self.part = (after < head.length).then_some((head, after));
        Piece::Part { head, payload: wire.slice(skip..), wire, before }
    }

    fn wait(&mut self, need: usize) -> Option<Piece> {
        self.keep();
        self.need = need;
        None
    }

    fn keep(&mut self) {
        if self.input.has_remaining() {
            self.kept.extend_from_slice(&self.input);
            self.input = Bytes::new();
        }
    }
}

impl Piece {
    /// Returns what stands on the wire.
    pub const fn wire(&self) -> &Bytes {
        match self {
            Self::Preface(wire) | Self::Frame { wire, .. } | Self::Part { wire, .. } => wire,
        }
    }

    /// Returns the frame that it is, or belongs to.
    pub const fn head(&self) -> Option<FrameHead> {
        match self {
            Self::Preface(_) => None,
            Self::Frame { head, .. } | Self::Part { head, .. } => Some(*head),
        }
    }

    /// Returns whether nothing of the frame follows.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Preface(_) | Self::Frame { .. } => true,
            Self::Part { head, before, payload, .. } => {
                *before as usize + payload.len() == head.length as usize
            }
        }
    }
}

const _: () = assert!(Kind::CONTINUATION.0 == 9, "types beyond it are given out in parts");
