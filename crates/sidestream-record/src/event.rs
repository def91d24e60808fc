//! What happens to a flow, one event at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, MessageId, Peer, Process};

use crate::{
    Advised, Annotation, DnsMessage, Edit, Failure, Fields, Passed, RequestHead, ResponseHead,
    Secrets, Tls, Version, WebSocketMessage, Wire,
};

/// One event of one flow, with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it happened.
    pub at: SystemTime,
    /// The flow.
    pub flow: FlowId,
    /// What happened.
    pub event: Event,
}

/// What happened to a flow.
///
/// The first event of a flow is [`Opened`](Self::Opened) and the last is
/// [`Closed`](Self::Closed). An exchange begins with its request, or query, and ends with
/// [`ExchangeEnded`](Self::ExchangeEnded).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The flow was captured.
    Opened(Opened),
    /// A server was reached.
    Connected {
        /// The server's number in the flow.
        server: u32,
        /// The address that was dialled.
        addr: SocketAddr,
    },
    /// The flow's protocol was recognized.
    Recognized(Protocol),
    /// The name of the server was learned, from SNI or from a DNS answer seen before.
    Named {
        /// The host name.
        host: String,
    },
    /// A leg was secured by TLS.
    Secured(Box<Tls>),
    /// A request began.
    Request {
        /// The exchange that it begins.
        exchange: ExchangeId,
        /// The absolute URI (RFC 9110 §7.1), put together from the target, `Host` and the leg.
        url: String,
        /// The head as the client sent it.
        head: RequestHead,
    },
    /// A response began, or an interim response (1xx) came.
    Response {
        /// The exchange that it belongs to.
        exchange: ExchangeId,
        /// The head as the server sent it.
        head: ResponseHead,
    },
    /// A stretch of a body went by.
    Body {
        /// The exchange that it belongs to.
        exchange: ExchangeId,
        /// Of the request or of the response.
        part: Part,
        /// The content, without transfer codings.
        data: Bytes,
    },
    /// A stretch of a body went by that was not recorded.
    BodyDropped {
        /// The exchange that it belongs to.
        exchange: ExchangeId,
        /// Of the request or of the response.
        part: Part,
        /// How many bytes of content.
        bytes: u64,
    },
    /// Trailer fields came (RFC 9110 §6.5).
    Trailers {
        /// The exchange that they belong to.
        exchange: ExchangeId,
        /// Of the request or of the response.
        part: Part,
        /// The fields.
        fields: Fields,
    },
    /// A message, with its body, is complete.
    PartEnded {
        /// The exchange that it belongs to.
        exchange: ExchangeId,
        /// The request or the response.
        part: Part,
    },
    /// A DNS query or response went by.
    Dns {
        /// The exchange; a response carries that of its query.
        exchange: ExchangeId,
        /// The decoded message.
        message: DnsMessage,
    },
    /// An exchange is over.
    ExchangeEnded {
        /// Which one.
        exchange: ExchangeId,
        /// Why it did not end well, if it did not.
        failure: Option<Failure>,
    },
    /// Bytes that belong to no exchange went by: a datagram, or a stretch of a raw stream.
    Data {
        /// The message's id.
        message: MessageId,
        /// Who sent them.
        from: Peer,
        /// The bytes.
        data: Bytes,
    },
    /// Bytes that belong to no exchange went by and were not recorded.
    DataDropped {
        /// The message's id.
        message: MessageId,
        /// Who sent them.
        from: Peer,
        /// How many.
        bytes: u64,
    },
    /// What a peer sent is not as the standard has it, but was passed on as sent.
    Defect {
        /// The exchange in which it was, if in one.
        exchange: Option<ExchangeId>,
        /// Who sent it.
        from: Peer,
        /// What is wrong.
        what: String,
    },
    /// A peer of HTTP/2 gave advice, which was passed on.
    Advised {
        /// The exchange that it is about, if about one that is under way.
        exchange: Option<ExchangeId>,
        /// The advice, and who gave it.
        advised: Box<Advised>,
    },
    /// Something was passed on otherwise than it was sent.
    Altered {
        /// The exchange in which it was, if in one.
        exchange: Option<ExchangeId>,
        /// What was changed.
        alteration: Alteration,
    },
    /// Something was noted, by the user or by a program in the user's place. It may come long after
    /// what it is about has ended, in another recording.
    Annotated {
        /// The exchange that it is about; without one, the flow.
        exchange: Option<ExchangeId>,
        /// What was noted.
        annotation: Box<Annotation>,
    },
    /// An exchange was stopped at a hook point until it is resumed.
    Held {
        /// Which one.
        exchange: ExchangeId,
        /// Where.
        point: Point,
    },
    /// A held exchange goes on.
    Resumed {
        /// Which one.
        exchange: ExchangeId,
        /// Where it was held.
        point: Point,
    },
    /// A WebSocket message, or a control frame, went by.
    WebSocket(Box<WebSocketMessage>),
    /// The flow is passed as it is: nothing of its content is recorded.
    Passed(Box<Passed>),
    /// The flow is over.
    Closed(Closed),
    /// Bytes went over a leg, and are told as they were on the wire, where the user wants that.
    Wire(Box<Wire>),
    /// With what a leg can be decrypted is known, where the user wants that. It is told before the
    /// first bytes that need it.
    Secrets(Box<Secrets>),
}

impl Event {
    /// Returns the exchange that the event belongs to.
    pub const fn exchange(&self) -> Option<ExchangeId> {
        match self {
            Self::Request { exchange, .. }
            | Self::Response { exchange, .. }
            | Self::Body { exchange, .. }
            | Self::BodyDropped { exchange, .. }
            | Self::Trailers { exchange, .. }
            | Self::PartEnded { exchange, .. }
            | Self::Dns { exchange, .. }
            | Self::ExchangeEnded { exchange, .. }
            | Self::Held { exchange, .. }
            | Self::Resumed { exchange, .. } => Some(*exchange),
            Self::Advised { exchange, .. }
            | Self::Annotated { exchange, .. }
            | Self::Defect { exchange, .. }
            | Self::Altered { exchange, .. } => *exchange,
            Self::Opened(_)
            | Self::Connected { .. }
            | Self::Recognized(_)
            | Self::Named { .. }
            | Self::Secured(_)
            | Self::Data { .. }
            | Self::DataDropped { .. }
            | Self::WebSocket(_)
            | Self::Passed(_)
            | Self::Wire(_)
            | Self::Secrets(_)
            | Self::Closed(_) => None,
        }
    }

    /// Returns the event that remains of this one when its content is dropped.
    pub fn without_content(&self) -> Option<Self> {
        match self {
            Self::Body { exchange, part, data } => Some(Self::BodyDropped {
                exchange: *exchange,
                part: *part,
                bytes: data.len() as u64,
            }),
            Self::Data { message, from, data } => {
                Some(Self::DataDropped { message: *message, from: *from, bytes: data.len() as u64 })
            }
            Self::WebSocket(message) if message.content_bytes() > 0 => {
                Some(Self::WebSocket(Box::new(message.without_content())))
            }
            Self::Wire(wire) if !wire.data.is_empty() => {
                Some(Self::Wire(Box::new(wire.without_content())))
            }
            _ => None,
        }
    }

    /// Returns how many bytes of content the event carries, which are what a full queue drops
    /// first.
    pub fn content_bytes(&self) -> usize {
        match self {
            Self::Body { data, .. } | Self::Data { data, .. } => data.len(),
            Self::WebSocket(message) => message.content_bytes(),
            Self::Wire(wire) => wire.data.len(),
            _ => 0,
        }
    }
}

/// How a flow began.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The five-tuple.
    pub key: FlowKey,
    /// The process that opened it, where it is known.
    pub process: Option<Arc<Process>>,
    /// The mode that captured it: `run`, `regular`.
    pub via: String,
}

/// How a flow ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// How many bytes came from the client.
    pub received: u64,
    /// How many bytes were sent to the client.
    pub sent: u64,
    /// Why it did not end well, if it did not.
    pub failure: Option<Failure>,
}

/// The protocol of a flow, as far as it was recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// DNS messages.
    Dns,
    /// DTLS (RFC 6347, RFC 9147).
    Dtls,
    /// FTP's control connection (RFC 959).
    Ftp,
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
    /// IMAP (RFC 3501, RFC 9051).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
    /// QUIC (RFC 9000), and so most likely HTTP/3.
    Quic,
    /// Bytes that are passed as they come.
    Raw,
    /// SMTP, or LMTP (RFC 5321, RFC 2033).
    Smtp,
    /// SSH (RFC 4253).
    Ssh,
    /// TLS, with something inside.
    Tls,
    /// WebSocket messages (RFC 6455).
    WebSocket,
}

impl Protocol {
    /// Returns whether the name tells little of what a flow is for, or another line tells more.
    pub(crate) const fn is_vague(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Http1 | Self::Http2 | Self::Raw | Self::Tls | Self::WebSocket
        )
    }

    /// Returns the protocol's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Dtls => "DTLS",
            Self::Ftp => "FTP",
            Self::Http1 => "HTTP/1",
            Self::Http2 => "HTTP/2",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Quic => "QUIC",
            Self::Raw => "raw",
            Self::Smtp => "SMTP",
            Self::Ssh => "SSH",
            Self::Tls => "TLS",
            Self::WebSocket => "WebSocket",
        }
    }
}

/// One of the two messages of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// From the client.
    Request,
    /// From the server.
    Response,
}

/// A place at which an exchange can be held, looked at and changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Point {
    /// The request's head is known, nothing was sent on.
    Request,
    /// The response's head is known, nothing of it was sent on.
    Response,
}

/// Something that was passed on otherwise than it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alteration {
    /// Application protocols were not offered to the server: they are not spoken, or the user wants
    /// others.
    AlpnWithheld(Vec<String>),
    /// The connection with the server is one that another flow had left.
    ConnectionShared {
        /// The flow that left it.
        with: FlowId,
    },
    /// The client, which waited to be told to go on with its body, was told so before the server
    /// was asked: a hook wants to see it first.
    Continued,
    /// A hook of the user's changed the exchange.
    Edited(Box<Edit>),
    /// Fields that speak to a proxy were not passed on.
    FieldsRemoved(Vec<String>),
    /// Each HTTP/2 connection ends here, so that exchanges can be changed: frames, settings and
    /// the order of streams are ours.
    FramesRemade,
    /// Hooks did not see its exchanges: they are translated between versions of HTTP.
    HooksBypassed,
    /// A field was given another value, or added.
    FieldSet {
        /// Its name.
        name: String,
        /// Its value as the client sent it; none if it had no such field.
        from: Option<Bytes>,
        /// Its value as it was sent on, unless that is a secret of the user's.
        to: Bytes,
    },
    /// The server was reached through another proxy.
    Proxied {
        /// The proxy, as `scheme://host:port`.
        proxy: String,
    },
    /// The ClientHello that the server saw is ours, not the client's.
    TlsTerminated,
    /// The request target was put in the form that an origin server expects (RFC 9112 §3.2).
    TargetForm {
        /// As the client sent it.
        from: Bytes,
        /// As it was sent on.
        to: Bytes,
    },
    /// The exchange went on in another version of HTTP than that in which it came.
    Translated {
        /// The version that the client speaks.
        from: Version,
        /// The version that the server speaks.
        to: Version,
    },
}
