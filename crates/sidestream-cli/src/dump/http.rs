//! Exchanges of HTTP, as a dump has them.

use std::time::SystemTime;

use sidestream::dump::{self, Http, Request, Response, Socket, SocketMessage};
use sidestream::flow::Peer;
use sidestream::record::{
    Exchange, Fields, MessageChange, Part, Version, WebSocketKind, WebSocketMessage,
};

use crate::import::Authority;

/// Makes the content of a flow.
pub(super) fn http(
    exchange: &Exchange,
    bodies: [Vec<u8>; 2],
    messages: &[(SystemTime, WebSocketMessage)],
) -> Http {
    let [request_body, response_body] = bodies;
    let timing = &exchange.timing;
    let response = exchange.response.as_ref().map(|head| Response {
        status: head.status,
        reason: head.reason.to_vec(),
        version: version(head.version),
        fields: fields(&head.fields),
        content: Some(response_body),
        trailers: trailers(exchange, Part::Response),
        started: timing.response_started.unwrap_or(timing.started),
        ended: timing.ended.or(timing.response_started),
    });
    let is_socket = response.as_ref().is_some_and(|it| it.status == 101) || !messages.is_empty();
    Http {
        request: request(exchange, request_body),
        response,
        socket: is_socket.then(|| socket(messages)),
    }
}

fn request(exchange: &Exchange, body: Vec<u8>) -> Request {
    let head = exchange.request.as_ref();
    let none = Fields::default();
    let head_fields = head.map_or(&none, |head| &head.fields);
    let is_connect = head.is_some_and(|head| head.method == "CONNECT");
    let authority = Authority::of(&exchange.url);
    let (scheme, path) = match exchange.url.split_once("://") {
        Some((scheme, _)) => (scheme, crate::import::target(&exchange.url)),
        None => ("", ""),
    };
    let named = head_fields.get(":authority").map(|it| it.to_vec());
    let named = named.or_else(|| is_connect.then(|| exchange.url.clone().into_bytes()));
    Request {
        method: head.map(|head| head.method.to_vec()).unwrap_or_default(),
        scheme: scheme.as_bytes().to_vec(),
        host: authority.host.unwrap_or_default(),
        port: authority.port,
        authority: named.unwrap_or_default(),
        path: path.as_bytes().to_vec(),
        version: version(head.map_or(Version::Http11, |head| head.version)),
        fields: fields(head_fields),
        content: Some(body),
        trailers: trailers(exchange, Part::Request),
        started: exchange.timing.started,
        ended: Some(exchange.timing.request_ended.unwrap_or(exchange.timing.started)),
    }
}

fn version(version: Version) -> Vec<u8> {
    match version {
        Version::Http2 => b"HTTP/2.0".to_vec(),
        Version::Http3 => b"HTTP/3".to_vec(),
        other => other.name().as_bytes().to_vec(),
    }
}

fn fields(fields: &Fields) -> dump::Fields {
    let plain = fields.iter().filter(|field| !field.name.starts_with(b":"));
    plain.map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

fn trailers(exchange: &Exchange, part: Part) -> Option<dump::Fields> {
    let trailers = &exchange.body(part).trailers;
    (!trailers.is_empty()).then(|| fields(trailers))
}

fn socket(messages: &[(SystemTime, WebSocketMessage)]) -> Socket {
    let mut socket = Socket::default();
    for (at, message) in messages {
        let from_client = message.from == Peer::Client;
        let opcode = match message.kind {
            WebSocketKind::Text => 1,
            WebSocketKind::Binary => 2,
            WebSocketKind::Close { code } if socket.closed_by_client.is_none() => {
                socket.closed_by_client = Some(from_client);
                socket.close_code = Some(code.unwrap_or(1005));
                socket.close_reason = Some(String::from_utf8_lossy(&message.data).into_owned());
                socket.ended = Some(*at);
                continue;
            }
            // A dump has the messages of applications alone.
            _ => continue,
        };
        let edit = message.edit.as_ref();
        socket.messages.push(SocketMessage {
            opcode,
            from_client,
            data: message.data.to_vec(),
            at: *at,
            dropped: edit.is_some_and(|edit| edit.change == MessageChange::Dropped),
            injected: message.injected,
        });
    }
    socket
}
