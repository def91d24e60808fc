//! What a peer did.

use bytes::Bytes;
use sidestream_record::Fields;

use crate::http2::{ErrorCode, Malformed};

/// What came of the bytes that were fed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A head came: of a request, which begins the stream, or of a response, which may be an
    /// interim one.
    Head {
        /// The stream.
        stream: u32,
        /// The fields, pseudo-header fields among them.
        fields: Fields,
        /// Nothing follows.
        end: bool,
    },
    /// A stretch of content came. Its length counts until it is said to be
    /// [`consumed`](super::Endpoint::consumed).
    Data {
        /// The stream.
        stream: u32,
        /// The content, perhaps none.
        bytes: Bytes,
        /// Nothing follows.
        end: bool,
    },
    /// Trailers came, and nothing follows.
    Trailers {
        /// The stream.
        stream: u32,
        /// The fields.
        fields: Fields,
    },
    /// The peer reset a stream.
    Reset {
        /// The stream.
        stream: u32,
        /// Its reason.
        code: ErrorCode,
    },
    /// A stream was reset for what the peer sent on it.
    Refused {
        /// The stream.
        stream: u32,
        /// The head that could have begun it, if it is that.
        fields: Option<Fields>,
        /// What is wrong.
        fault: Malformed,
    },
    /// The peer takes no further streams.
    GoAway {
        /// The last that it takes; ours beyond it are over.
        last: u32,
        /// Its reason.
        code: ErrorCode,
    },
    /// The connection was given up for what the peer sent on it; all streams are over.
    Closed(Malformed),
}
