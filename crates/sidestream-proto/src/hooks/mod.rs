//! Points at which an exchange can be looked at, held, changed, answered or ended.
//!
//! Whether a hook wants to see a message is asked at once, with its head; only of those that it
//! wants a [`Question`] goes out, and the message waits for the [`Verdict`]. All others pass as if
//! there were no hooks.

mod detour;
mod framing;
mod gather;
mod messages;
mod points;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::{Alteration, Change, Edit, Event, Part, RequestHead, ResponseHead};

use crate::Output;
use crate::cx::Cx;

pub(crate) use detour::{Detour, Heard, MAX_DETOURS};
pub(crate) use framing::{
    Origin, body_of_answer, checked_answer, fields_for_http2, moved_request, reframed_request,
    reframed_response,
};
pub(crate) use gather::Gathered;
pub(crate) use messages::Wanted;
pub use messages::{MessageQuestion, MessageVerdict, MessageWant};
pub use points::{ConnectFate, Hello, HelloFate};

/// What hooks want to see of which exchanges.
pub trait Interest: fmt::Debug + Send + Sync {
    /// Decides at once about TLS that a client begins, inside of a tunnel as well, before a byte of
    /// it is answered or sent on; it goes on by default.
    fn at_client_hello(&self, _hello: &Hello<'_>) -> HelloFate {
        HelloFate::GoOn
    }

    /// Returns what is wanted of a request whose head came.
    fn in_request(&self, request: &Asked) -> Want;

    /// Returns what is wanted of a final response whose head came.
    fn in_response(&self, request: &Asked, response: &ResponseHead) -> Want;

    /// Returns whose messages are wanted of a WebSocket that this response opened; nobody's by
    /// default.
    ///
    /// It is asked once for each WebSocket, and control frames are never held.
    fn in_messages(&self, _request: &Asked, _response: &ResponseHead) -> MessageWant {
        MessageWant::default()
    }
}

/// How much of a message a hook wants before it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Nothing: it goes on at once.
    #[default]
    Nothing,
    /// Its head; the body is streamed.
    Head,
    /// All of it, up to [`Limits::body_bytes`].
    Whole,
}

/// What hooks may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a body or a message may be that is held whole; a longer one goes on as it came.
    /// 8 MiB by default.
    pub body_bytes: usize,
    /// How much of them may be held of one connection. 64 MiB by default.
    pub connection_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 8 * 1024 * 1024, connection_bytes: 64 * 1024 * 1024 }
    }
}

/// A request as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The absolute URI.
    pub url: String,
    /// The head.
    pub head: RequestHead,
}

/// A message that waits for a [`Verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The exchange.
    pub exchange: ExchangeId,
    /// The request.
    pub request: Arc<Asked>,
    /// The response, once it came: then it is the one that waits.
    pub response: Option<ResponseHead>,
    /// The body of the message that waits, without transfer codings, if all of it was wanted and
    /// could be held.
    pub body: Option<Bytes>,
}

/// What becomes of a message.
///
/// A verdict that does not fit, such as on a request whose response is waiting, lets it go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client gets this response, and no server is asked; of a response that waits, this one
    /// takes its place. Lengths are put right.
    Answer {
        /// Who says so.
        by: String,
        /// The head.
        head: ResponseHead,
        /// The body.
        body: Bytes,
    },
    /// The exchange ends: over HTTP/1 with its connection, over HTTP/2 with its stream.
    Kill {
        /// Who says so.
        by: String,
    },
    /// It goes on as it came.
    Pass,
    /// The request goes on like this. Lengths are put right.
    Request {
        /// Who says so.
        by: String,
        /// Another absolute URI, `http` or `https`; host, target and `Host` become its own.
        url: Option<String>,
        /// The head.
        head: RequestHead,
        /// Another body, of a request whose body was held.
        body: Option<Bytes>,
    },
    /// The response goes on like this. Lengths are put right.
    Response {
        /// Who says so.
        by: String,
        /// The head.
        head: ResponseHead,
        /// Another body, of a response whose body was held.
        body: Option<Bytes>,
    },
}

impl Cx {
    /// Returns what hooks want of a request, and the request for later questions, if there are
    /// hooks at all.
    pub(crate) fn want_request(&self, url: &str, head: &RequestHead) -> (Want, Option<Arc<Asked>>) {
        let Some(hooks) = &self.config.hooks else { return (Want::Nothing, None) };
        let asked = Asked { url: url.to_owned(), head: head.clone() };
        (hooks.in_request(&asked), Some(Arc::new(asked)))
    }

    /// Returns what hooks want of a response.
    pub(crate) fn want_response(&self, asked: Option<&Asked>, head: &ResponseHead) -> Want {
        match (&self.config.hooks, asked) {
            (Some(hooks), Some(asked)) => hooks.in_response(asked, head),
            _ => Want::Nothing,
        }
    }

    pub(crate) fn ask(&mut self, question: Question) {
        self.output(Output::Ask(Box::new(question)));
    }

    pub(crate) fn edited(&mut self, exchange: ExchangeId, by: &str, change: Change) {
        let alteration = Alteration::Edited(Box::new(Edit { by: by.to_owned(), change }));
        self.event(Event::Altered { exchange: Some(exchange), alteration });
    }

    /// Tells that a body is longer than may be held.
    pub(crate) fn too_long(&mut self, exchange: ExchangeId, part: Part) {
        let limit_bytes = self.config.hook_limits.body_bytes as u64;
        self.edited(exchange, "limit of hooks", Change::TooLong { part, limit_bytes });
    }
}
