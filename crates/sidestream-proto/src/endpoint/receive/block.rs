//! Field blocks, in one frame or in several (RFC 9113 §4.3).

use bytes::{Bytes, BytesMut};

use super::{calm, fault, protocol};
use crate::endpoint::{Endpoint, Role, copy};
use crate::http2::{ErrorCode, Flags, FrameHead, Malformed};

/// A field block whose end is still to come.
#[derive(Debug)]
pub(in crate::endpoint) struct Block {
    stream: u32,
    end: bool,
    bytes: BytesMut,
    continuations: u32,
}

impl Block {
    pub(in crate::endpoint) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn stream(&self) -> u32 {
        self.stream
    }
}

impl Endpoint {
    pub(super) fn begin_block(
        &mut self,
        head: FrameHead,
        fragment: Bytes,
    ) -> Result<(), Malformed> {
        let stream = head.stream;
        let ours = stream % 2 == 1;
        if !ours || self.role == Role::Client && stream >= self.next_of_ours {
            return Err(protocol("a stream that the peer cannot begin"));
        }
        let end = head.flags.has(Flags::END_STREAM);
        if fragment.len() > self.limits.max_block_bytes {
            return Err(calm("a field block that is too long"));
        }
        if head.flags.has(Flags::END_HEADERS) {
            return self.decode(stream, &fragment, end);
        }
        self.block = Some(Block { stream, end, bytes: copy(&fragment), continuations: 0 });
        Ok(())
    }

    pub(super) fn continue_block(
        &mut self,
        head: FrameHead,
        fragment: Bytes,
    ) -> Result<(), Malformed> {
        let Some(block) = &mut self.block else {
            return Err(protocol("a field block that goes on and was not begun"));
        };
        block.continuations += 1;
        block.bytes.extend_from_slice(&fragment);
        if block.bytes.len() > self.limits.max_block_bytes {
            return Err(calm("a field block that is too long"));
        }
        if !head.flags.has(Flags::END_HEADERS) {
            if block.continuations >= self.limits.max_continuations {
                return Err(calm("a field block in too many frames"));
            }
            return Ok(());
        }
        match self.block.take() {
            Some(Block { stream, end, bytes, .. }) => self.decode(stream, &bytes.freeze(), end),
            None => Ok(()),
        }
    }

    /// Decodes every block, for the next ones refer to it.
    fn decode(&mut self, stream: u32, block: &Bytes, end: bool) -> Result<(), Malformed> {
        match self.decoder.decode(block) {
            Ok(decoded) => self.take_fields(stream, decoded.fields, end),
            Err(error) if error.is_limit() => Err(calm("a list of fields that is too long")),
            Err(_out_of_step) => {
                Err(fault(ErrorCode::COMPRESSION_ERROR, "a field block that cannot be decoded"))
            }
        }
    }
}
