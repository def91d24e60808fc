//! What a hook changed of an exchange.

use bytes::Bytes;

use crate::{Part, RequestHead, ResponseHead};

/// What a hook changed of an exchange. The events around it tell the exchange as the peers sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Who changed it: the rule, as the user wrote it.
    pub by: String,
    /// What was changed.
    pub change: Change,
}

/// A change of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// No server was asked: the client got this response.
    Answered {
        /// The head.
        head: ResponseHead,
        /// The body.
        body: SentBody,
    },
    /// The exchange was ended, and the client got no response, or no more of it.
    Killed,
    /// The flow went to this server.
    Redirected {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The request went on like this.
    Request {
        /// Where to.
        url: String,
        /// The head.
        head: RequestHead,
        /// The body, where it was changed.
        body: Option<SentBody>,
    },
    /// The response went on like this.
    Response {
        /// The head.
        head: ResponseHead,
        /// The body, where it was changed.
        body: Option<SentBody>,
    },
    /// A body was longer than hooks may hold, so it went on as it came.
    TooLong {
        /// Of the request or of the response.
        part: Part,
        /// How many bytes they may hold.
        limit_bytes: u64,
    },
}

/// A body as it was sent on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentBody {
    /// How long it is.
    pub bytes: u64,
    /// Its beginning, up to [`KEPT_BYTES`](Self::KEPT_BYTES).
    pub beginning: Bytes,
}

impl SentBody {
    /// How much of a changed body is recorded: 1 MiB.
    pub const KEPT_BYTES: usize = 1024 * 1024;

    /// Returns what is recorded of a body.
    pub fn of(body: &Bytes) -> Self {
        let kept = body.len().min(Self::KEPT_BYTES);
        Self { bytes: body.len() as u64, beginning: body.slice(..kept) }
    }
}
