//! Frames (RFC 9113 §4, §6).

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{ErrorCode, Settings};

/// The type of a frame (RFC 9113 §6); types that are not known are passed over (§5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// A stretch of a body.
    pub const DATA: Self = Self(0x0);
    /// A head, or trailers, or their beginning.
    pub const HEADERS: Self = Self(0x1);
    /// Advice on the order of streams.
    pub const PRIORITY: Self = Self(0x2);
    /// The end of a stream before its time.
    pub const RST_STREAM: Self = Self(0x3);
    /// What the sender can take.
    pub const SETTINGS: Self = Self(0x4);
    /// A request that a server answers unasked.
    pub const PUSH_PROMISE: Self = Self(0x5);
    /// A question whether the peer is there, or its answer.
    pub const PING: Self = Self(0x6);
    /// No further stream will be taken.
    pub const GOAWAY: Self = Self(0x7);
    /// More can be taken of a stream, or in all.
    pub const WINDOW_UPDATE: Self = Self(0x8);
    /// More of a field block.
    pub const CONTINUATION: Self = Self(0x9);

    /// Returns whether the payload can be of any length and is not needed whole.
    pub(crate) const fn is_stream_of_bytes(self) -> bool {
        self.0 == Self::DATA.0 || self.0 > Self::CONTINUATION.0
    }
}

/// The flags of a frame; what they mean depends on its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The payload acknowledges one of ours: SETTINGS, PING.
    pub const ACK: Self = Self(0x1);
    /// The sender's side of the stream ends: DATA, HEADERS.
    pub const END_STREAM: Self = Self(0x1);
    /// The field block is whole: HEADERS, PUSH_PROMISE, CONTINUATION.
    pub const END_HEADERS: Self = Self(0x4);
    /// Padding follows: DATA, HEADERS, PUSH_PROMISE.
    pub const PADDED: Self = Self(0x8);
    /// A priority stands before the fields: HEADERS.
    pub const PRIORITY: Self = Self(0x20);

    /// Returns whether that flag is set.
    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Sets a flag, if it is to be set.
    #[must_use]
    pub const fn with(self, flag: Self, set: bool) -> Self {
        if set { Self(self.0 | flag.0) } else { self }
    }
}

/// The nine bytes before every payload (RFC 9113 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// The payload's length, in bytes.
    pub length: u32,
    /// The type.
    pub kind: Kind,
    /// The flags.
    pub flags: Flags,
    /// The stream, or 0 for the connection. The reserved bit is left out.
    pub stream: u32,
}

impl FrameHead {
    /// How many bytes it takes.
    pub const BYTES: usize = 9;

    /// Makes the head of a frame of that many bytes.
    pub fn new(kind: Kind, flags: Flags, stream: u32, length: usize) -> Self {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Self { length, kind, flags, stream }
    }

    /// Reads the head at the beginning of `bytes`, if they suffice.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes.first_chunk()?;
        Some(Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind: Kind(kind),
            flags: Flags(flags),
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff,
        })
    }

    /// Writes the head.
    pub fn encode(self, out: &mut BytesMut) {
        out.put_uint(u64::from(self.length), 3);
        out.put_u8(self.kind.0);
        out.put_u8(self.flags.0);
        out.put_u32(self.stream);
    }
}

/// What a frame carries must not be so (RFC 9113 §5.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Malformed {
    /// What a peer would be told.
    pub code: ErrorCode,
    /// What is wrong.
    pub what: &'static str,
}

impl Malformed {
    pub(crate) const fn new(code: ErrorCode, what: &'static str) -> Self {
        Self { code, what }
    }

    const fn size(what: &'static str) -> Self {
        Self::new(ErrorCode::FRAME_SIZE_ERROR, what)
    }

    const fn protocol(what: &'static str) -> Self {
        Self::new(ErrorCode::PROTOCOL_ERROR, what)
    }
}

/// The payload of a frame that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A fragment of a field block, with the padding and the priority taken off.
    Headers {
        /// The fragment.
        fragment: Bytes,
    },
    /// Another fragment.
    Continuation {
        /// The fragment.
        fragment: Bytes,
    },
    /// A request that the server answers unasked.
    PushPromise {
        /// The stream on which it will.
        promised: u32,
        /// The first fragment of the request's head.
        fragment: Bytes,
    },
    /// Advice on the order of streams.
    Priority,
    /// The end of a stream.
    RstStream(ErrorCode),
    /// What the sender can take.
    Settings(Settings),
    /// The peer has taken our settings.
    SettingsAck,
    /// A question, or with the flag its answer.
    Ping([u8; 8]),
    /// No stream beyond that one was or will be taken.
    GoAway {
        /// The last stream.
        last: u32,
        /// Why.
        code: ErrorCode,
    },
    /// More can be taken.
    WindowUpdate(WindowUpdate),
}

/// How many bytes more can be taken, of one stream or in all; never 0 unless it came so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowUpdate(pub u32);

impl Payload {
    /// Reads the payload of a frame.
    ///
    /// # Errors
    ///
    /// If its size, its padding or its stream is not as the type has it.
    ///
    /// # Panics
    ///
    /// Never; of a type that is not read whole ([`Piece::Part`](super::Piece::Part)) it says that
    /// it cannot be.
    pub fn parse(head: FrameHead, payload: Bytes) -> Result<Self, Malformed> {
        let on_stream = head.stream != 0;
        match head.kind {
            Kind::HEADERS if on_stream => {
                let mut fragment = unpadded(head, payload)?;
                if head.flags.has(Flags::PRIORITY) {
                    take(&mut fragment, 5, "HEADERS too short for its priority")?;
                }
                Ok(Self::Headers { fragment })
            }
            Kind::CONTINUATION if on_stream => Ok(Self::Continuation { fragment: payload }),
            Kind::PUSH_PROMISE if on_stream => {
                let mut fragment = unpadded(head, payload)?;
                let promised = take(&mut fragment, 4, "PUSH_PROMISE too short for its stream")?;
                Ok(Self::PushPromise { promised: number(&promised) & 0x7fff_ffff, fragment })
            }
            Kind::PRIORITY if on_stream => match payload.len() {
                5 => Ok(Self::Priority),
                _ => Err(Malformed::size("a PRIORITY that is not 5 bytes")),
            },
            Kind::RST_STREAM if on_stream => match payload.len() {
                4 => Ok(Self::RstStream(ErrorCode(number(&payload)))),
                _ => Err(Malformed::size("a RST_STREAM that is not 4 bytes")),
            },
            Kind::WINDOW_UPDATE => match payload.len() {
                4 => Ok(Self::WindowUpdate(WindowUpdate(number(&payload) & 0x7fff_ffff))),
                _ => Err(Malformed::size("a WINDOW_UPDATE that is not 4 bytes")),
            },
            Kind::SETTINGS if !on_stream => settings(head, &payload),
            Kind::PING if !on_stream => match <[u8; 8]>::try_from(&*payload) {
                Ok(opaque) => Ok(Self::Ping(opaque)),
                Err(_) => Err(Malformed::size("a PING that is not 8 bytes")),
            },
            Kind::GOAWAY if !on_stream => match payload.first_chunk::<8>() {
                Some(start) => Ok(Self::GoAway {
                    last: number(&start[..4]) & 0x7fff_ffff,
                    code: ErrorCode(number(&start[4..])),
                }),
                None => Err(Malformed::size("a GOAWAY shorter than 8 bytes")),
            },
            Kind::SETTINGS | Kind::PING | Kind::GOAWAY => {
                Err(Malformed::protocol("a frame of the connection on a stream"))
            }
            _ => Err(Malformed::protocol("a frame of a stream on the connection")),
        }
    }
}

fn settings(head: FrameHead, payload: &[u8]) -> Result<Payload, Malformed> {
    if !head.flags.has(Flags::ACK) {
        return Settings::parse(payload).map(Payload::Settings);
    }
    match payload.len() {
        0 => Ok(Payload::SettingsAck),
        _ => Err(Malformed::size("an acknowledgement of SETTINGS that is not empty")),
    }
}

/// Takes the padding off (RFC 9113 §6.1).
fn unpadded(head: FrameHead, mut payload: Bytes) -> Result<Bytes, Malformed> {
    if head.flags.has(Flags::PADDED) {
        let length = take(&mut payload, 1, "a padded frame without the length of its padding")?;
        let Some(content) = payload.len().checked_sub(usize::from(length[0])) else {
            return Err(Malformed::protocol("padding longer than the frame"));
        };
        payload.truncate(content);
    }
    Ok(payload)
}

fn take(payload: &mut Bytes, bytes: usize, what: &'static str) -> Result<Bytes, Malformed> {
    if payload.len() < bytes { Err(Malformed::size(what)) } else { Ok(payload.split_to(bytes)) }
}

/// Reads a number of four bytes; fewer count as the lower ones.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
