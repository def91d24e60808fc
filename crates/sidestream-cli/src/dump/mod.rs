//! What was recorded, as flows of mitmproxy's dump files.

pub(crate) mod dns;
mod http;
mod streams;

use std::time::SystemTime;

use sidestream::dump::{self, Connection, Content, Endpoint, Replayed};
use sidestream::record::{Exchange, Flow, Notes, WebSocketMessage};

pub(crate) use streams::Streams;

/// A flow for a dump, with what could not be put into it.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The flow; none where the exchange has no place in a dump.
    pub(crate) flow: Option<dump::Flow>,
    pub(crate) lacks: Vec<String>,
}

/// Makes a flow of an exchange, its bodies, and the messages of its WebSocket.
pub(crate) fn exchange(
    flow: &Flow,
    exchange: &Exchange,
    failure: Option<String>,
    bodies: [Vec<u8>; 2],
    messages: &[(SystemTime, WebSocketMessage)],
) -> Made {
    let mut lacks = Vec::new();
    let content = match (&exchange.request, &exchange.query) {
        (Some(_), _) => Some(Content::Http(Box::new(http::http(exchange, bodies, messages)))),
        (None, Some(query)) => {
            Some(Content::Dns(Box::new(dns::exchange(exchange, query, &mut lacks))))
        }
        _ => None,
    };
    let ended = exchange.timing.ended.unwrap_or(exchange.timing.started);
    let whole = content.map(|content| dump::Flow {
        id: uuid(0x8000, exchange.id.0),
        created: exchange.timing.started,
        failure: failure.map(|message| dump::Failure { message, at: ended }),
        content,
        ..noted(&exchange.notes, frame(flow))
    });
    Made { flow: whole, lacks }
}

/// What a dump tells of the flow around.
fn frame(flow: &Flow) -> dump::Flow {
    let is_udp = flow.key.transport == sidestream::flow::Transport::Udp;
    let endpoint = |addr: std::net::SocketAddr| {
        Some(Endpoint { host: addr.ip().to_string(), port: addr.port() })
    };
    let ended = flow.closed.as_ref().map(|(at, _)| *at);
    let leg = |id, tls: Option<&sidestream::record::Tls>| Connection {
        id,
        is_udp,
        is_tls: tls.is_some(),
        sni: tls.and_then(|tls| tls.sni.clone()),
        alpn: tls.and_then(|tls| tls.alpn.clone()).map(String::into_bytes),
        cipher: tls.map(|tls| tls.cipher.clone()),
        tls_version: tls.map(|tls| tls.version.to_string().replace("TLS ", "TLSv")),
        certificates: tls.map(certificates).unwrap_or_default(),
        started: Some(flow.opened_at),
        ended,
        ..Connection::default()
    };
    let reached = flow.servers.last().map(|(_, addr)| *addr);
    let meant = flow.host.clone().map(|host| Endpoint { host, port: flow.key.server.port() });
    dump::Flow {
        id: uuid(0x8001, flow.id.0),
        created: flow.opened_at,
        client: Connection {
            peer: endpoint(flow.key.client),
            ..leg(uuid(0x8002, flow.id.0), flow.client_tls())
        },
        server: Connection {
            peer: reached.and_then(endpoint),
            address: meant.or_else(|| endpoint(flow.key.server)),
            ..leg(uuid(0x8003, flow.id.0), flow.server_tls())
        },
        failure: None,
        comment: String::new(),
        marker: String::new(),
        metadata: Vec::new(),
        replay: None,
        content: Content::Tcp(Vec::new()),
    }
}

/// Returns what the peer of a leg showed, in DER. By one that cannot be read, whoever reads the dump
/// may refuse the whole flow.
fn certificates(tls: &sidestream::record::Tls) -> Vec<Vec<u8>> {
    let readable = tls.certificates.iter().filter(|certificate| certificate.not_before.is_some());
    readable.map(|certificate| certificate.der.to_vec()).collect()
}

/// Adds what is noted. Of what was sent again as a whole, a dump says it of the request.
fn noted(notes: &Notes, flow: dump::Flow) -> dump::Flow {
    let Notes { comment, marker, metadata, replay } = notes.clone();
    let replay = replay.map(|replay| match replay.request {
        true => Replayed::Request,
        false => Replayed::Response,
    });
    dump::Flow {
        comment: comment.unwrap_or_default(),
        marker: marker.unwrap_or_default(),
        metadata,
        replay,
        ..flow
    }
}

/// Makes an id in the form that a dump has, the same for the same number.
fn uuid(kind: u16, id: u64) -> String {
    format!("00000000-0000-4000-{kind:04x}-{:012x}", id & 0xffff_ffff_ffff)
}
