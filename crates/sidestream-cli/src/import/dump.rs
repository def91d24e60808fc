//! Makes flows out of those of mitmproxy's dump files.

use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::dump::{
    Connection, Content, Endpoint, Flow, Http, Message, ReadError, Reader, Replayed, Response,
    Socket,
};
use sidestream::flow::{ExchangeId, FlowId, FlowKey, Peer, Transport};
use sidestream::proxy::read_certificate;
use sidestream::record::{
    Annotation, Closed, Event, Failure, Fields, MessageChange, MessageEdit, Opened, Part, Protocol,
    Replay, RequestHead, ResponseHead, Tls, TlsVersion, Version, WebSocketKind, WebSocketMessage,
};

use super::place::{MESSAGE_BYTES, Place, cut};
use crate::dump::dns::from_wire;

/// A message of a handshake that is larger is not spoken here either.
const MAX_CERTIFICATE: usize = 64 * 1024;

/// Longer than any chain that is told of.
const MAX_CERTIFICATES: usize = 64;

/// Imports a dump.
pub(super) fn import(file: impl Read, place: &mut Place) -> anyhow::Result<()> {
    for (index, flow) in Reader::new(BufReader::new(file)).enumerate() {
        match flow {
            Ok(flow) => {
                Import { place, id: place.ids.flow() }.flow(flow);
                place.end_flow(format_args!("flow {index}"))?;
            }
            Err(ReadError::Flow(error)) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                place.skip(format_args!("{error}{}", cause.unwrap_or_default()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A flow on its way into a session.
struct Import<'a> {
    place: &'a Place,
    id: FlowId,
}

impl Import<'_> {
    fn tell(&self, at: SystemTime, event: Event) {
        self.place.tell(self.id, at, event);
    }

    fn flow(&self, flow: Flow) {
        let notes = notes(&flow);
        let Flow { created, client, server, failure, content, .. } = flow;
        let is_udp = match &content {
            Content::Udp(_) => true,
            Content::Dns(_) => client.is_udp || server.is_udp,
            _ => false,
        };
        let transport = if is_udp { Transport::Udp } else { Transport::Tcp };
        let reached = addr(server.peer.as_ref());
        let meant = reached.or_else(|| addr(server.address.as_ref()));
        let port = server.address.as_ref().map_or(0, |address| address.port);
        let meant = meant.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        let from = addr(client.peer.as_ref())
            .unwrap_or_else(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0));
        let key = FlowKey { transport, client: from, server: meant };
        self.tell(created, Event::Opened(Opened { key, process: None, via: "mitmproxy".into() }));
        if let Some(addr) = reached {
            self.tell(created, Event::Connected { server: 0, addr });
        }
        if let Some(host) = name(&server) {
            self.tell(created, Event::Named { host });
        }
        let legs = [(Peer::Server(0), server), (Peer::Client, client)].map(|(peer, connection)| {
            let ended = connection.ended;
            (secured(peer, connection), ended)
        });
        let [(of_server, server_ended), (of_client, client_ended)] = legs;
        for tls in [of_server, of_client].into_iter().flatten() {
            self.tell(created, Event::Secured(Box::new(tls)));
        }
        let failure = failure.map(|failure| Failure::Reported { reason: failure.message });
        let ended = server_ended.or(client_ended);
        let (last, failure) = match content {
            Content::Http(http) => (self.http(*http, &notes, failure), None),
            Content::Tcp(messages) | Content::Udp(messages) => {
                self.note(created, None, &notes);
                (self.messages(created, messages), failure)
            }
            Content::Dns(dns) => {
                let exchange = self.place.ids.exchange();
                self.tell(dns.query.at, Event::Dns { exchange, message: from_wire(&dns.query) });
                self.note(dns.query.at, Some(exchange), &notes);
                let mut last = dns.query.at;
                if let Some(answer) = dns.answer {
                    last = answer.at;
                    self.tell(last, Event::Dns { exchange, message: from_wire(&answer) });
                }
                self.tell(last, Event::ExchangeEnded { exchange, failure });
                (last, None)
            }
            _ => (created, failure),
        };
        let at = ended.map_or(last, |ended| ended.max(last));
        self.tell(at, Event::Closed(Closed { failure, ..Closed::default() }));
    }

    fn messages(&self, created: SystemTime, messages: Vec<Message>) -> SystemTime {
        let mut last = created;
        for Message { from_client, data, at } in messages {
            let from = if from_client { Peer::Client } else { Peer::Server(0) };
            last = at;
            let mut data = bytes::Bytes::from(data);
            loop {
                let message = self.place.ids.message();
                let piece = data.split_to(data.len().min(MESSAGE_BYTES));
                self.tell(at, Event::Data { message, from, data: piece });
                if data.is_empty() {
                    break;
                }
            }
        }
        last
    }

    fn note(&self, at: SystemTime, exchange: Option<ExchangeId>, notes: &[Annotation]) {
        for annotation in notes {
            self.tell(at, Event::Annotated { exchange, annotation: Box::new(annotation.clone()) });
        }
    }

    fn http(&self, http: Http, notes: &[Annotation], failure: Option<Failure>) -> SystemTime {
        let exchange = self.place.ids.exchange();
        let Http { request, response, socket } = http;
        let (url, target) = url(&request);
        let version = version(&request.version);
        let at = request.started;
        let protocol = if version == Version::Http2 { Protocol::Http2 } else { Protocol::Http1 };
        self.tell(at, Event::Recognized(protocol));
        let head = RequestHead {
            method: request.method.into(),
            target: target.into(),
            version,
            fields: fields(request.fields),
        };
        self.tell(at, Event::Request { exchange, url, head });
        self.note(at, Some(exchange), notes);
        let mut last = request.ended.unwrap_or(at);
        self.part(exchange, Part::Request, last, request.content, request.trailers);
        let switched = response.as_ref().is_some_and(|response| response.status == 101);
        if let Some(response) = response {
            last = self.response(exchange, response);
        }
        let ended = Event::ExchangeEnded { exchange, failure };
        // What switched is over by then; over HTTP/2, or where the response is not told, an
        // exchange lasts as long as its WebSocket.
        if switched {
            self.tell(last, ended);
            return socket.map_or(last, |socket| self.socket(exchange, last, socket));
        }
        let last = socket.map_or(last, |socket| self.socket(exchange, last, socket));
        self.tell(last, ended);
        last
    }

    fn response(&self, exchange: ExchangeId, response: Response) -> SystemTime {
        let head = ResponseHead {
            version: version(&response.version),
            status: response.status,
            reason: response.reason.into(),
            fields: fields(response.fields),
        };
        self.tell(response.started, Event::Response { exchange, head });
        let ended = response.ended.unwrap_or(response.started);
        self.part(exchange, Part::Response, ended, response.content, response.trailers);
        ended
    }

    fn part(
        &self,
        exchange: ExchangeId,
        part: Part,
        at: SystemTime,
        content: Option<Vec<u8>>,
        trailers: Option<sidestream::dump::Fields>,
    ) {
        let content = content.unwrap_or_default();
        self.place.tell_body(self.id, at, content, |data| Event::Body { exchange, part, data });
        if let Some(trailers) = trailers {
            let fields = fields(trailers);
            self.tell(at, Event::Trailers { exchange, part, fields });
        }
        self.tell(at, Event::PartEnded { exchange, part });
    }

    fn socket(&self, exchange: ExchangeId, opened: SystemTime, socket: Socket) -> SystemTime {
        let mut last = opened;
        let tell = |at, from_client, kind, mut data: Vec<u8>, is_dropped, injected| {
            let dropped = cut(&mut data);
            let message = self.place.ids.message();
            let by = "mitmproxy".to_owned();
            let edit = MessageEdit { of: message, by, change: MessageChange::Dropped };
            let message = WebSocketMessage {
                exchange,
                message,
                from: if from_client { Peer::Client } else { Peer::Server(0) },
                kind,
                data: data.into(),
                dropped,
                fragments: 1,
                compressed: false,
                encoded: false,
                ended: true,
                injected,
                edit: Some(Box::new(edit)).filter(|_| is_dropped),
            };
            self.tell(at, Event::WebSocket(Box::new(message)));
        };
        for message in socket.messages {
            last = message.at;
            let kind = match message.opcode {
                1 => WebSocketKind::Text,
                2 => WebSocketKind::Binary,
                9 => WebSocketKind::Ping,
                10 => WebSocketKind::Pong,
                opcode => WebSocketKind::Reserved { opcode },
            };
            let (dropped, injected) = (message.dropped, message.injected);
            tell(last, message.from_client, kind, message.data, dropped, injected);
        }
        if let Some(by_client) = socket.closed_by_client {
            last = socket.ended.unwrap_or(last);
            // 1005 stands for a close without a code, and is never sent.
            let code = socket.close_code.filter(|code| *code != 1005);
            let reason = socket.close_reason.unwrap_or_default().into_bytes();
            tell(last, by_client, WebSocketKind::Close { code }, reason, false, false);
        }
        last
    }
}

/// Lists what is noted of a flow.
fn notes(flow: &Flow) -> Vec<Annotation> {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let replay = flow.replay.map(|part| Replay {
        request: part == Replayed::Request,
        response: part == Replayed::Response,
        of: None,
    });
    let texts =
        [text(&flow.comment).map(Annotation::Comment), text(&flow.marker).map(Annotation::Marker)];
    let metadata = flow.metadata.iter().cloned();
    let metadata = metadata.map(|(key, value)| Annotation::Metadata { key, value: Some(value) });
    texts.into_iter().flatten().chain(metadata).chain(replay.map(Annotation::Replay)).collect()
}

fn addr(endpoint: Option<&Endpoint>) -> Option<SocketAddr> {
    let Endpoint { host, port } = endpoint?;
    // An address of IPv6 may carry a zone.
    let ip: IpAddr = host.split('%').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, *port))
}

/// Returns the server's name, where one is known.
fn name(server: &Connection) -> Option<String> {
    let address = server.address.as_ref().map(|address| address.host.clone());
    let named = server.sni.clone().or(address)?;
    (named.parse::<IpAddr>().is_err() && !named.is_empty()).then_some(named)
}

/// Makes what is told of a leg in TLS, of a version that is spoken here.
fn secured(peer: Peer, connection: Connection) -> Option<Tls> {
    let version = match connection.tls_version.as_deref().filter(|_| connection.is_tls)? {
        "TLSv1.2" => TlsVersion::Tls12,
        "TLSv1.3" => TlsVersion::Tls13,
        _ => return None,
    };
    let fits = |der: &Vec<u8>| der.len() <= MAX_CERTIFICATE;
    let certificates = connection.certificates.into_iter().filter(fits).take(MAX_CERTIFICATES);
    Some(Tls {
        peer,
        version,
        cipher: connection.cipher.unwrap_or_else(|| "unknown".into()),
        group: None,
        resumed: false,
        sni: connection.sni,
        alpn: connection.alpn.map(|alpn| String::from_utf8_lossy(&alpn).into_owned()),
        ja4: None,
        certificates: certificates.map(|der| Arc::new(read_certificate(der.into()))).collect(),
        client_certificate: None,
        differences: None,
    })
}

fn version(text: &[u8]) -> Version {
    match text {
        b"HTTP/1.0" => Version::Http10,
        b"HTTP/2" | b"HTTP/2.0" => Version::Http2,
        b"HTTP/3" | b"HTTP/3.0" => Version::Http3,
        _ => Version::Http11,
    }
}

fn fields(fields: sidestream::dump::Fields) -> Fields {
    let mut out = Fields::default();
    fields.into_iter().for_each(|(name, value)| out.push(name, value));
    out
}

/// Puts the URL together, and the request target.
fn url(request: &sidestream::dump::Request) -> (String, Vec<u8>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let host = if request.host.contains(':') {
        format!("[{}]", request.host)
    } else {
        request.host.clone()
    };
    let scheme = text(&request.scheme);
    if request.method == b"CONNECT" || scheme.is_empty() {
        let authority = format!("{host}:{}", request.port);
        return (authority.clone(), authority.into_bytes());
    }
    let usual = matches!((&*scheme, request.port), ("http", 80) | ("https", 443) | (_, 0));
    let port = if usual { String::new() } else { format!(":{}", request.port) };
    let path = text(&request.path);
    (format!("{scheme}://{host}{port}{path}"), request.path.clone())
}
