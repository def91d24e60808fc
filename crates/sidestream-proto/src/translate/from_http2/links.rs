//! The connections with the server, each of which serves one stream at a time.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, ResponseHead};

use super::{FromHttp2, HIGH_WATER};
use crate::Target;
use crate::cx::Cx;
use crate::hooks::{Gathered, Origin};
use crate::http1::{BodyReader, HeadReader, Parsed};
use crate::http2::ErrorCode;

/// How many connections are opened for one client, as browsers do.
pub(super) const MAX_LINKS: usize = 6;

/// How many connections are opened in all, before the client is told to begin anew.
const MAX_SERVERS: usize = 200;

/// What is being read from a server.
pub(super) enum Answering {
    Head(HeadReader),
    /// Until it is whole, which hooks want to see.
    Gathering(Box<Answer>),
    /// Until it is resumed, or hooks have judged it.
    Held(Box<Answer>),
    Body(BodyReader),
    /// What comes is of a WebSocket.
    Socket,
}

/// A response that was read and is not sent on yet.
pub(super) struct Answer {
    pub(super) parsed: Parsed<ResponseHead>,
    /// Hooks are asked about it.
    pub(super) asked: bool,
    /// Its body, as far as it was held.
    pub(super) body: Option<Gathered>,
}

/// What a connection is for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is not there yet.
    Opening,
    /// A stream can have it.
    Idle,
    Stream(u32),
}

pub(super) struct Link {
    pub(super) server: u32,
    pub(super) used: Use,
    /// From the server, not parsed yet.
    pub(super) buf: BytesMut,
    pub(super) answering: Answering,
    /// When the head of the response began that is not whole.
    pub(super) begun: Option<Instant>,
    /// Another exchange may follow.
    pub(super) persists: bool,
    /// The server sends no more, with TLS whether it said so, and that was not looked at yet.
    pub(super) ended: Option<bool>,
    /// It served a stream before.
    pub(super) reused: bool,
    /// It is for that stream alone, whose request a hook sent to another server.
    pub(super) aside: Option<(u32, Origin)>,
    /// How much of bodies was sent since all was written, once it is known that this is told.
    pub(super) unwritten: Option<usize>,
}

impl Link {
    pub(super) fn ready(server: u32, cx: &Cx) -> Self {
        Self {
            server,
            used: Use::Idle,
            buf: BytesMut::new(),
            answering: Answering::Head(HeadReader::new(cx.config.http1)),
            begun: None,
            persists: true,
            ended: None,
            reused: false,
            aside: None,
            unwritten: None,
        }
    }
}

impl FromHttp2 {
    pub(super) fn link(&mut self, server: u32) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.server == server)
    }

    /// Returns whether what comes from a server can be passed on, or be kept.
    pub(super) fn reads(&self, server: u32) -> bool {
        let Some(link) = self.links.iter().find(|link| link.server == server) else { return true };
        let Use::Stream(stream) = link.used else { return true };
        let answered = self.streams.get(&stream).is_none_or(|stream| stream.answered);
        !(answered || self.is_stuck(link)) || link.buf.len() < HIGH_WATER
    }

    /// Returns whether more can be taken of what a server says in a WebSocket.
    pub(super) fn listens(&self, stream: u32, server: u32) -> bool {
        self.streams.get(&stream).is_none_or(|it| it.socket.wants(Peer::Server(server)))
    }

    /// Returns whether what came of a response cannot go on at the moment.
    pub(super) fn is_stuck(&self, link: &Link) -> bool {
        let Use::Stream(stream) = link.used else { return false };
        match link.answering {
            Answering::Held(_) => true,
            Answering::Socket if !self.listens(stream, link.server) => !link.buf.is_empty(),
            _ => !link.buf.is_empty() && self.client_end.queued(stream) >= HIGH_WATER,
        }
    }

    /// All that was sent to a server is written: it can be sent more.
    pub(in crate::translate) fn drained(&mut self, server: u32, cx: &mut Cx) {
        let Some(link) = self.link(server) else { return };
        link.unwritten = Some(0);
        if let Use::Stream(stream) = link.used {
            self.send_body(stream, cx);
            self.advance(cx);
            self.flush(cx);
        }
    }

    pub(super) fn feed_link(&mut self, server: u32, bytes: &Bytes) {
        if let Some(link) = self.link(server) {
            link.buf.extend_from_slice(bytes);
        }
    }

    /// Gives connections to streams that wait, and opens more of them.
    pub(super) fn dispatch(&mut self, cx: &mut Cx) -> bool {
        self.waiting.retain(|id| self.streams.contains_key(id));
        let mut moved = false;
        while let Some(&id) = self.waiting.front() {
            let idle = self.links.iter_mut().find(|link| link.used == Use::Idle);
            let Some(link) = idle else { break };
            link.used = Use::Stream(id);
            link.answering = Answering::Head(HeadReader::new(cx.config.http1));
            let server = link.server;
            self.waiting.pop_front();
            self.send_request(id, server, cx);
            moved = true;
        }
        let opening = |link: &&Link| link.used == Use::Opening && link.aside.is_none();
        let opening = self.links.iter().filter(opening).count();
        let lacking = self.waiting.len().saturating_sub(opening);
        // A WebSocket, which may stay for ever, keeps none from those that come and go.
        let passing =
            |link: &&Link| link.aside.is_none() && !matches!(link.answering, Answering::Socket);
        let passing = self.links.iter().filter(passing).count();
        for _ in 0..lacking.min(self.max_links.saturating_sub(passing)) {
            if cx.servers.len() >= MAX_SERVERS {
                self.stop();
            }
            let server = cx.open(Target::Original);
            self.links.push(Link { used: Use::Opening, ..Link::ready(server, cx) });
        }
        moved
    }

    /// A further connection is there.
    pub(super) fn opened(&mut self, server: u32, cx: &mut Cx) {
        let aside = self.link(server).and_then(|link| link.aside.clone());
        let name = match aside {
            None => Ok(self.name.clone()),
            Some((_, origin)) => origin.name(),
        };
        let name = match name {
            Ok(Some(name)) => name,
            Ok(None) => return self.spoken(server, cx),
            Err(reason) => {
                let failure = Failure::Tls { peer: Peer::Server(server), reason };
                return self.unreachable(server, &failure, cx);
            }
        };
        if let Err(error) = cx.secure(server, name, vec![b"http/1.1".to_vec()], None) {
            let failure = Failure::Tls { peer: Peer::Server(server), reason: error.to_string() };
            self.unreachable(server, &failure, cx);
        }
    }

    /// A further connection has TLS.
    pub(super) fn secured(&mut self, server: u32, cx: &mut Cx) {
        let peer = Peer::Server(server);
        if let Some(session) = cx.leg(peer).and_then(|leg| leg.top_mut()) {
            let aside = self.links.iter().any(|it| it.server == server && it.aside.is_some());
            let sni = self.name.as_ref().filter(|name| name.sent && !aside);
            let sni = sni.map(|name| name.name.to_str().into_owned());
            let tls = session.facts(peer, sni.as_deref(), None);
            cx.event(Event::Secured(tls));
        }
        self.spoken(server, cx);
    }

    fn spoken(&mut self, server: u32, cx: &mut Cx) {
        let Some(link) = self.link(server).filter(|link| link.used == Use::Opening) else { return };
        let Some((id, _)) = link.aside else {
            link.used = Use::Idle;
            return;
        };
        link.used = Use::Stream(id);
        if self.streams.contains_key(&id) {
            self.send_request(id, server, cx);
        } else {
            self.drop_link(server, cx);
        }
    }

    /// Opens a connection for a request that a hook sent to another server.
    pub(super) fn open_aside(&mut self, id: u32, origin: Origin, cx: &mut Cx) {
        if cx.servers.len() >= MAX_SERVERS {
            self.stop();
        }
        let server = cx.open(Target::Name(origin.host.clone(), origin.port));
        let (used, aside) = (Use::Opening, Some((id, origin)));
        let link = Link { used, aside, persists: false, ..Link::ready(server, cx) };
        self.links.push(link);
    }

    /// A further connection cannot be had: those that there are have to do.
    pub(super) fn unreachable(&mut self, server: u32, failure: &Failure, cx: &mut Cx) {
        let Some(at) = self.links.iter().position(|link| link.server == server) else { return };
        if self.links[at].used != Use::Opening {
            return self.lose_link(server, failure, cx);
        }
        if let Some((id, _)) = self.links.remove(at).aside {
            self.client_end.reset(id, ErrorCode::INTERNAL_ERROR);
            return self.forget(id, Some(failure.clone()), cx);
        }
        let there = |link: &&Link| link.used != Use::Opening && link.aside.is_none();
        let there = self.links.iter().filter(there).count();
        self.max_links = there.max(1);
        if there > 0 {
            return;
        }
        // None is there, and none can be had: what waits was never begun.
        while let Some(id) = self.waiting.pop_front() {
            self.client_end.reset(id, ErrorCode::REFUSED_STREAM);
            self.forget(id, Some(failure.clone()), cx);
        }
    }
}
