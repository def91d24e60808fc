//! What is recorded, as a subject.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use sidestream_flow::{Peer, Transport};
use sidestream_record::{
    Exchange, Fields, Finished, Flow, Message, Notes, Part, RequestHead, ResponseHead, Version,
    WebSocketMessage,
};

use crate::{Kind, Subject};

/// Takes the content codings off a body, of which it gets the head's fields and the beginning;
/// `None` where there are none, or they cannot be taken off.
pub type Decode<'a> = &'a dyn Fn(&Fields, &[u8]) -> Option<Vec<u8>>;

/// One row of a recording: an exchange, a flow or a message.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    what: What<'a>,
    flow: &'a Flow,
    decode: Option<Decode<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum What<'a> {
    Exchange(&'a Exchange),
    Flow,
    Message(&'a Message),
    WebSocket { url: &'a str, message: &'a WebSocketMessage, at: SystemTime },
}

impl<'a> Row<'a> {
    /// Looks at what is finished; `None` for a kind that is not known here.
    pub fn of(finished: &'a Finished) -> Option<Self> {
        let (flow, what) = match finished {
            Finished::Exchange(flow, exchange) => (flow, What::Exchange(exchange)),
            Finished::Flow(flow) => (flow, What::Flow),
            Finished::Message(flow, message) => (flow, What::Message(message)),
            Finished::WebSocket { flow, url, message, at } => {
                (flow, What::WebSocket { url, message, at: *at })
            }
            _ => return None,
        };
        Some(Self { what, flow, decode: None })
    }

    /// Looks at an exchange, which need not be over.
    pub const fn exchange(flow: &'a Flow, exchange: &'a Exchange) -> Self {
        Self { what: What::Exchange(exchange), flow, decode: None }
    }

    /// Looks at bodies through that; else they are taken as they were sent.
    #[must_use]
    pub fn decoding(self, decode: Decode<'a>) -> Self {
        Self { decode: Some(decode), ..self }
    }
}

impl<'a> Row<'a> {
    /// Returns what is noted of it; messages are noted of in their exchange or flow.
    fn notes(&self) -> Option<&'a Notes> {
        match self.what {
            What::Exchange(exchange) => Some(&exchange.notes),
            What::Flow => Some(&self.flow.notes),
            What::Message(_) | What::WebSocket { .. } => None,
        }
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Subject for Row<'_> {
    fn kind(&self) -> Kind {
        match self.what {
            What::Exchange(exchange) if exchange.query.is_some() || exchange.answer.is_some() => {
                Kind::Dns
            }
            What::Exchange(_) | What::WebSocket { .. } => Kind::Http,
            What::Flow | What::Message(_) => match self.flow.key.transport {
                Transport::Tcp => Kind::Tcp,
                Transport::Udp => Kind::Udp,
            },
        }
    }

    fn is_web_socket(&self) -> bool {
        match self.what {
            What::WebSocket { .. } => true,
            What::Exchange(exchange) => opens_web_socket(exchange),
            What::Flow | What::Message(_) => false,
        }
    }

    fn part(&self) -> Option<Part> {
        match self.what {
            What::Exchange(exchange) => {
                let has_response = exchange.response.is_some() || exchange.answer.is_some();
                Some(if has_response { Part::Response } else { Part::Request })
            }
            What::Flow => None,
            What::Message(message) => Some(part_of(message.from)),
            What::WebSocket { message, .. } => Some(part_of(message.from)),
        }
    }

    fn failed(&self) -> bool {
        match self.what {
            // An exchange that its flow cut off ended as that did.
            What::Exchange(exchange) => {
                let is_cut = exchange.timing.ended.is_none();
                exchange.failure.is_some() || is_cut && self.flow.failure().is_some()
            }
            What::Flow => self.flow.failure().is_some(),
            What::Message(_) | What::WebSocket { .. } => false,
        }
    }

    fn url(&self) -> Option<Cow<'_, str>> {
        match self.what {
            What::Exchange(exchange) => {
                let message = exchange.query.as_ref().or(exchange.answer.as_ref());
                let name = message.and_then(|message| message.questions.first());
                let url = || (!exchange.url.is_empty()).then_some(&*exchange.url);
                name.map(|question| &*question.name).or_else(url).map(Cow::Borrowed)
            }
            What::WebSocket { url, .. } => (!url.is_empty()).then_some(Cow::Borrowed(url)),
            What::Flow | What::Message(_) => None,
        }
    }

    fn domain(&self) -> Option<Cow<'_, str>> {
        let of_flow = || self.flow.host.as_deref();
        match self.kind() {
            Kind::Http => match self.url() {
                Some(Cow::Borrowed(url)) => Some(crate::subject::host(url)),
                _ => of_flow(),
            },
            Kind::Dns | Kind::Tcp | Kind::Udp => of_flow(),
        }
        .map(Cow::Borrowed)
    }

    fn request(&self) -> Option<&RequestHead> {
        match self.what {
            What::Exchange(exchange) => exchange.request.as_ref(),
            _ => None,
        }
    }

    fn response(&self) -> Option<&ResponseHead> {
        match self.what {
            What::Exchange(exchange) => exchange.response.as_ref(),
            _ => None,
        }
    }

    fn content(&self, part: Part) -> Option<Cow<'_, [u8]>> {
        match self.what {
            What::Exchange(exchange) => {
                let sent = &exchange.body(part).beginning;
                let fields = match part {
                    Part::Request => exchange.request.as_ref().map(|head| &head.fields),
                    Part::Response => exchange.response.as_ref().map(|head| &head.fields),
                };
                let decoded = self.decode.zip(fields).and_then(|(decode, it)| decode(it, sent));
                Some(decoded.map_or(Cow::Borrowed(sent), Cow::Owned))
            }
            What::Flow => None,
            What::Message(message) => {
                (part == part_of(message.from)).then_some(Cow::Borrowed(&message.data))
            }
            What::WebSocket { message, .. } => {
                (part == part_of(message.from)).then_some(Cow::Borrowed(&message.data))
            }
        }
    }

    fn flow(&self) -> Option<&Flow> {
        Some(self.flow)
    }

    fn size(&self) -> Option<u64> {
        Some(match self.what {
            What::Exchange(exchange) => {
                exchange.request_body.bytes.saturating_add(exchange.response_body.bytes)
            }
            What::Flow => match &self.flow.closed {
                Some((_, closed)) => closed.received.saturating_add(closed.sent),
                None => self.flow.data_bytes[0].saturating_add(self.flow.data_bytes[1]),
            },
            What::Message(message) => message.data.len() as u64,
            What::WebSocket { message, .. } => message.bytes(),
        })
    }

    fn duration(&self) -> Option<Duration> {
        match self.what {
            What::Exchange(exchange) => exchange.timing.since_start(exchange.timing.ended),
            What::Flow => {
                let (at, _) = self.flow.closed.as_ref()?;
                Some(at.duration_since(self.flow.opened_at).unwrap_or_default())
            }
            What::Message(_) | What::WebSocket { .. } => None,
        }
    }

    fn started(&self) -> Option<SystemTime> {
        Some(match self.what {
            What::Exchange(exchange) => exchange.timing.started,
            What::Flow => self.flow.opened_at,
            What::Message(message) => message.at,
            What::WebSocket { at, .. } => at,
        })
    }

    fn marker(&self) -> Option<Cow<'_, str>> {
        self.notes()?.marker.as_deref().map(Cow::Borrowed)
    }

    fn comment(&self) -> Option<Cow<'_, str>> {
        self.notes()?.comment.as_deref().map(Cow::Borrowed)
    }

    fn metadata(&self) -> Option<Cow<'_, str>> {
        let metadata = &self.notes()?.metadata;
        let lines: Vec<_> = metadata.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        (!lines.is_empty()).then(|| Cow::Owned(lines.join("\n")))
    }

    fn is_replayed(&self, part: Part) -> bool {
        self.notes().and_then(|notes| notes.replay).is_some_and(|replay| replay.has(part))
    }
}

const fn part_of(from: Peer) -> Part {
    match from {
        Peer::Client => Part::Request,
        Peer::Server(_) => Part::Response,
    }
}

/// Returns whether an exchange opened a WebSocket (RFC 6455 §4, RFC 8441 §5, RFC 9220).
fn opens_web_socket(exchange: &Exchange) -> bool {
    let (Some(request), Some(response)) = (&exchange.request, &exchange.response) else {
        return false;
    };
    let says = |fields: &Fields, name: &str| {
        fields.get_all(name).any(|value| value.eq_ignore_ascii_case(b"websocket"))
    };
    match response.status {
        101 => says(&response.fields, "upgrade"),
        200..300 => {
            let connects = request.version >= Version::Http2 && request.method == "CONNECT";
            connects && says(&request.fields, ":protocol")
        }
        _ => false,
    }
}
