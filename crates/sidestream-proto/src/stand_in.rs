//! TLS with the one server that clients take us for, where the client itself uses none.

use rustls::pki_types::ServerName;
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure};

use crate::cx::Cx;
use crate::deferred::{Spoken, Use};
use crate::layer::Next;
use crate::sniff::{Sniff, Way};
use crate::timers::Timer;
use crate::translate::Name;

/// How much of a client waits for TLS with its server.
pub(crate) const MAX_WAITING: usize = 64 * 1024;

/// How far TLS with the one server is that clients take us for, where the client itself uses none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Securing {
    Done,
    No,
    UnderWay,
}

impl Sniff {
    /// Begins TLS with the one server that clients take us for, if it wants that and the client
    /// uses none; offers what the client speaks.
    pub(crate) fn secure_server(&mut self, alpn: Option<&[u8]>, cx: &mut Cx) -> Option<Next> {
        let Way::Server(server) = self.way else { return None };
        if self.secure {
            return None;
        }
        match self.securing {
            Securing::Done => return None,
            Securing::UnderWay => return Some(Next::Stay),
            Securing::No => {}
        }
        let reverse = cx.config.reverse.clone().filter(|reverse| reverse.secure)?;
        let peer = Peer::Server(server);
        let name = match ServerName::try_from(reverse.host.clone()) {
            Ok(name) => name,
            Err(error) => {
                return Some(Next::Fail(Failure::Tls { peer, reason: error.to_string() }));
            }
        };
        let alpn: Vec<_> = alpn.map(<[u8]>::to_vec).into_iter().collect();
        let name = Name { name, sent: true };
        let spoken = Spoken::tls(&name, &alpn, None);
        if let Err(error) = cx.secure(server, name, alpn, None) {
            return Some(Next::Fail(Failure::Tls { peer, reason: error.to_string() }));
        }
        cx.open_deferred(Use::Http(spoken));
        cx.timers.clear(Timer::Sniff);
        cx.timers.set(Timer::Handshake, cx.now + cx.config.timeouts.handshake);
        self.securing = Securing::UnderWay;
        Some(Next::Stay)
    }

    /// TLS with the one server is there.
    pub(crate) fn secured(&mut self, server: u32, cx: &mut Cx) -> Next {
        cx.timers.clear(Timer::Handshake);
        self.securing = Securing::Done;
        let (peer, name) = (Peer::Server(server), cx.host.clone());
        if let Some(session) = cx.leg(peer).and_then(|leg| leg.top_mut()) {
            let tls = session.facts(peer, name.as_deref(), None);
            cx.event(Event::Secured(tls));
        }
        match (self.decide(cx), self.ended.take()) {
            (Next::Stay, Some(ended)) => self.give_up(Some(ended), cx),
            (Next::Become(layer, mut replay), Some(ended)) => {
                replay.push(ended);
                Next::Become(layer, replay)
            }
            (next, _) => next,
        }
    }
}
