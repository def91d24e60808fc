//! WebSockets inside streams (RFC 8441).

use std::sync::Arc;

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Fields, RequestHead, ResponseHead};

use crate::cx::Cx;
use crate::hooks::Asked;
use crate::websocket::{Extensions, Tap};

/// What the WebSockets of one connection may hold together of messages that are under way.
pub(crate) const MAX_SOCKET_BYTES: usize = 16 * 1024 * 1024;

/// What a stream has to do with WebSocket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Nothing.
    None,
    /// The client asked for one.
    Asked,
    /// What is read of it.
    Open(Box<Tap>),
}

impl Socket {
    /// Returns what the request of a stream asks for (RFC 8441 §4).
    pub(crate) fn asked(request: &RequestHead) -> Self {
        if is_asked(&request.fields) { Self::Asked } else { Self::None }
    }

    /// The final response came: by a 2xx the WebSocket is open.
    pub(crate) fn answered(
        &mut self,
        exchange: ExchangeId,
        server: Peer,
        request: Option<&Arc<Asked>>,
        response: &ResponseHead,
        cx: &Cx,
    ) {
        if !matches!(self, Self::Asked) {
            return;
        }
        *self = match response.status {
            200..=299 => {
                let extensions = Extensions::agreed(&response.fields);
                let wanted = cx.want_messages(request, response);
                Self::Open(Box::new(Tap::new(exchange, server, &extensions, wanted, cx)))
            }
            _ => Self::None,
        };
    }

    /// Returns the WebSocket, if it is open.
    pub(crate) const fn tap(&mut self) -> Option<&mut Tap> {
        match self {
            Self::Open(tap) => Some(tap),
            Self::None | Self::Asked => None,
        }
    }

    /// Returns how many bytes are held of messages that are under way.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Open(tap) => tap.held_bytes(),
            Self::None | Self::Asked => 0,
        }
    }

    /// Returns whether all those of a connection hold too much together.
    pub(crate) fn exceed<'a>(all: impl Iterator<Item = &'a Self>) -> bool {
        all.map(Self::held_bytes).sum::<usize>() > MAX_SOCKET_BYTES
    }

    /// Reads no more of it, for all of them together hold too much.
    pub(crate) fn lose(&mut self, from: Peer, exchange: ExchangeId, cx: &mut Cx) {
        let Self::Open(tap) = self else { return };
        let what = format!("WebSockets that hold more than {MAX_SOCKET_BYTES} bytes together");
        cx.event(Event::Defect { exchange: Some(exchange), from, what });
        tap.give_up(cx);
    }

    /// Returns how much of what the client and the server sent was not said to be taken.
    pub(crate) fn untaken(&self) -> [usize; 2] {
        match self {
            Self::Open(tap) => {
                let (_, server) = tap.place();
                [Peer::Client, server].map(|from| tap.untaken(from))
            }
            Self::None | Self::Asked => [0; 2],
        }
    }

    /// Returns whether more can be taken of a peer.
    pub(crate) fn wants(&self, from: Peer) -> bool {
        match self {
            Self::Open(tap) => tap.wants(from),
            Self::None | Self::Asked => true,
        }
    }

    /// Tells of what neither peer has sent to its end, and will not.
    pub(crate) fn end(&mut self, cx: &mut Cx) {
        if let Self::Open(tap) = self {
            tap.end(cx);
        }
    }
}

/// Returns whether a request's fields ask for a WebSocket.
pub(crate) fn is_asked(fields: &Fields) -> bool {
    let is = |name, value| fields.get(name).is_some_and(|it| it.eq_ignore_ascii_case(value));
    fields.get(":method").is_some_and(|method| method == "CONNECT") && is(":protocol", b"websocket")
}
