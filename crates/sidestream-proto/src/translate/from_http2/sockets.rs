//! Streams that become WebSockets (RFC 8441), each with a connection of its own to the server.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Part, RequestHead, ResponseHead};

use super::FromHttp2;
use super::links::Answering;
use super::streams::Stream;
use crate::cx::Cx;
use crate::http2::ErrorCode;
use crate::multiplexed::socket::Socket;
use crate::translate::{malformed, upgrade};
use crate::websocket::{self, Extensions, Tap};

impl FromHttp2 {
    /// A client asked for a WebSocket: the server is asked as HTTP/1 has it.
    pub(super) fn begin_socket(
        &mut self,
        id: u32,
        exchange: ExchangeId,
        head: &RequestHead,
        end: bool,
        cx: &mut Cx,
    ) {
        let made = match websocket::key(cx) {
            Some(key) => match upgrade::request_to_http1(head, &key) {
                Ok(wire) => Ok((wire, key)),
                Err(what) => Err((ErrorCode::PROTOCOL_ERROR, malformed(Peer::Client, what))),
            },
            None => {
                let reason = "the system has no randomness".into();
                Err((ErrorCode::INTERNAL_ERROR, Failure::Internal { reason }))
            }
        };
        match made {
            Ok((wire, key)) => {
                self.enter(id, Stream::asking_for_socket(exchange, wire, key), end, cx);
            }
            Err((code, failure)) => {
                self.client_end.reset(id, code);
                cx.event(Event::ExchangeEnded { exchange, failure: Some(failure) });
            }
        }
    }

    /// The server answered one that asked for a WebSocket: by a 101 it is open.
    pub(super) fn open_socket(
        &mut self,
        server: u32,
        id: u32,
        head: &ResponseHead,
        cx: &mut Cx,
    ) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let fields = match upgrade::response_to_http2(head, &stream.key) {
            Ok(fields) => fields,
            Err(what) => return self.unreadable(server, what, cx),
        };
        let extensions = Extensions::agreed(&head.fields);
        let limits = cx.config.websocket;
        let mut tap = Tap::new(stream.exchange, Peer::Server(server), &extensions, limits);
        // A client may not wait for the answer, but its server has to.
        let _lost = tap.read(Peer::Client, Bytes::copy_from_slice(&stream.body), cx);
        stream.socket = Socket::Open(Box::new(tap));
        stream.answering = true;
        self.client_end.send_head(id, &fields, false);
        if let Some(link) = self.link(server) {
            link.persists = false;
            link.answering = Answering::Socket;
        }
        self.send_body(id, cx);
        true
    }

    /// The server refused a WebSocket: its answer is one as any other.
    pub(super) fn refuse_socket(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.socket = Socket::None;
        let early = std::mem::take(&mut stream.body).len();
        self.client_end.consumed(id, early);
        self.came(id, cx);
    }

    /// Takes what the client sent in a WebSocket, or before it is open.
    pub(super) fn take_from_socket(&mut self, id: u32, bytes: &Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(tap) = stream.socket.tap() {
            let _lost = tap.read(Peer::Client, bytes.clone(), cx);
        }
        if end {
            stream.socket.finish(Peer::Client, cx);
        }
        self.bound_sockets(id, Peer::Client, cx);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let direct = stream.server.filter(|_| !stream.is_opening() && stream.body.is_empty());
        match direct {
            Some(server) if self.takes_more(server) => {
                self.send_content_to(server, id, bytes, cx);
            }
            _ => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.body.extend_from_slice(bytes);
                }
            }
        }
        if end {
            self.came(id, cx);
        }
    }

    /// Sends the client what its server sent in a WebSocket.
    pub(super) fn send_to_socket(&mut self, id: u32, server: u32, bytes: Bytes, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(tap) = stream.socket.tap() {
            let _lost = tap.read(Peer::Server(server), bytes.clone(), cx);
        }
        self.bound_sockets(id, Peer::Server(server), cx);
        self.client_end.send_data(id, bytes, false);
    }

    /// Reads a WebSocket no more if with it all of them hold too much.
    fn bound_sockets(&mut self, id: u32, from: Peer, cx: &mut Cx) {
        let all = self.streams.values().map(|stream| &stream.socket);
        if Socket::exceed(all)
            && let Some(stream) = self.streams.get_mut(&id)
        {
            stream.socket.lose(from, stream.exchange, cx);
        }
    }

    /// The server sends no more in a WebSocket.
    pub(super) fn end_socket(&mut self, id: u32, server: Peer, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.socket.finish(server, cx);
        stream.answered = true;
        let (exchange, part) = (stream.exchange, Part::Response);
        cx.event(Event::PartEnded { exchange, part });
        self.client_end.send_data(id, Bytes::new(), true);
        self.settle(id, cx);
    }
}
