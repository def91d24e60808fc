//! A server that is opened once it is needed, or reached over a connection that is there.

mod shared;

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_record::{DialFailure, Event};

pub(crate) use shared::Reached;
pub use shared::{Kept, Share, Spoken};

use crate::cx::Cx;
use crate::layer::Told;
use crate::leg::Leg;
use crate::timers::Timer;
use crate::tls::hello::ClientHello;
use crate::translate::Name;
use crate::{Output, Target};

/// A server that is not opened yet.
#[derive(Debug)]
pub(crate) struct Deferred {
    server: u32,
    target: Target,
    stage: Stage,
    /// TLS that is begun with it once it is there.
    tls: Option<Box<Inside>>,
    /// Nothing more will be sent to it after what waits, cleanly or not.
    shut: Option<bool>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has asked for it.
    Waiting,
    Opening,
    Securing,
}

/// TLS that is begun with a server once it is there.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    pub(crate) name: Name,
    pub(crate) alpn: Vec<Vec<u8>>,
    /// What the client offered, if it speaks TLS itself.
    pub(crate) hello: Option<Box<ClientHello>>,
}

impl Inside {
    fn spoken(&self) -> Spoken {
        Spoken::tls(&self.name, &self.alpn, self.hello.as_deref())
    }
}

/// What a server is opened for.
#[derive(Debug)]
pub(crate) enum Use {
    /// Requests of HTTP/1, on a connection on which that is spoken.
    Http(Spoken),
    /// What is no HTTP/1.
    Other,
    /// Whatever the two will say.
    Unknown,
}

impl Cx {
    /// Has a server opened for a client that waits for it; or not yet, if the user wants that.
    pub(crate) fn open_original(&mut self, target: Target) -> u32 {
        if self.config.connections.lazy {
            let server = self.push_leg();
            self.defer(server, target);
            self.told.push_back(Told::Opened(server));
            return server;
        }
        let share = if self.config.connections.shared { Share::Later } else { Share::No };
        self.open_sharing(target, share)
    }

    /// Leaves a server for later. Its client is answered at once.
    pub(crate) fn defer(&mut self, server: u32, target: Target) {
        let (stage, tls, shut) = (Stage::Waiting, None, None);
        self.deferred = Some(Box::new(Deferred { server, target, stage, tls, shut }));
        // A client that waits for its server to speak is not to wait in vain.
        self.timers.set(Timer::Sniff, self.now + self.config.timeouts.sniff);
        self.output(Output::Accept);
    }

    /// Returns whether that server was left for later, and is not there.
    pub(crate) fn lacks(&self, server: u32) -> bool {
        self.deferred.as_ref().is_some_and(|it| it.server == server)
    }

    /// Returns whether that server was left for later, and not asked for yet.
    pub(crate) fn is_deferred(&self, server: u32) -> bool {
        self.lacks(server) && !self.is_opening()
    }

    /// Returns whether a server is being opened that the client does not know to be missing.
    pub(crate) fn is_opening(&self) -> bool {
        self.deferred.as_ref().is_some_and(|it| it.stage != Stage::Waiting)
    }

    /// Has TLS begun with a server once that is there.
    pub(crate) fn secure_later(&mut self, inside: Inside) {
        if let Some(deferred) = &mut self.deferred {
            deferred.tls = Some(Box::new(inside));
        }
    }

    /// Opens the server that was left for later, to speak that to it, or what cannot be shared.
    pub(crate) fn open_deferred(&mut self, what: Use) {
        let shares = self.config.connections.shared;
        let Some(deferred) = self.deferred.as_mut().filter(|it| it.stage == Stage::Waiting) else {
            return;
        };
        deferred.stage = Stage::Opening;
        let target = match (&deferred.target, &what) {
            // A proxy on the way that takes requests takes nothing else.
            (Target::Http(host, port), Use::Other) => Target::Name(host.clone(), *port),
            (target, _) => target.clone(),
        };
        let spoken = match (what, &deferred.tls) {
            (Use::Http(_), Some(inside)) => Some(inside.spoken()),
            (Use::Http(spoken), None) => Some(spoken),
            (Use::Other | Use::Unknown, _) => None,
        };
        self.timers.clear(Timer::Sniff);
        let server = deferred.server;
        let share = spoken.filter(|_| shares).map_or(Share::No, Share::Now);
        if let Some(leg) = self.servers.get_mut(server as usize) {
            leg.reached = shares.then(|| Box::new(Reached::by(target.clone())));
        }
        self.output(Output::Open { server, target, share });
    }

    /// Takes what is sent to a server that is not there yet, and opens it; returns it otherwise.
    pub(crate) fn send_later(&mut self, peer: Peer, bytes: Bytes) -> Option<Bytes> {
        let Peer::Server(server) = peer else { return Some(bytes) };
        if self.deferred.as_ref().is_none_or(|it| it.server != server) {
            return Some(bytes);
        }
        self.open_deferred(Use::Other);
        if let Some(leg) = self.leg(peer) {
            leg.write(bytes);
        }
        None
    }

    /// Notes that nothing more will be sent to a server that is not there yet; returns whether it
    /// is one.
    pub(crate) fn shut_later(&mut self, peer: Peer, clean: bool) -> bool {
        let Some(deferred) = self.deferred.as_mut().filter(|it| peer == Peer::Server(it.server))
        else {
            return false;
        };
        match deferred.stage {
            Stage::Waiting => self.deferred = None,
            Stage::Opening | Stage::Securing => deferred.shut = Some(clean),
        }
        true
    }

    /// A server is there; returns whether it can be used at once.
    pub(crate) fn arrived(&mut self, server: u32) -> bool {
        let Some(mut deferred) = self.deferred.take_if(|it| it.server == server) else {
            return true;
        };
        if let Some(Inside { name, alpn, hello }) = deferred.tls.take().map(|tls| *tls) {
            deferred.stage = Stage::Securing;
            self.timers.set(Timer::Handshake, self.now + self.config.timeouts.handshake);
            let waiting = self.leg(Peer::Server(server)).map(Leg::take_waiting);
            if let Err(error) = self.secure(server, name, alpn, hello.as_deref()) {
                self.told.push_back(Told::TlsFailed(Peer::Server(server), error));
                return false;
            }
            for bytes in waiting.into_iter().flatten() {
                self.send(Peer::Server(server), bytes);
            }
            self.deferred = Some(deferred);
            return false;
        }
        self.release(server, deferred.shut);
        true
    }

    /// TLS with a server is there that was begun as soon as that was; returns whether it is one.
    fn arrived_securely(&mut self, server: u32) -> bool {
        let securing = |it: &mut Box<Deferred>| it.server == server && it.stage == Stage::Securing;
        let Some(deferred) = self.deferred.take_if(securing) else { return false };
        self.timers.clear(Timer::Handshake);
        self.tell_tls(server);
        self.release(server, deferred.shut);
        true
    }

    /// Returns what that means to a layer that takes a server for one that is opened.
    pub(crate) fn of_deferred(&mut self, told: Told) -> Told {
        match told {
            Told::Established(Peer::Server(server)) if self.arrived_securely(server) => {
                Told::Opened(server)
            }
            Told::Expired(Timer::Handshake) => {
                match self.deferred.take_if(|it| it.stage == Stage::Securing) {
                    Some(late) => Told::OpenFailed(late.server, DialFailure::TimedOut),
                    None => told,
                }
            }
            told => told,
        }
    }

    fn tell_tls(&mut self, server: u32) {
        let (peer, host) = (Peer::Server(server), self.host.clone());
        if let Some(session) = self.leg(peer).and_then(|leg| leg.top_mut()) {
            let tls = session.facts(peer, host.as_deref(), None);
            self.event(Event::Secured(tls));
        }
    }

    /// A server that was left for later is not reached.
    pub(crate) fn missed(&mut self, server: u32) {
        self.deferred.take_if(|it| it.server == server);
    }

    fn release(&mut self, server: u32, shut: Option<bool>) {
        let peer = Peer::Server(server);
        let waiting = self.leg(peer).filter(|leg| leg.is_plain()).map(Leg::take_waiting);
        for bytes in waiting.into_iter().flatten() {
            self.send(peer, bytes);
        }
        if let Some(clean) = shut {
            self.shutdown(peer, clean);
        }
    }
}
