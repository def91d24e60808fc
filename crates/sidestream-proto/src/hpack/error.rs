//! Why a block is not decoded.

use thiserror::Error;

/// Why a block could not be decoded; the decoder is of no use afterwards.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The block ends within a field, or a string says that it is longer than the block.
    #[error("the block ends within a field")]
    Truncated,
    /// An integer is beyond 32 bits, or is written in more than five octets after its prefix
    /// (RFC 7541 §5.1).
    #[error("an integer is larger than 32 bits")]
    IntegerTooLarge,
    /// Index 0 stands where a field is referred to (RFC 7541 §6.1).
    #[error("a field is referred to by the index 0")]
    IndexZero,
    /// An index is beyond both tables (RFC 7541 §2.3.3).
    #[error("the index {index} is beyond the table, which ends at {last}")]
    IndexOutOfRange {
        /// The index.
        index: usize,
        /// The last index there was.
        last: usize,
    },
    /// A string coded by Huffman holds the end-of-string symbol (RFC 7541 §5.2).
    #[error("a Huffman-coded string holds the end-of-string symbol")]
    HuffmanEos,
    /// A string coded by Huffman is padded by more than seven bits, or by others than ones
    /// (RFC 7541 §5.2).
    #[error("the padding of a Huffman-coded string is not the shortest, all ones")]
    HuffmanPadding,
    /// The table's size is changed after a field (RFC 7541 §4.2).
    #[error("the dynamic table is resized after a field")]
    LateResize,
    /// The table's size is set beyond what was announced (RFC 7541 §6.3).
    #[error("the dynamic table is resized to {bytes} bytes where {announced} were announced")]
    ResizeBeyondAnnounced {
        /// The size that the block asks for.
        bytes: usize,
        /// The largest size that was announced.
        announced: usize,
    },
    /// The table's size is set beyond
    /// [`Limits::max_table_bytes`](super::Limits::max_table_bytes): pass the connection on
    /// undecoded.
    #[error("the dynamic table would be larger than {limit} bytes")]
    TableTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The fields add up to more than [`Limits::max_bytes`](super::Limits::max_bytes): pass the
    /// connection on undecoded.
    #[error("the fields of the block add up to more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more fields than [`Limits::max_fields`](super::Limits::max_fields): pass the
    /// connection on undecoded.
    #[error("the block has more than {limit} fields")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl DecodeError {
    /// Returns whether the block may be sound, and is only more than [`Limits`](super::Limits)
    /// allow.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TableTooLarge { .. } | Self::TooLarge { .. } | Self::TooMany { .. })
    }
}
