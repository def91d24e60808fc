//! Events on disk: a kind, which is text, and a payload, which is protobuf.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sidestream_flow::{ExchangeId, FlowId, MessageId, Process};
use sidestream_record::{
    Alteration, Certificate, Closed, DnsMessage, Event, Failure, Opened, Part, Point, Protocol,
};

use super::advice::WireAdvised;
use super::dns::WireDns;
use super::edit::WireEdit;
use super::failure::WireFailure;
use super::http::{
    WireField, WireRequest, WireResponse, fields_from, fields_to, version_from, version_to,
};
use super::notes::WireAnnotated;
use super::passed::WirePassed;
use super::peer::{Addr, Key};
use super::tls::WireTls;
use super::websocket::WireWebSocket;
use super::wired::{WireSecrets, WireWire};
use super::{DecodeError, message, peer_from, peer_to, required};

/// What stands beside the payload of an entry, in columns and tables of its own.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) content: Bytes,
    /// How much content there was, if it was dropped.
    pub(crate) dropped: Option<u64>,
    pub(crate) process: Option<Arc<Process>>,
    /// What the peer of a leg showed.
    pub(crate) certificates: Vec<Arc<Certificate>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireOpened {
    #[prost(message, optional, tag = "1")]
    key: Option<Key>,
    #[prost(string, tag = "2")]
    via: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireConnected {
    #[prost(uint32, tag = "1")]
    server: u32,
    #[prost(message, optional, tag = "2")]
    addr: Option<Addr>,
}

/// The payload of the kinds that hold one text.
#[derive(Clone, PartialEq, prost::Message)]
struct WireText {
    #[prost(string, tag = "1")]
    text: String,
}

/// The payload of the kinds that concern the request or the response: 1 or 2.
#[derive(Clone, PartialEq, prost::Message)]
struct WirePart {
    #[prost(uint32, tag = "1")]
    part: u32,
    #[prost(message, repeated, tag = "2")]
    fields: Vec<WireField>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireData {
    #[prost(uint64, tag = "1")]
    message: u64,
    #[prost(uint64, tag = "2")]
    from: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireDefect {
    #[prost(uint64, tag = "1")]
    from: u64,
    #[prost(string, tag = "2")]
    what: String,
}

/// An alteration; `kind` is 1 ALPN withheld, 2 fields removed, 3 TLS terminated, 4 target form,
/// 5 translated, 16 edited, 17 frames remade, 18 continued, 19 hooks bypassed,
/// 20 proxied, 21 field set, 22 connection shared.
#[derive(Clone, PartialEq, prost::Message)]
struct WireAltered {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, repeated, tag = "2")]
    names: Vec<String>,
    #[prost(bytes = "bytes", tag = "3")]
    from: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    to: Bytes,
    /// Versions of HTTP, the client's and the server's.
    #[prost(uint32, repeated, tag = "5")]
    versions: Vec<u32>,
    #[prost(uint64, tag = "6")]
    flow: u64,
    #[prost(message, optional, boxed, tag = "16")]
    edit: Option<Box<WireEdit>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireEnded {
    #[prost(message, optional, tag = "1")]
    failure: Option<WireFailure>,
    #[prost(uint64, tag = "2")]
    received: u64,
    #[prost(uint64, tag = "3")]
    sent: u64,
}

/// Encodes an event without its exchange, its content and its process.
pub(crate) fn encode(event: &Event) -> (&'static str, Vec<u8>) {
    match event {
        Event::Opened(Opened { key, process: _, via }) => {
            let opened = WireOpened { key: Some((*key).into()), via: via.clone() };
            ("opened", opened.encode_to_vec())
        }
        Event::Connected { server, addr } => {
            let connected = WireConnected { server: *server, addr: Some((*addr).into()) };
            ("connected", connected.encode_to_vec())
        }
        Event::Recognized(protocol) => ("recognized", text(protocol_to(*protocol))),
        Event::Named { host } => ("named", text(host)),
        Event::Secured(tls) => ("secured", WireTls::from(&**tls).encode_to_vec()),
        Event::Request { url, head, exchange: _ } => {
            ("request", WireRequest::new(url, head).encode_to_vec())
        }
        Event::Response { head, exchange: _ } => {
            ("response", WireResponse::from(head).encode_to_vec())
        }
        Event::Body { part, .. } | Event::BodyDropped { part, .. } => {
            ("body", part_to(*part, Vec::new()))
        }
        Event::Trailers { part, fields, exchange: _ } => {
            ("trailers", part_to(*part, fields_to(fields)))
        }
        Event::PartEnded { part, exchange: _ } => ("part_ended", part_to(*part, Vec::new())),
        Event::Dns { message, exchange: _ } => ("dns", WireDns::from(message).encode_to_vec()),
        Event::ExchangeEnded { failure, exchange: _ } => {
            ("exchange_ended", ended(failure.as_ref(), 0, 0))
        }
        Event::Data { message, from, .. } | Event::DataDropped { message, from, .. } => {
            let data = WireData { message: message.0, from: peer_to(*from) };
            ("data", data.encode_to_vec())
        }
        Event::Defect { from, what, exchange: _ } => {
            let defect = WireDefect { from: peer_to(*from), what: what.clone() };
            ("defect", defect.encode_to_vec())
        }
        Event::Advised { advised, .. } => {
            ("advised", WireAdvised::from(&**advised).encode_to_vec())
        }
        Event::Altered { alteration, exchange: _ } => {
            ("altered", altered_to(alteration).encode_to_vec())
        }
        Event::Held { point, exchange: _ } => ("held", text(point_to(*point))),
        Event::Resumed { point, exchange: _ } => ("resumed", text(point_to(*point))),
        Event::Closed(Closed { received, sent, failure }) => {
            ("closed", ended(failure.as_ref(), *received, *sent))
        }
        Event::WebSocket(message) => ("websocket", WireWebSocket::from(&**message).encode_to_vec()),
        Event::Passed(passed) => ("passed", WirePassed::from(&**passed).encode_to_vec()),
        Event::Wire(wire) => ("wire", WireWire::from(&**wire).encode_to_vec()),
        Event::Secrets(secrets) => ("secrets", WireSecrets::from(&**secrets).encode_to_vec()),
        Event::Annotated { annotation, exchange: _ } => {
            ("annotated", WireAnnotated::from(&**annotation).encode_to_vec())
        }
        // An event that this format has no kind for yet is at least kept for people to read.
        other => ("other", text(&format!("{other:?}"))),
    }
}

/// Decodes an event; `DecodeError::Unknown` says that a newer version wrote it.
pub(crate) fn decode(kind: &str, payload: Bytes, cx: Context) -> Result<Event, DecodeError> {
    let id = || required(cx.exchange, "the exchange of an entry");
    Ok(match kind {
        "opened" => {
            let WireOpened { key, via } = message(payload)?;
            let key = required(key, "the five-tuple of a flow")?.try_into()?;
            Event::Opened(Opened { key, process: cx.process, via })
        }
        "connected" => {
            let WireConnected { server, addr } = message(payload)?;
            Event::Connected { server, addr: required(addr, "an address")?.try_into()? }
        }
        "recognized" => Event::Recognized(protocol_from(&text_from(payload)?)?),
        "named" => Event::Named { host: text_from(payload)? },
        "secured" => {
            let tls = message::<WireTls>(payload)?;
            Event::Secured(Box::new(tls.with_certificates(cx.certificates)?))
        }
        "request" => {
            let (url, head) = message::<WireRequest>(payload)?.into_parts()?;
            Event::Request { exchange: id()?, url, head }
        }
        "response" => {
            let head = message::<WireResponse>(payload)?.try_into()?;
            Event::Response { exchange: id()?, head }
        }
        "body" => {
            let (part, _) = part_from(payload)?;
            let exchange = id()?;
            match cx.dropped {
                None => Event::Body { exchange, part, data: cx.content },
                Some(bytes) => Event::BodyDropped { exchange, part, bytes },
            }
        }
        "trailers" => {
            let (part, fields) = part_from(payload)?;
            Event::Trailers { exchange: id()?, part, fields: fields_from(fields) }
        }
        "part_ended" => Event::PartEnded { exchange: id()?, part: part_from(payload)?.0 },
        "dns" => {
            let message = DnsMessage::try_from(message::<WireDns>(payload)?)?;
            Event::Dns { exchange: id()?, message }
        }
        "exchange_ended" => {
            Event::ExchangeEnded { exchange: id()?, failure: ended_from(payload)?.failure }
        }
        "data" => {
            let data: WireData = message(payload)?;
            let from = peer_from(data.from)?;
            let message = MessageId(data.message);
            match cx.dropped {
                None => Event::Data { message, from, data: cx.content },
                Some(bytes) => Event::DataDropped { message, from, bytes },
            }
        }
        "defect" => {
            let WireDefect { from, what } = message(payload)?;
            Event::Defect { exchange: cx.exchange, from: peer_from(from)?, what }
        }
        "advised" => {
            let advised = message::<WireAdvised>(payload)?.try_into()?;
            Event::Advised { exchange: cx.exchange, advised: Box::new(advised) }
        }
        "altered" => {
            let alteration = altered_from(message(payload)?)?;
            Event::Altered { exchange: cx.exchange, alteration }
        }
        "held" => Event::Held { exchange: id()?, point: point_from(&text_from(payload)?)? },
        "resumed" => Event::Resumed { exchange: id()?, point: point_from(&text_from(payload)?)? },
        "websocket" => {
            let message: WireWebSocket = message(payload)?;
            Event::WebSocket(Box::new(message.with_content(cx.content, cx.dropped)?))
        }
        "passed" => Event::Passed(Box::new(message::<WirePassed>(payload)?.try_into()?)),
        "closed" => Event::Closed(ended_from(payload)?),
        "wire" => {
            let wire: WireWire = message(payload)?;
            Event::Wire(Box::new(wire.with_content(cx.content, cx.dropped)?))
        }
        "secrets" => Event::Secrets(Box::new(message::<WireSecrets>(payload)?.try_into()?)),
        "annotated" => {
            let annotation = message::<WireAnnotated>(payload)?.try_into()?;
            Event::Annotated { exchange: cx.exchange, annotation: Box::new(annotation) }
        }
        _ => return Err(DecodeError::Unknown),
    })
}

fn text(text: &str) -> Vec<u8> {
    WireText { text: text.to_owned() }.encode_to_vec()
}

fn text_from(payload: Bytes) -> Result<String, DecodeError> {
    Ok(message::<WireText>(payload)?.text)
}

fn ended(failure: Option<&Failure>, received: u64, sent: u64) -> Vec<u8> {
    WireEnded { failure: failure.map(WireFailure::from), received, sent }.encode_to_vec()
}

fn ended_from(payload: Bytes) -> Result<Closed, DecodeError> {
    let WireEnded { failure, received, sent } = message(payload)?;
    let failure = failure.map(Failure::try_from).transpose()?;
    Ok(Closed { received, sent, failure })
}

fn part_to(part: Part, fields: Vec<WireField>) -> Vec<u8> {
    let part = match part {
        Part::Request => 1,
        Part::Response => 2,
    };
    WirePart { part, fields }.encode_to_vec()
}

fn part_from(payload: Bytes) -> Result<(Part, Vec<WireField>), DecodeError> {
    let WirePart { part, fields } = message(payload)?;
    match part {
        1 => Ok((Part::Request, fields)),
        2 => Ok((Part::Response, fields)),
        _ => Err(DecodeError::Unknown),
    }
}

const fn protocol_to(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Dns => "dns",
        Protocol::Dtls => "dtls",
        Protocol::Ftp => "ftp",
        Protocol::Http1 => "http1",
        Protocol::Http2 => "http2",
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop3",
        Protocol::Quic => "quic",
        Protocol::Raw => "raw",
        Protocol::Smtp => "smtp",
        Protocol::Ssh => "ssh",
        Protocol::Tls => "tls",
        Protocol::WebSocket => "websocket",
        _ => "",
    }
}

fn protocol_from(name: &str) -> Result<Protocol, DecodeError> {
    match name {
        "dns" => Ok(Protocol::Dns),
        "dtls" => Ok(Protocol::Dtls),
        "ftp" => Ok(Protocol::Ftp),
        "http1" => Ok(Protocol::Http1),
        "http2" => Ok(Protocol::Http2),
        "imap" => Ok(Protocol::Imap),
        "pop3" => Ok(Protocol::Pop3),
        "quic" => Ok(Protocol::Quic),
        "raw" => Ok(Protocol::Raw),
        "smtp" => Ok(Protocol::Smtp),
        "ssh" => Ok(Protocol::Ssh),
        "tls" => Ok(Protocol::Tls),
        "websocket" => Ok(Protocol::WebSocket),
        _ => Err(DecodeError::Unknown),
    }
}

const fn point_to(point: Point) -> &'static str {
    match point {
        Point::Request => "request",
        Point::Response => "response",
        _ => "",
    }
}

fn point_from(name: &str) -> Result<Point, DecodeError> {
    match name {
        "request" => Ok(Point::Request),
        "response" => Ok(Point::Response),
        _ => Err(DecodeError::Unknown),
    }
}

fn altered_to(alteration: &Alteration) -> WireAltered {
    match alteration {
        Alteration::AlpnWithheld(names) => {
            WireAltered { kind: 1, names: names.clone(), ..WireAltered::default() }
        }
        Alteration::FieldsRemoved(names) => {
            WireAltered { kind: 2, names: names.clone(), ..WireAltered::default() }
        }
        Alteration::TlsTerminated => WireAltered { kind: 3, ..WireAltered::default() },
        Alteration::TargetForm { from, to } => {
            WireAltered { kind: 4, from: from.clone(), to: to.clone(), ..WireAltered::default() }
        }
        Alteration::Translated { from, to } => {
            let versions = vec![version_to(*from), version_to(*to)];
            WireAltered { kind: 5, versions, ..WireAltered::default() }
        }
        Alteration::Edited(edit) => {
            let edit = Some(Box::new(WireEdit::from(&**edit)));
            WireAltered { kind: 16, edit, ..WireAltered::default() }
        }
        Alteration::Continued => WireAltered { kind: 18, ..WireAltered::default() },
        Alteration::HooksBypassed => WireAltered { kind: 19, ..WireAltered::default() },
        Alteration::FramesRemade => WireAltered { kind: 17, ..WireAltered::default() },
        Alteration::Proxied { proxy } => {
            WireAltered { kind: 20, names: vec![proxy.clone()], ..WireAltered::default() }
        }
        Alteration::ConnectionShared { with } => {
            WireAltered { kind: 22, flow: with.0, ..WireAltered::default() }
        }
        Alteration::FieldSet { name, from, to } => {
            // A second name says that there was a value before, be it an empty one.
            let had = from.as_ref().map(|_| String::new());
            let names = [name.clone()].into_iter().chain(had).collect();
            let from = from.clone().unwrap_or_default();
            WireAltered { kind: 21, names, from, to: to.clone(), ..WireAltered::default() }
        }
        _ => WireAltered::default(),
    }
}

fn altered_from(altered: WireAltered) -> Result<Alteration, DecodeError> {
    match altered.kind {
        1 => Ok(Alteration::AlpnWithheld(altered.names)),
        2 => Ok(Alteration::FieldsRemoved(altered.names)),
        3 => Ok(Alteration::TlsTerminated),
        4 => Ok(Alteration::TargetForm { from: altered.from, to: altered.to }),
        5 => match altered.versions[..] {
            [from, to] => {
                Ok(Alteration::Translated { from: version_from(from)?, to: version_from(to)? })
            }
            _ => Err(DecodeError::Unknown),
        },
        16 => {
            let edit = required(altered.edit, "an edit")?;
            Ok(Alteration::Edited(Box::new((*edit).try_into()?)))
        }
        17 => Ok(Alteration::FramesRemade),
        18 => Ok(Alteration::Continued),
        19 => Ok(Alteration::HooksBypassed),
        20 => {
            let proxy = altered.names.into_iter().next().ok_or(DecodeError::Unknown)?;
            Ok(Alteration::Proxied { proxy })
        }
        22 => Ok(Alteration::ConnectionShared { with: FlowId(altered.flow) }),
        21 => {
            let mut names = altered.names.into_iter();
            let name = names.next().ok_or(DecodeError::Unknown)?;
            let from = names.next().map(|_had| altered.from);
            Ok(Alteration::FieldSet { name, from, to: altered.to })
        }
        _ => Err(DecodeError::Unknown),
    }
}
