//! What can be wrong with a frame.

use crate::{MAX_DESCRIPTORS, MAX_FRAME, MAX_PACKETS, VERSION};

/// Why a message could not be made into a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message is longer than a frame may be.
    #[error("the message has {len} bytes and a frame holds {MAX_FRAME}; shorten the spec")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// There are more packets than a frame may have.
    #[error("a frame has {count} packets and holds {MAX_PACKETS}; send them in several")]
    TooManyPackets {
        /// How many there are.
        count: usize,
    },
}

/// Why the bytes of the other side could not be understood.
///
/// `offset` is where the frame begins, counted in bytes from the start of the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The frame and its message disagree on how many descriptors accompany them.
    #[error(
        "the frame at byte {offset} announces {announced} descriptors, its message takes {taken}"
    )]
    Descriptors {
        /// Where the frame begins.
        offset: u64,
        /// How many the frame announces.
        announced: usize,
        /// How many the message takes.
        taken: usize,
    },
    /// The frame is empty.
    #[error("the frame at byte {offset} is empty")]
    Empty {
        /// Where the frame begins.
        offset: u64,
    },
    /// A field holds what it cannot mean.
    #[error("the frame at byte {offset} has no meaning for {field}")]
    Invalid {
        /// Where the frame begins.
        offset: u64,
        /// Which field.
        field: &'static str,
    },
    /// The frame is not a protobuf message of this protocol.
    #[error("the frame at byte {offset} is malformed: {reason}")]
    Malformed {
        /// Where the frame begins.
        offset: u64,
        /// What the protobuf decoder says, which names the field.
        reason: String,
    },
    /// A field that the message needs is not there.
    #[error("the frame at byte {offset} lacks {field}")]
    Missing {
        /// Where the frame begins.
        offset: u64,
        /// Which field.
        field: &'static str,
    },
    /// The frame is longer than a frame may be.
    #[error("the frame at byte {offset} says that it has {len} bytes, more than {MAX_FRAME}")]
    TooLong {
        /// Where the frame begins.
        offset: u64,
        /// The length that it says.
        len: u32,
    },
    /// The frame announces more descriptors than any frame may have.
    #[error(
        "the frame at byte {offset} announces {announced} descriptors, more than {MAX_DESCRIPTORS}"
    )]
    TooManyDescriptors {
        /// Where the frame begins.
        offset: u64,
        /// How many it announces.
        announced: u32,
    },
    /// The other side speaks another version of the protocol.
    #[error(
        "{program} speaks version {version} of the helper's protocol and this program version \
         {VERSION}; update {}, so that both come from the same release",
        if *version < VERSION { program } else { "this program" }
    )]
    Version {
        /// The version that it speaks.
        version: u32,
        /// Its name and its own version.
        program: String,
    },
}
