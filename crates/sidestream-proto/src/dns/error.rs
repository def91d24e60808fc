//! Why bytes are no DNS message.

use thiserror::Error;

/// Why bytes are no DNS message; their sender's doing each time, and reason to show them as raw bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeDnsError {
    /// The OPT pseudo-record came twice, or with a name of its own (RFC 6891 §6.1.1).
    #[error(
        "the OPT record that ends at byte {offset} is one too many or has a name; show the message as raw bytes"
    )]
    Edns {
        /// Where the record ends.
        offset: usize,
    },
    /// A label begins with one of the two bit patterns that were never put to use (RFC 6891 §5).
    #[error("the label at byte {offset} is of an unknown type; show the message as raw bytes")]
    LabelType {
        /// Where the label begins.
        offset: usize,
    },
    /// A name passes 255 bytes (RFC 1035 §2.3.4).
    #[error(
        "the name that goes on at byte {offset} passes 255 bytes; show the message as raw bytes"
    )]
    NameTooLong {
        /// Where the label begins that is too much.
        offset: usize,
    },
    /// A compression pointer does not point to something earlier (RFC 1035 §4.1.4): followed, it might never end.
    #[error(
        "the compression pointer at byte {offset} does not point back; show the message as raw bytes"
    )]
    Pointer {
        /// Where the pointer is.
        offset: usize,
    },
    /// Bytes follow the last record.
    #[error("the message ends at byte {offset} of {len}; show it as raw bytes")]
    TrailingBytes {
        /// Where the message ends.
        offset: usize,
        /// How many bytes there are.
        len: usize,
    },
    /// The message or the record ends in the middle of something.
    #[error("something ends in its middle at byte {offset}; show the message as raw bytes")]
    Truncated {
        /// Where there was too little.
        offset: usize,
    },
}
