//! How exchanges end, and connections with them.

use sidestream_flow::Peer;
use sidestream_record::{Event, Failure};

use super::FromHttp2;
use super::links::{Answering, Link, Use};
use crate::cx::Cx;
use crate::http;
use crate::http2::ErrorCode;
use crate::layer::Next;

impl FromHttp2 {
    /// Ends an exchange that is over, and lets its connection serve another stream.
    pub(super) fn settle(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        if !stream.asked || !stream.answered {
            return;
        }
        let server = stream.server;
        self.client_end.let_go(id);
        self.forget(id, None, cx);
        let Some(server) = server else { return };
        let Some(link) = self.link(server) else { return };
        (link.used, link.reused) = (Use::Idle, true);
        let persists = link.persists;
        let last = (self.stopping || self.client_ended) && self.waiting.is_empty();
        if last || !persists {
            self.drop_link(server, cx);
        }
    }

    /// Takes an exchange out.
    pub(super) fn forget(&mut self, id: u32, failure: Option<Failure>, cx: &mut Cx) {
        let Some(mut stream) = self.streams.remove(&id) else { return };
        let [untaken, _] = stream.socket.untaken();
        stream.socket.end(cx);
        self.client_end.consumed(id, stream.owed + untaken);
        cx.event(Event::ExchangeEnded { exchange: stream.exchange, failure });
    }

    /// Ends an exchange whose stream is over, and its connection, which is still at it.
    pub(super) fn give_up(&mut self, id: u32, failure: Option<Failure>, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        let server = stream.server;
        self.forget(id, failure, cx);
        if let Some(server) = server {
            // So does a client that no longer wants the response.
            cx.abort(Peer::Server(server));
            self.links.retain(|link| link.server != server);
        }
    }

    /// Closes a connection that nobody needs.
    pub(super) fn drop_link(&mut self, server: u32, cx: &mut Cx) {
        cx.shutdown(Peer::Server(server), true);
        cx.forget(Peer::Server(server));
        self.links.retain(|link| link.server != server);
    }

    /// Ends the connections whose server has ended and of which all was read that came before.
    pub(super) fn close_links(&mut self, cx: &mut Cx) -> bool {
        let over = |link: &&Link| link.ended.is_some() && !self.is_stuck(link);
        let over: Vec<_> = self.links.iter().filter(over).map(|link| link.server).collect();
        let any = !over.is_empty();
        for server in over {
            if self.gathering_ended(server, cx) {
                continue;
            }
            let Some(link) = self.link(server) else { continue };
            let clean = link.ended.take().unwrap_or_default();
            if let (Use::Stream(id), Answering::Socket) = (link.used, &link.answering) {
                self.end_socket(id, Peer::Server(server), cx);
            } else {
                cx.shutdown(Peer::Server(server), clean);
                self.close_link(server, cx);
            }
        }
        any
    }

    /// A server sends no more: the response is whole if it lasts until then (RFC 9112 §6.3).
    fn close_link(&mut self, server: u32, cx: &mut Cx) {
        let mut missing = None;
        let Some(link) = self.link(server) else { return };
        if let (Use::Stream(id), Answering::Body(reader)) = (link.used, &mut link.answering) {
            link.persists = false;
            match http::missing(reader) {
                Some(lacking) => missing = lacking,
                None if self.streams.get(&id).is_some_and(|stream| !stream.answered) => {
                    self.client_end.send_data(id, bytes::Bytes::new(), true);
                    self.answered(server, id, cx);
                }
                None => {}
            }
        }
        let failure = Failure::CutShort { peer: Peer::Server(server), missing };
        self.lose_link(server, &failure, cx);
    }

    /// A connection is gone, and with it the exchange that it served.
    pub(super) fn lose_link(&mut self, server: u32, failure: &Failure, cx: &mut Cx) {
        let Some(at) = self.links.iter().position(|link| link.server == server) else { return };
        let Link { used, reused, .. } = self.links.remove(at);
        cx.forget(Peer::Server(server));
        let Use::Stream(id) = used else { return };
        let Some(stream) = self.streams.get(&id) else { return };
        if stream.answered {
            // Of the request nothing more is needed (RFC 9113 §8.1).
            self.client_end.let_go(id);
            return self.forget(id, None, cx);
        }
        let lost = reused && !stream.answering && stream.interim == 0 && stream.is_safe();
        // A server may close an idle connection just when it is used again: then the request was
        // not seen, and the client may send it again.
        let code = match () {
            () if lost => ErrorCode::REFUSED_STREAM,
            // As a connection is reset (RFC 8441 §5).
            () if stream.is_socket() => ErrorCode::CANCEL,
            () => ErrorCode::INTERNAL_ERROR,
        };
        self.client_end.reset(id, code);
        self.forget(id, Some(failure.clone()), cx);
    }

    /// The client sends no more: what it has not asked whole is given up.
    pub(super) fn client_ended(&mut self, cx: &mut Cx) {
        self.client_ended = true;
        let cut = Failure::CutShort { peer: Peer::Client, missing: None };
        let halves = self.streams.iter().filter(|(_, stream)| !stream.came).map(|(id, _)| *id);
        for id in halves.collect::<Vec<_>>() {
            self.client_end.reset(id, ErrorCode::CANCEL);
            self.give_up(id, Some(cut.clone()), cx);
        }
    }

    /// Ends the flow with everyone.
    pub(super) fn finish(&mut self, cx: &mut Cx) -> Next {
        self.client_end.go_away(ErrorCode::NO_ERROR);
        self.flush(cx);
        cx.shutdown(Peer::Client, true);
        for link in &self.links {
            cx.shutdown(Peer::Server(link.server), true);
        }
        Next::Finish
    }

    /// Ends all exchanges that are under way.
    pub(crate) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        let cut = || Failure::CutShort { peer: Peer::Client, missing: None };
        for mut stream in std::mem::take(&mut self.streams).into_values() {
            stream.socket.end(cx);
            let failure = Some(failure.cloned().unwrap_or_else(cut));
            cx.event(Event::ExchangeEnded { exchange: stream.exchange, failure });
        }
    }
}
