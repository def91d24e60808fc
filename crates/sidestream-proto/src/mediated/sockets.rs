//! WebSockets in streams: what hooks hold of them, and what the user puts into them.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Failure, Part};

use super::Mediated;
use super::stream::Item;
use crate::cx::Cx;
use crate::hooks::MessageVerdict;
use crate::http2::ErrorCode;
use crate::multiplexed::socket::Socket;
use crate::websocket::{InjectError, Injection, Passed};

const fn part_of(from: Peer) -> Part {
    match from {
        Peer::Client => Part::Request,
        Peer::Server(_) => Part::Response,
    }
}

impl Mediated {
    /// Takes what a peer sent in a WebSocket that is open.
    pub(super) fn socket_data(
        &mut self,
        id: u32,
        part: Part,
        bytes: Bytes,
        end: bool,
        cx: &mut Cx,
    ) {
        let from = if part == Part::Request { Peer::Client } else { Peer::Server(self.server) };
        let Some(tap) = self.streams.get_mut(&id).and_then(|it| it.socket.tap()) else { return };
        let passed = tap.pass(from, bytes, cx);
        self.socket_passed(id, part, passed, cx);
        let tap = self.streams.get_mut(&id).filter(|_| end).and_then(|it| it.socket.tap());
        if let Some(tap) = tap {
            let passed = tap.ended(from, cx);
            self.socket_passed(id, part, passed, cx);
        }
        self.bound_sockets(id, from, cx);
    }

    /// Lets go on what a peer said in a WebSocket.
    fn socket_passed(&mut self, id: u32, part: Part, passed: Passed, cx: &mut Cx) {
        let Passed { bytes, taken: count, end, failure, lost: _ } = passed;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if count > 0 || end || !bytes.is_empty() {
            stream.half(part).waiting.push_back(Item::Data { bytes, end, count });
        }
        match failure {
            None => self.came(id, part, end, cx),
            Some(Failure::Blocked { by }) => self.kill(id, by, cx),
            Some(failure) => {
                self.end_there(id, ErrorCode::CANCEL);
                self.client_end.reset(id, ErrorCode::CANCEL);
                self.forget(id, Some(failure), cx);
            }
        }
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
        if let Some((from, passed)) = tap.judged(message, verdict, cx) {
            self.socket_passed(id, part_of(from), passed, cx);
        }
    }

    /// Sends a message of the user's own to a peer.
    pub(crate) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        let of = self.streams.iter_mut().find(|(_, stream)| stream.exchange == exchange);
        let (&id, stream) = of.ok_or(InjectError::NotOpen)?;
        let part = if to == Peer::Client { Part::Response } else { Part::Request };
        let came = stream.half(part).came;
        let tap = stream.socket.tap().ok_or(InjectError::NotOpen)?;
        if to != Peer::Client && to != tap.place().1 {
            return Err(InjectError::NotOpen);
        }
        if came {
            return Err(InjectError::Closed);
        }
        let (_, bytes) = tap.inject(to, injection, cx)?;
        let passed = Passed { bytes, ..Passed::default() };
        self.socket_passed(id, part, passed, cx);
        self.pass(cx);
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
}
