//! What stands before the payload of a frame (RFC 6455 §5.2).

/// The most bytes that a frame's head has.
pub(super) const MAX_HEAD_BYTES: usize = 14;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 being 4.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key.
    pub key: Option<[u8; 4]>,
    /// How many bytes of payload follow.
    pub length: u64,
    /// Whether the length was sent in more bytes than it needs.
    pub padded: bool,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// 0: it continues a message.
    Continuation,
    /// 1: it begins a text.
    Text,
    /// 2: it begins binary data.
    Binary,
    /// 8: the sender sends no more.
    Close,
    /// 9: it asks for a pong.
    Ping,
    /// 10: it answers a ping.
    Pong,
    /// Any other number below 16.
    Reserved(u8),
}

impl Opcode {
    /// Makes one from the lower four bits of a number.
    pub const fn new(number: u8) -> Self {
        match number & 0x0f {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => Self::Reserved(other),
        }
    }

    /// Returns its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Reserved(number) => number & 0x0f,
        }
    }

    /// Returns whether it is that of a control frame, in use or reserved.
    pub const fn is_control(self) -> bool {
        self.number() >= 8
    }
}

impl FrameHead {
    /// Appends the head as it is sent, with the length in as few bytes as it needs.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let fin = if self.fin { FIN } else { 0 };
        let masked = if self.key.is_some() { MASKED } else { 0 };
        to.push(fin | (self.rsv & 7) << 4 | self.opcode.number());
        match self.length {
            length @ 0..=125 => to.push(masked | length as u8),
            length @ 126..=0xffff => {
                to.push(masked | 126);
                to.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                to.push(masked | 127);
                to.extend_from_slice(&length.to_be_bytes());
            }
        }
        to.extend_from_slice(self.key.as_ref().map_or(&[], |key| &key[..]));
    }

    /// Returns how many bytes a head has that begins with these two.
    pub(super) const fn bytes(start: [u8; 2]) -> usize {
        let length = match start[1] & !MASKED {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        let key = if start[1] & MASKED == 0 { 0 } else { 4 };
        2 + length + key
    }

    /// Reads a head of that many bytes.
    pub(super) fn decode(head: &[u8]) -> Self {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let key_at = head.len() - if head[1] & MASKED == 0 { 0 } else { 4 };
        let (length, padded) = match (head[1] & !MASKED, number(&head[2..key_at])) {
            (127, length) => (length, length <= 0xffff),
            (126, length) => (length, length <= 125),
            (length, _) => (u64::from(length), false),
        };
        Self {
            fin: head[0] & FIN != 0,
            rsv: head[0] >> 4 & 7,
            opcode: Opcode::new(head[0]),
            key: head[key_at..].try_into().ok(),
            length,
            padded,
        }
    }
}

/// Masks payload, or unmasks it, whose first byte is the `offset`th of its frame (RFC 6455 §5.3).
pub fn mask(payload: &mut [u8], key: [u8; 4], offset: u64) {
    let mut key = key;
    key.rotate_left((offset % 4) as usize);
    // Whole words first: byte by byte takes several times as long.
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}
