//! Why a message is not taken.

use thiserror::Error;

/// Why a head could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// It is longer than [`Limits::max_head_bytes`](super::Limits::max_head_bytes): raise the limit
    /// if it is meant to be.
    #[error("the head is longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It has more lines than [`Limits::max_fields`](super::Limits::max_fields): raise the limit if
    /// it is meant to.
    #[error("the head has more than {limit} fields")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// The first line is not `METHOD TARGET HTTP/1.x`: pass the bytes on undecoded.
    #[error("the first line is not a request line of HTTP/1")]
    RequestLine,
    /// The first line is not `HTTP/1.x STATUS REASON`: pass the bytes on undecoded.
    #[error("the first line is not a status line of HTTP/1")]
    StatusLine,
    /// Recipients would disagree about where its lines end.
    #[error(transparent)]
    Smuggling(#[from] Smuggling),
}

/// Why a body could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The line before a chunk is longer than
    /// [`Limits::max_chunk_line_bytes`](super::Limits::max_chunk_line_bytes).
    #[error("the line before a chunk is longer than {limit} bytes")]
    ChunkLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A chunk's size is not a hexadecimal number below 2^63, or something else follows it.
    #[error("the size of a chunk is not a hexadecimal number")]
    ChunkSize,
    /// A chunk extension holds a carriage return or a NUL.
    #[error("a chunk extension holds a carriage return or a NUL")]
    ChunkExtension,
    /// No CRLF stands behind the data of a chunk.
    #[error("no line ending follows the data of a chunk")]
    ChunkEnd,
    /// A line of the chunked coding ends with a line feed alone.
    #[error("a line of the chunked coding ends without a carriage return")]
    LineEnding,
    /// The trailer section is longer than
    /// [`Limits::max_head_bytes`](super::Limits::max_head_bytes).
    #[error("the trailer section is longer than {limit} bytes")]
    TrailersTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The trailer section has more lines than [`Limits::max_fields`](super::Limits::max_fields).
    #[error("the trailer section has more than {limit} fields")]
    TooManyTrailers {
        /// The limit.
        limit: usize,
    },
    /// Recipients would disagree about where the lines of the trailer section end.
    #[error("in the trailer section: {0}")]
    Trailers(Smuggling),
    /// The connection ended before the body did.
    #[error("the connection ended in the middle of the body{}", missing_words(*.missing))]
    CutShort {
        /// How many bytes are missing at least, where a length or chunk size tells.
        missing: Option<u64>,
    },
}

fn missing_words(missing: Option<u64>) -> String {
    missing.map_or_else(String::new, |missing| format!(", at least {missing} bytes are missing"))
}

/// Why a message is refused: recipients are known to disagree about where it ends.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Smuggling {
    /// A carriage return without a line feed.
    #[error("a carriage return stands without a line feed")]
    BareCr,
    /// The request to open a tunnel has a body.
    #[error("a CONNECT request has a body")]
    ConnectBody,
    /// `chunked` among the transfer codings, but not last.
    #[error("the last transfer coding is not chunked")]
    ChunkedNotLast,
    /// `chunked` more than once.
    #[error("the transfer coding chunked is applied more than once")]
    ChunkedTwice,
    /// Host fields that differ.
    #[error("the Host fields differ")]
    DifferingHosts,
    /// Content-Length values that differ.
    #[error("the values of Content-Length differ")]
    DifferingLengths,
    /// A name that some recipients take for Content-Length or Transfer-Encoding.
    #[error("a field name resembles Content-Length or Transfer-Encoding")]
    DisguisedName,
    /// Content-Length or Transfer-Encoding in a folded line, or with a folded value.
    #[error("Content-Length or Transfer-Encoding is folded over lines")]
    FoldedFraming,
    /// Content-Length is not a decimal number below 2^63.
    #[error("the value of Content-Length is not a decimal number")]
    InvalidLength,
    /// A line feed inside a name or value, as only an edit can put there.
    #[error("a field name or value holds a line break")]
    LineBreak,
    /// Some lines end in CRLF, others in a line feed alone.
    #[error("some lines end with a carriage return, others without")]
    MixedLineEndings,
    /// A NUL in the head.
    #[error("the head holds a NUL")]
    Nul,
    /// White space before the first field name.
    #[error("the first field line begins with white space")]
    SpaceBeforeFirstField,
    /// A space in the request target, which some recipients take for its end.
    #[error("the request target holds a space")]
    SpaceInTarget,
    /// Content-Length beside Transfer-Encoding.
    #[error("Content-Length and Transfer-Encoding stand together")]
    TransferEncodingAndLength,
    /// Transfer-Encoding in an HTTP/1.0 request.
    #[error("Transfer-Encoding stands in an HTTP/1.0 request")]
    TransferEncodingInHttp10,
    /// A transfer coding that is not registered, or an empty list of them.
    #[error("a transfer coding is not known")]
    UnknownTransferCoding,
    /// Another protocol version in the request target.
    #[error("the request line names a protocol version twice")]
    VersionInTarget,
    /// A line of white space alone, which some recipients take for the end of the head.
    #[error("a line consists of white space alone")]
    WhiteLine,
}
