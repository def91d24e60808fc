//! An entry, made ready for the disk in the thread that records it.

use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer, Process};
use sidestream_record::{
    Alteration, Annotation, Certificate, Change, DnsMessage, Entry, Event, Offered, Part, Tls,
};

use crate::told::content_type;
use crate::{kind, wire};

/// What a row costs beside its payload: itself, its place in the queue, small texts.
const ROW_BYTES: usize = 512;

/// Up to this size content is copied, so that a small piece does not keep a large read buffer.
const COPIED_BYTES: usize = 16 * 1024;

/// One entry in the form of the tables. Ids and sizes are stored as signed 64-bit numbers.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) at: i64,
    pub(crate) flow: i64,
    pub(crate) exchange: Option<i64>,
    /// The number of its kind.
    pub(crate) kind: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) update: Update,
}

/// What an entry changes beside the list of entries.
#[derive(Debug)]
pub(crate) enum Update {
    Nothing,
    Opened(Box<OpenedFlow>),
    Protocol(&'static str),
    Host(String),
    /// A server was reached.
    Connected(String),
    Secured(Box<SecuredLeg>),
    /// What the client of a flow offered that is passed as it is.
    Passed(Box<Hello>),
    Closed {
        received: u64,
        sent: u64,
        failure: Option<String>,
    },
    Request {
        method: String,
        url: String,
        /// As [`wire::version_to`] has it.
        version: u32,
        content_type: String,
    },
    Query {
        name: String,
    },
    /// What a server responded.
    Response {
        status: u16,
        content_type: String,
    },
    /// How a DNS query was answered.
    Status(u16),
    /// What a rule responded in the server's place.
    Answered {
        /// The status, or less than nothing where it is none.
        answered: i64,
        content_type: String,
    },
    Ended {
        failure: Option<String>,
    },
    Body {
        exchange: ExchangeId,
        part: Part,
        content: Content,
    },
    Data {
        message: u64,
        from: Peer,
        content: Content,
    },
    Noted(Box<Annotation>),
}

/// A leg that was secured.
#[derive(Debug)]
pub(crate) struct SecuredLeg {
    /// What its peer showed.
    pub(crate) certificates: Vec<Arc<Certificate>>,
    /// What came of the ClientHello, where it is the client's.
    pub(crate) hello: Option<Hello>,
}

/// What filters ask of a ClientHello.
#[derive(Debug, Default)]
pub(crate) struct Hello {
    pub(crate) sni: Option<String>,
    pub(crate) alpn: Vec<String>,
    pub(crate) ja4: Option<String>,
}

/// What the list of flows shows of a new one.
#[derive(Debug)]
pub(crate) struct OpenedFlow {
    pub(crate) transport: &'static str,
    pub(crate) client: String,
    pub(crate) server: String,
    pub(crate) via: String,
    pub(crate) process: Option<Arc<Process>>,
    /// The row of its process, if that is written already.
    pub(crate) process_row: Option<i64>,
}

/// Bytes that went by, or how many of them were dropped.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Kept(Bytes),
    Dropped(u64),
}

impl Content {
    fn of(data: &Bytes) -> Self {
        Self::Kept(if data.len() <= COPIED_BYTES {
            Bytes::copy_from_slice(data)
        } else {
            data.clone()
        })
    }

    /// Returns how many bytes went by.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Kept(data) => data.len() as u64,
            Self::Dropped(bytes) => *bytes,
        }
    }

    /// Returns how many bytes were dropped.
    pub(crate) const fn dropped(&self) -> u64 {
        match self {
            Self::Kept(_) => 0,
            Self::Dropped(bytes) => *bytes,
        }
    }

    /// Returns what is there to store.
    pub(crate) const fn data(&self) -> Option<&Bytes> {
        match self {
            Self::Kept(data) => Some(data),
            Self::Dropped(_) => None,
        }
    }
}

impl Row {
    /// Puts an entry in the form of the tables.
    pub(crate) fn new(entry: &Entry) -> Self {
        let (kind, payload) = wire::encode(&entry.event);
        Self {
            at: wire::nanoseconds(entry.at),
            flow: entry.flow.0.cast_signed(),
            exchange: entry.event.exchange().map(|id| id.0.cast_signed()),
            kind: kind::number(kind),
            payload,
            update: Update::of(&entry.event),
        }
    }

    /// Returns what the row costs without content.
    pub(crate) fn fact_bytes(&self) -> usize {
        let texts = match &self.update {
            Update::Request { method, url, content_type, .. } => {
                method.len() + url.len() + content_type.len()
            }
            Update::Response { content_type, .. } | Update::Answered { content_type, .. } => {
                content_type.len()
            }
            Update::Host(text) | Update::Connected(text) | Update::Query { name: text } => {
                text.len()
            }
            // Most often others have the same; but nobody vouches for that.
            Update::Secured(leg) => {
                let shown = leg.certificates.iter().map(|it| it.der.len()).sum::<usize>();
                shown + leg.hello.as_ref().map_or(0, Hello::bytes)
            }
            Update::Passed(offered) => offered.bytes(),
            _ => 0,
        };
        ROW_BYTES + self.payload.len() + texts
    }

    /// Returns the content of the row.
    pub(crate) const fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.update {
            Update::Body { content, .. } | Update::Data { content, .. } => Some(content),
            _ => None,
        }
    }

    /// Returns how many bytes of content the row holds.
    pub(crate) fn kept_bytes(&self) -> usize {
        match &self.update {
            Update::Body { content: Content::Kept(data), .. }
            | Update::Data { content: Content::Kept(data), .. } => data.len(),
            _ => 0,
        }
    }

    /// Gives up the content that the row holds and returns how many bytes that were.
    pub(crate) fn drop_content(&mut self) -> u64 {
        let kept = self.kept_bytes() as u64;
        if let Some(content) = self.content_mut()
            && kept > 0
        {
            *content = Content::Dropped(kept);
        }
        kept
    }
}

impl Hello {
    /// Returns what came of the ClientHello of a leg, if that is the client's.
    fn of(tls: &Tls) -> Option<Self> {
        (tls.peer == Peer::Client).then(|| Self {
            sni: tls.sni.clone(),
            alpn: tls.alpn.iter().cloned().collect(),
            ja4: tls.ja4.clone(),
        })
    }

    fn offered(offered: &Offered) -> Self {
        let Offered { sni, alpn, ja4 } = offered;
        Self { sni: sni.clone(), alpn: alpn.clone(), ja4: Some(ja4.clone()) }
    }

    fn bytes(&self) -> usize {
        self.sni.iter().chain(&self.alpn).chain(&self.ja4).map(|it| it.len()).sum()
    }
}

impl Update {
    /// Returns whether it says something of an exchange in the list of these, its bodies apart.
    pub(crate) const fn is_of_exchange(&self) -> bool {
        matches!(
            self,
            Self::Request { .. }
                | Self::Query { .. }
                | Self::Response { .. }
                | Self::Status(_)
                | Self::Answered { .. }
                | Self::Ended { .. }
        )
    }

    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Opened(opened) => Self::Opened(Box::new(OpenedFlow {
                transport: opened.key.transport.name(),
                client: opened.key.client.to_string(),
                server: opened.key.server.to_string(),
                via: opened.via.clone(),
                process: opened.process.clone(),
                process_row: None,
            })),
            Event::Recognized(protocol) => Self::Protocol(protocol.name()),
            Event::Named { host } => Self::Host(host.clone()),
            Event::Connected { addr, .. } => Self::Connected(addr.to_string()),
            Event::Secured(tls) => Self::Secured(Box::new(SecuredLeg {
                certificates: tls.certificates.clone(),
                hello: Hello::of(tls),
            })),
            Event::Passed(passed) => Self::Passed(Box::new(
                passed.offered.as_ref().map(Hello::offered).unwrap_or_default(),
            )),
            Event::Closed(closed) => Self::Closed {
                received: closed.received,
                sent: closed.sent,
                failure: closed.failure.as_ref().map(ToString::to_string),
            },
            Event::Request { url, head, .. } => Self::Request {
                method: String::from_utf8_lossy(&head.method).into_owned(),
                url: url.clone(),
                version: wire::version_to(head.version),
                content_type: content_type(&head.fields),
            },
            Event::Response { head, .. } if !head.is_interim() => {
                Self::Response { status: head.status, content_type: content_type(&head.fields) }
            }
            Event::Altered { exchange: Some(_), alteration: Alteration::Edited(edit) } => {
                match &edit.change {
                    Change::Answered { head, .. } => Self::Answered {
                        answered: if head.status > 0 { head.status.into() } else { -1 },
                        content_type: content_type(&head.fields),
                    },
                    _ => Self::Nothing,
                }
            }
            Event::Dns { message, .. } if message.response => Self::Status(message.rcode),
            Event::Dns { message, .. } => Self::Query { name: question(message) },
            Event::ExchangeEnded { failure, .. } => {
                Self::Ended { failure: failure.as_ref().map(ToString::to_string) }
            }
            Event::Body { exchange, part, data } => {
                Self::Body { exchange: *exchange, part: *part, content: Content::of(data) }
            }
            Event::BodyDropped { exchange, part, bytes } => {
                Self::Body { exchange: *exchange, part: *part, content: Content::Dropped(*bytes) }
            }
            Event::Data { message, from, data } => {
                Self::Data { message: message.0, from: *from, content: Content::of(data) }
            }
            Event::DataDropped { message, from, bytes } => {
                Self::Data { message: message.0, from: *from, content: Content::Dropped(*bytes) }
            }
            Event::WebSocket(message) => Self::Data {
                message: message.message.0,
                from: message.from,
                content: Content::of(&message.data),
            },
            // Nobody asks for it by an id.
            Event::Wire(wire) => {
                let content = match wire.dropped {
                    0 => Content::of(&wire.data),
                    bytes => Content::Dropped(bytes),
                };
                Self::Data { message: 0, from: wire.peer, content }
            }
            Event::Annotated { annotation, .. } => Self::Noted(annotation.clone()),
            _ => Self::Nothing,
        }
    }
}

fn question(message: &DnsMessage) -> String {
    let first = message.questions.first();
    first.map(|question| format!("{} {}", question.name, question.kind)).unwrap_or_default()
}
