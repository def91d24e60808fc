//! What one peer says: frames in, facts out.

use bytes::{Bytes, BytesMut};
use sidestream_flow::Peer;
use sidestream_record::{Advice, Failure, Fields};
use thiserror::Error;

use crate::hpack::{DecodeError, Decoder};
use crate::http2::{
    ErrorCode, Flags, FrameHead, FrameReader, Kind, Limits, Malformed, Payload, Piece, ReadError,
    id,
};
use crate::multiplexed::advice::Gathered;

/// Something that matters to exchanges.
#[derive(Debug)]
pub(super) enum Fact {
    /// Advice in a stream, or on the connection (0), unless it cannot be read.
    Advice {
        stream: u32,
        advice: Result<Advice, Malformed>,
    },
    Data {
        stream: u32,
        data: Bytes,
        end: bool,
    },
    GoAway {
        last: u32,
        code: ErrorCode,
    },
    Head {
        stream: u32,
        fields: Fields,
        end: bool,
    },
    Promise {
        promised: u32,
        fields: Fields,
    },
    Reset {
        stream: u32,
        code: ErrorCode,
    },
    /// The peer's table for what is sent to it may have that size.
    TableSize(u32),
}

/// Why a connection cannot be read any further.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("HTTP/2: {0}")]
    Malformed(#[from] Malformed),
    #[error("HTTP/2: {0}")]
    Read(#[from] ReadError),
    #[error("HTTP/2: {0}")]
    Fields(#[from] DecodeError),
    #[error("HTTP/2: {0}")]
    Limit(String),
}

impl Fault {
    /// Returns how the exchanges fare that are under way.
    pub(super) fn failure(&self, peer: Peer) -> Failure {
        let text = self.to_string();
        match self {
            Self::Limit(_)
            | Self::Read(ReadError::TooLong { .. })
            | Self::Fields(DecodeError::TooLarge { .. } | DecodeError::TooMany { .. }) => {
                Failure::Limit { peer, what: text }
            }
            Self::Malformed(_) | Self::Read(_) | Self::Fields(_) => {
                Failure::Malformed { peer, reason: text }
            }
        }
    }
}

/// How many frames a field block may take. Empty ones never add up to too many bytes.
const MAX_FRAGMENTS: u32 = 1024;

/// A field block that is not whole yet.
#[derive(Debug)]
struct Block {
    stream: u32,
    promised: Option<u32>,
    end_stream: bool,
    fragments: BytesMut,
    count: u32,
}

/// One direction of a connection.
pub(super) struct Half {
    limits: Limits,
    reader: FrameReader,
    decoder: Decoder,
    block: Option<Block>,
    advice: Gathered,
    is_client: bool,
    /// The length of the padding of the DATA frame that is going by.
    padding: u32,
    /// The peer sends no more; with TLS, whether it said so itself.
    pub(super) ended: Option<bool>,
}

impl Half {
    pub(super) fn client(limits: Limits) -> Self {
        let reader = FrameReader::client(limits.max_block_bytes);
        Self { is_client: true, ..Self::new(limits, reader) }
    }

    pub(super) fn server(limits: Limits) -> Self {
        Self::new(limits, FrameReader::server(limits.max_block_bytes))
    }

    fn new(limits: Limits, reader: FrameReader) -> Self {
        let decoder = Decoder::new(limits.hpack);
        Self {
            limits,
            reader,
            decoder,
            block: None,
            advice: Gathered::default(),
            is_client: false,
            padding: 0,
            ended: None,
        }
    }

    pub(super) fn feed(&mut self, bytes: Bytes) {
        self.reader.feed(bytes);
    }

    /// The other peer announced how large a table it keeps.
    pub(super) fn announce(&mut self, bytes: u32) {
        self.decoder.announce(bytes);
    }

    /// Returns whether a frame of ours could stand here.
    pub(super) fn is_between_frames(&self) -> bool {
        self.reader.is_between_frames() && self.block.is_none()
    }

    /// Returns the next thing that matters, or `None` if more must come.
    pub(super) fn poll(&mut self) -> Result<Option<Fact>, Fault> {
        while let Some(piece) = self.reader.poll()? {
            if let Some(fact) = self.take(piece)? {
                return Ok(Some(fact));
            }
        }
        Ok(None)
    }

    fn take(&mut self, piece: Piece) -> Result<Option<Fact>, Fault> {
        let last = piece.is_last();
        match piece {
            Piece::Preface(_) => Ok(None),
            Piece::Part { head, payload, before, .. } => {
                self.check_block(head)?;
                match head.kind {
                    Kind::DATA => self.data(head, before, payload, last),
                    kind if kind.is_advice() => {
                        let advice = self.advice.take(head, self.is_client, &payload, last);
                        Ok(advice.map(|advice| Fact::Advice { stream: head.stream, advice }))
                    }
                    _ => Ok(None),
                }
            }
            Piece::Frame { head, mut wire } => {
                self.check_block(head)?;
                self.frame(head, wire.split_off(FrameHead::BYTES))
            }
        }
    }

    /// A field block is not interrupted (RFC 9113 §4.3).
    fn check_block(&self, head: FrameHead) -> Result<(), Malformed> {
        let goes_on = head.kind == Kind::CONTINUATION;
        let what = match &self.block {
            None if goes_on => "a CONTINUATION of nothing",
            Some(block) if !goes_on || block.stream != head.stream => {
                "a field block that is interrupted"
            }
            None | Some(_) => return Ok(()),
        };
        Err(Malformed { code: ErrorCode::PROTOCOL_ERROR, what })
    }

    fn data(
        &mut self,
        head: FrameHead,
        before: u32,
        payload: Bytes,
        last: bool,
    ) -> Result<Option<Fact>, Fault> {
        let malformed = |what| Malformed { code: ErrorCode::PROTOCOL_ERROR, what };
        if head.stream == 0 {
            return Err(malformed("DATA on the connection").into());
        }
        let mut content = 0..head.length;
        if head.flags.has(Flags::PADDED) {
            if before == 0 {
                self.padding = payload.first().copied().map_or(0, u32::from);
            }
            let end = head.length.checked_sub(self.padding).filter(|end| *end >= 1);
            let whole = before > 0 || !payload.is_empty();
            match end {
                Some(end) => content = 1..end,
                None if whole || last => {
                    return Err(malformed("padding longer than the frame").into());
                }
                None => {}
            }
        }
        let within = |at: u32| (at.max(before) - before) as usize;
        let (start, end) = (within(content.start), within(content.end));
        let end = end.min(payload.len());
        let data = payload.slice(start.min(end)..end);
        let end = last && head.flags.has(Flags::END_STREAM);
        Ok((end || !data.is_empty()).then_some(Fact::Data { stream: head.stream, data, end }))
    }

    fn frame(&mut self, head: FrameHead, payload: Bytes) -> Result<Option<Fact>, Fault> {
        let stream = head.stream;
        match Payload::parse(head, payload)? {
            Payload::Headers { fragment } => {
                let end_stream = head.flags.has(Flags::END_STREAM);
                self.begin_block(head, Block::new(stream, None, end_stream), fragment)
            }
            Payload::PushPromise { promised, fragment } => {
                self.begin_block(head, Block::new(stream, Some(promised), false), fragment)
            }
            Payload::Continuation { fragment } => match self.block.take() {
                Some(block) => self.go_on(head, block, &fragment),
                None => Ok(None),
            },
            Payload::RstStream(code) => Ok(Some(Fact::Reset { stream, code })),
            Payload::Settings(settings) => {
                Ok(settings.get(id::HEADER_TABLE_SIZE).map(Fact::TableSize))
            }
            Payload::GoAway { last, code } => Ok(Some(Fact::GoAway { last, code })),
            Payload::Ping(_)
            | Payload::Priority
            | Payload::SettingsAck
            | Payload::WindowUpdate(_) => Ok(None),
        }
    }

    fn begin_block(
        &mut self,
        head: FrameHead,
        block: Block,
        fragment: Bytes,
    ) -> Result<Option<Fact>, Fault> {
        if head.flags.has(Flags::END_HEADERS) {
            // A copy, for fields that are kept would keep all that was read along with them.
            return self.decode(&block, &Bytes::copy_from_slice(&fragment));
        }
        self.go_on(head, block, &fragment)
    }

    fn go_on(
        &mut self,
        head: FrameHead,
        mut block: Block,
        fragment: &[u8],
    ) -> Result<Option<Fact>, Fault> {
        let limit = self.limits.max_block_bytes as usize;
        if block.fragments.len() + fragment.len() > limit {
            return Err(Fault::Limit(format!("a field block of more than {limit} bytes")));
        }
        block.count += 1;
        if block.count > MAX_FRAGMENTS {
            return Err(Fault::Limit(format!("a field block of more than {MAX_FRAGMENTS} frames")));
        }
        block.fragments.extend_from_slice(fragment);
        if head.flags.has(Flags::END_HEADERS) {
            let fragments = block.fragments.split().freeze();
            return self.decode(&block, &fragments);
        }
        self.block = Some(block);
        Ok(None)
    }

    fn decode(&mut self, block: &Block, fragments: &Bytes) -> Result<Option<Fact>, Fault> {
        let fields = self.decoder.decode(fragments)?.fields;
        Ok(Some(match block.promised {
            Some(promised) => Fact::Promise { promised, fields },
            None => Fact::Head { stream: block.stream, fields, end: block.end_stream },
        }))
    }
}

impl Block {
    fn new(stream: u32, promised: Option<u32>, end_stream: bool) -> Self {
        Self { stream, promised, end_stream, fragments: BytesMut::new(), count: 0 }
    }
}
