//! SETTINGS (RFC 9113 §6.5).

use bytes::{BufMut as _, BytesMut};

use super::frame::Malformed;
use super::{ErrorCode, Flags, FrameHead, Kind};

/// The identifiers of settings (RFC 9113 §6.5.2, RFC 8441 §3).
pub mod id {
    /// How large a table the sender keeps to decode field blocks, in bytes.
    pub const HEADER_TABLE_SIZE: u16 = 0x1;
    /// Whether the sender takes PUSH_PROMISE.
    pub const ENABLE_PUSH: u16 = 0x2;
    /// How many streams the sender lets its peer have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    /// How many bytes of a new stream the sender takes.
    pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
    /// How long a payload the sender takes.
    pub const MAX_FRAME_SIZE: u16 = 0x5;
    /// How long a list of fields the sender takes.
    pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Whether the sender takes extended CONNECT.
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which one.
    pub id: u16,
    /// Its value.
    pub value: u32,
}

/// The settings of one frame in the order in which they were sent, duplicates included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(pub Vec<Setting>);

impl Settings {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// If it is not a number of settings, or one of them has a value that it must not have.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let (chunks, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            let what = "a SETTINGS that is not a multiple of 6 bytes";
            return Err(Malformed::new(ErrorCode::FRAME_SIZE_ERROR, what));
        }
        chunks
            .iter()
            .map(|[i0, i1, v0, v1, v2, v3]| {
                let setting = Setting {
                    id: u16::from_be_bytes([*i0, *i1]),
                    value: u32::from_be_bytes([*v0, *v1, *v2, *v3]),
                };
                setting.check().map(|()| setting)
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns the value that holds in the end, if the setting is there.
    pub fn get(&self, id: u16) -> Option<u32> {
        self.0.iter().rev().find(|setting| setting.id == id).map(|setting| setting.value)
    }

    /// Writes a frame.
    pub fn encode(&self, out: &mut BytesMut) {
        FrameHead::new(Kind::SETTINGS, Flags::default(), 0, self.0.len() * 6).encode(out);
        for setting in &self.0 {
            out.put_u16(setting.id);
            out.put_u32(setting.value);
        }
    }
}

impl Setting {
    const fn check(self) -> Result<(), Malformed> {
        let (code, what) = match (self.id, self.value) {
            (id::ENABLE_PUSH | id::ENABLE_CONNECT_PROTOCOL, 2..) => {
                (ErrorCode::PROTOCOL_ERROR, "a setting that is neither 0 nor 1")
            }
            (id::INITIAL_WINDOW_SIZE, 0x8000_0000..) => {
                (ErrorCode::FLOW_CONTROL_ERROR, "an initial window beyond 2^31-1")
            }
            (id::MAX_FRAME_SIZE, ..0x4000 | 0x0100_0000..) => {
                (ErrorCode::PROTOCOL_ERROR, "a maximum frame size outside 2^14 to 2^24-1")
            }
            _ => return Ok(()),
        };
        Err(Malformed::new(code, what))
    }
}
