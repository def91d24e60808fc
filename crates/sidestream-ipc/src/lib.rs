#![doc = include_str!("../README.md")]

mod codec;
mod diverted;
mod error;
mod message;
mod notice;
mod sys;
mod wire;

pub use codec::{Decoder, Frame, encode, encode_packets_head};
pub use diverted::{Direction, Diverted, PacketTag};
pub use error::{DecodeError, EncodeError};
pub use message::{
    Flow, FlowVerdict, Hello, Message, OpenSocket, ProcessRecord, Refused, SetSpec, Start, Started,
};
pub use notice::{Level, Notice, NoticeKind};

/// The version of the protocol that this crate speaks.
///
/// It changes only when one side would misread the other. New kinds of messages and new fields
/// leave it as it is: whoever does not know them skips them.
pub const VERSION: u32 = 2;

/// The most bytes of a frame after its length: 16 MiB.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// The most packets in one frame: what is said of each takes more room than it may have had.
pub const MAX_PACKETS: usize = 65_536;

/// The most descriptors that accompany one frame.
pub const MAX_DESCRIPTORS: usize = 4;
