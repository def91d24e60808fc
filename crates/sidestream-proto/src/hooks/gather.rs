//! Bodies of HTTP/1 that are held whole.

use bytes::{Bytes, BytesMut};
use sidestream_record::Fields;

use super::Limits;
use crate::http1::{self, BodyReader, Framing};

/// A body that is held, as far as it came.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Reads what is left of it.
    pub(crate) reader: BodyReader,
    /// As it was sent, with its transfer coding.
    pub(crate) wire: BytesMut,
    /// What it says.
    pub(crate) data: BytesMut,
    pub(crate) trailers: Fields,
    /// It is whole.
    pub(crate) ended: bool,
}

impl Gathered {
    pub(crate) fn new(reader: BodyReader) -> Self {
        let (wire, data) = (BytesMut::new(), BytesMut::new());
        Self { reader, wire, data, trailers: Fields::default(), ended: false }
    }

    pub(crate) fn push(&mut self, data: &Bytes, wire: &Bytes) {
        self.data.extend_from_slice(data);
        self.wire.extend_from_slice(wire);
    }

    /// Returns whether more came than may be held. Chunks may take as much again.
    pub(crate) fn is_too_long(&self, limits: &Limits) -> bool {
        self.data.len() > limits.body_bytes
            || self.wire.len() > limits.body_bytes.saturating_mul(2).saturating_add(64 * 1024)
    }

    /// Returns what it says, once it is whole.
    pub(crate) fn content(&self) -> Option<Bytes> {
        self.ended.then(|| Bytes::copy_from_slice(&self.data))
    }

    /// Puts another body in its place, which goes on as that framing has it.
    pub(crate) fn replace(&mut self, body: &Bytes, framing: Framing) {
        self.wire.clear();
        match framing {
            Framing::Chunked => {
                http1::encode_chunk(body, &mut self.wire);
                http1::encode_last_chunk(&self.trailers, &mut self.wire);
            }
            Framing::Empty | Framing::Length(_) | Framing::Tunnel | Framing::UntilClose => {
                self.wire.extend_from_slice(body);
            }
        }
    }
}
