//! Streams that become WebSockets (RFC 8441), each with a connection of its own to the server.

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Change, Event, Failure, Part, RequestHead, ResponseHead};

use super::FromHttp2;
use super::links::Answering;
use crate::cx::Cx;
use crate::hooks::MessageVerdict;
use crate::http2::ErrorCode;
use crate::multiplexed::socket::Socket;
use crate::translate::body::Sending;
use crate::translate::{malformed, upgrade};
use crate::websocket::{self, Extensions, InjectError, Injection, Passed, Tap};

impl FromHttp2 {
    /// Makes the request by which a server of HTTP/1 is asked for a WebSocket, and its key.
    pub(super) fn make_socket(
        &self,
        head: &RequestHead,
        cx: &Cx,
    ) -> Result<(Bytes, Sending, String), (ErrorCode, Failure)> {
        let Some(key) = websocket::key(cx) else {
            let reason = "the system has no randomness".into();
            return Err((ErrorCode::INTERNAL_ERROR, Failure::Internal { reason }));
        };
        match upgrade::request_to_http1(head, &key) {
            Ok(wire) => Ok((wire, Sending::Plain, key)),
            Err(what) => Err((ErrorCode::PROTOCOL_ERROR, malformed(Peer::Client, what))),
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
        let wanted = cx.want_messages(stream.seen.as_ref(), head);
        let mut tap = Tap::new(stream.exchange, Peer::Server(server), &extensions, wanted, cx);
        // A client may not wait for the answer, but its server has to.
        let early = std::mem::take(&mut stream.body).freeze();
        let early = tap.pass(Peer::Client, early, cx);
        stream.owed = early.taken;
        stream.body = BytesMut::from(&early.bytes[..]);
        stream.socket = Socket::Open(Box::new(tap));
        stream.answering = true;
        self.client_end.send_head(id, &fields, false);
        if let Some(link) = self.link(server) {
            link.persists = false;
            link.answering = Answering::Socket;
        }
        if let Some(failure) = early.failure {
            self.end_with(id, failure, cx);
            return true;
        }
        self.send_body(id, cx);
        true
    }

    /// The server refused a WebSocket: its answer is one as any other.
    pub(super) fn refuse_socket(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.socket = Socket::None;
        let early = std::mem::take(&mut stream.owed);
        stream.body.clear();
        self.client_end.consumed(id, early);
        self.came(id, cx);
    }

    /// Takes what the client sent in a WebSocket, or before it is open.
    pub(super) fn take_from_socket(&mut self, id: u32, bytes: &Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(tap) = stream.socket.tap() else {
            stream.owed += bytes.len();
            stream.body.extend_from_slice(bytes);
            if end {
                self.came(id, cx);
            }
            return;
        };
        let passed = tap.pass(Peer::Client, bytes.clone(), cx);
        self.pass_up(id, passed, cx);
        let tap = self.streams.get_mut(&id).filter(|_| end).and_then(|it| it.socket.tap());
        if let Some(tap) = tap {
            let passed = tap.ended(Peer::Client, cx);
            self.pass_up(id, passed, cx);
        }
        self.bound_sockets(id, Peer::Client, cx);
    }

    /// Lets go on what the client said in a WebSocket.
    fn pass_up(&mut self, id: u32, passed: Passed, cx: &mut Cx) {
        let Passed { bytes, taken, end, failure, lost: _ } = passed;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.owed += taken;
        let direct = stream.server.filter(|_| stream.body.is_empty());
        match direct {
            Some(server) if self.takes_more(server) => {
                self.send_content_to(server, id, &bytes, cx);
            }
            _ => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.body.extend_from_slice(&bytes);
                }
            }
        }
        if let Some(failure) = failure {
            return self.end_with(id, failure, cx);
        }
        if end {
            self.came(id, cx);
        }
    }

    /// Sends the client what its server sent in a WebSocket.
    pub(super) fn send_to_socket(&mut self, id: u32, server: u32, bytes: Bytes, cx: &mut Cx) {
        let Some(tap) = self.streams.get_mut(&id).and_then(|it| it.socket.tap()) else { return };
        let passed = tap.pass(Peer::Server(server), bytes, cx);
        self.pass_down(id, passed, cx);
        self.bound_sockets(id, Peer::Server(server), cx);
    }

    /// Lets go on what the server said in a WebSocket.
    fn pass_down(&mut self, id: u32, passed: Passed, cx: &mut Cx) {
        let Passed { bytes, end, failure, taken: _, lost: _ } = passed;
        if end || !bytes.is_empty() {
            self.client_end.send_data(id, bytes, end);
        }
        if let Some(failure) = failure {
            return self.end_with(id, failure, cx);
        }
        let Some(stream) = self.streams.get_mut(&id).filter(|_| end) else { return };
        stream.answered = true;
        let (exchange, part) = (stream.exchange, Part::Response);
        cx.event(Event::PartEnded { exchange, part });
        self.settle(id, cx);
    }

    /// Ends a WebSocket with both, and tells who did, if it was a hook.
    fn end_with(&mut self, id: u32, failure: Failure, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        if let Failure::Blocked { by } = &failure {
            cx.edited(stream.exchange, by, Change::Killed);
        }
        self.client_end.reset(id, ErrorCode::CANCEL);
        self.give_up(id, Some(failure), cx);
    }

    /// Hooks judged a message of a WebSocket.
    pub(super) fn judged_message(
        &mut self,
        message: MessageId,
        verdict: MessageVerdict,
        cx: &mut Cx,
    ) {
        let of = self.streams.iter_mut().find_map(|(id, stream)| {
            let tap = stream.socket.tap().filter(|tap| tap.is_asked(message))?;
            Some((*id, tap))
        });
        let Some((id, tap)) = of else { return };
        match tap.judged(message, verdict, cx) {
            Some((Peer::Client, passed)) => self.pass_up(id, passed, cx),
            Some((Peer::Server(_), passed)) => self.pass_down(id, passed, cx),
            None => {}
        }
    }

    /// Sends a message of the user's own to a peer.
    pub(in crate::translate) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        let of = self.streams.iter_mut().find(|(_, stream)| stream.exchange == exchange);
        let (&id, stream) = of.ok_or(InjectError::NotOpen)?;
        let over = if to == Peer::Client { stream.answered } else { stream.came };
        let tap = stream.socket.tap().ok_or(InjectError::NotOpen)?;
        if to != Peer::Client && to != tap.place().1 {
            return Err(InjectError::NotOpen);
        }
        if over {
            return Err(InjectError::Closed);
        }
        let (_, bytes) = tap.inject(to, injection, cx)?;
        let passed = Passed { bytes, ..Passed::default() };
        match to {
            Peer::Client => self.pass_down(id, passed, cx),
            Peer::Server(_) => self.pass_up(id, passed, cx),
        }
        self.flush(cx);
        Ok(())
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
        let Some(tap) = self.streams.get_mut(&id).and_then(|it| it.socket.tap()) else { return };
        let passed = tap.ended(server, cx);
        self.pass_down(id, passed, cx);
    }
}
