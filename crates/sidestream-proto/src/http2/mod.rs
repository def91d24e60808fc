//! HTTP/2 frames (RFC 9113): how they stand on the wire.

mod advice;
mod error_code;
mod frame;
mod limits;
mod reader;
mod settings;
mod sniff;

pub use advice::{MAX_ADVICE_BYTES, parse_advice};
pub use error_code::ErrorCode;
pub use frame::{Flags, FrameHead, Kind, Malformed, Payload, WindowUpdate};
pub use limits::Limits;
pub use reader::{FrameReader, Piece, ReadError};
pub use settings::{Setting, Settings, id};
pub(crate) use sniff::{looks_like_greeting, preface};

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
