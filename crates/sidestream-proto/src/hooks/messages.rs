//! Messages of WebSockets that hooks want to see.

use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{ResponseHead, WebSocketKind};

use super::Asked;
use crate::cx::Cx;

/// Whose messages hooks want to see of a WebSocket; nobody's by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageWant {
    /// Those of the client.
    pub from_client: bool,
    /// Those of the server.
    pub from_server: bool,
}

/// A message that waits for a [`MessageVerdict`]. It came whole, and was recorded as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageQuestion {
    /// The exchange that opened the WebSocket.
    pub exchange: ExchangeId,
    /// The request of that exchange.
    pub request: Arc<Asked>,
    /// The response that opened it.
    pub response: Arc<ResponseHead>,
    /// The message.
    pub message: MessageId,
    /// Who sent it.
    pub from: Peer,
    /// What it is: text or binary.
    pub kind: WebSocketKind,
    /// The content, unmasked and inflated.
    pub data: Bytes,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageVerdict {
    /// It does not go on.
    Drop {
        /// Who says so.
        by: String,
    },
    /// The WebSocket ends: over HTTP/1 with its connection, over HTTP/2 with its stream.
    Kill {
        /// Who says so.
        by: String,
    },
    /// It goes on as it came, in the same frames.
    Pass,
    /// It goes on with this content, in one frame of the same kind.
    Replace {
        /// Who says so.
        by: String,
        /// The content; of a text, UTF-8.
        data: Bytes,
    },
}

/// What hooks want of one WebSocket, and what they are told of its opening.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) want: MessageWant,
    pub(crate) request: Arc<Asked>,
    pub(crate) response: Arc<ResponseHead>,
}

impl Cx {
    /// Asks hooks what they want of the messages of a WebSocket that is open, if there are hooks.
    pub(crate) fn want_messages(
        &self,
        asked: Option<&Arc<Asked>>,
        response: &ResponseHead,
    ) -> Option<Wanted> {
        let (hooks, request) = (self.config.hooks.as_ref()?, asked?);
        let want = hooks.in_messages(request, response);
        (want != MessageWant::default()).then(|| {
            let (request, response) = (Arc::clone(request), Arc::new(response.clone()));
            Wanted { want, request, response }
        })
    }
}
