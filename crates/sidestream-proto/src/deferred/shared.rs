//! Connections that one flow leaves and another goes on with.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::{FlowId, Peer};
use sidestream_record::{Alteration, Event};

use super::{Deferred, Stage};
use crate::alpn::HTTP1;
use crate::cx::Cx;
use crate::layer::Told;
use crate::leg::{Arrived, Leg};
use crate::tls::hello::{ClientHello, is_grease};
use crate::translate::Name;
use crate::{Output, Target};

/// Whether a connection that another flow has left may serve in place of a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// No.
    No,
    /// Perhaps: which one would do is known later. If one is there at all, that is told by
    /// [`Input::Spare`](crate::Input::Spare), and none is made.
    Later,
    /// One on which this is spoken.
    Now(Spoken),
}

/// What is spoken on a connection that several flows may use one after the other.
///
/// They are alike if these are equal: a server would not see a difference between the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spoken(Option<Box<SpokenTls>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SpokenTls {
    name: String,
    sent: bool,
    alpn: Vec<Vec<u8>>,
    /// What of its client's offer shows in ours.
    lists: [Vec<u16>; 5],
}

impl Spoken {
    /// HTTP/1 in the clear.
    pub(crate) const PLAIN: Self = Self(None);

    /// HTTP/1 in TLS, with what that client offered.
    pub(crate) fn tls(name: &Name, alpn: &[Vec<u8>], hello: Option<&ClientHello>) -> Self {
        let lists = hello.map_or_else(Default::default, |hello| {
            [
                hello.supported_versions.clone(),
                hello.ciphers.clone(),
                hello.groups.clone(),
                hello.key_share_groups.clone(),
                hello.signature_algorithms.clone(),
            ]
            .map(without_grease)
        });
        let (sent, name) = (name.sent, name.name.to_str().to_ascii_lowercase());
        Self(Some(Box::new(SpokenTls { name, sent, alpn: alpn.to_vec(), lists })))
    }
}

/// Clients choose other reserved values each time (RFC 8701).
fn without_grease(mut list: Vec<u16>) -> Vec<u16> {
    list.retain(|value| !is_grease(*value));
    list
}

/// How a server was reached.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) target: Target,
    pub(crate) addr: Option<SocketAddr>,
    /// The proxy on the way.
    pub(crate) proxy: Option<Arc<str>>,
}

impl Reached {
    pub(crate) const fn by(target: Target) -> Self {
        Self { target, addr: None, proxy: None }
    }
}

/// A connection with a server on which nothing is under way, for another flow to go on with.
pub struct Kept {
    /// What it was opened for.
    pub target: Target,
    /// What is spoken on it.
    pub spoken: Spoken,
    leg: Leg,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, spoken, .. } = self;
        f.debug_struct("Kept")
            .field("target", target)
            .field("spoken", spoken)
            .finish_non_exhaustive()
    }
}

impl Kept {
    /// Takes what came while nobody used it, and returns whether it can still be used: what a
    /// server says unasked, or its end, is nothing that another flow should see.
    pub fn feed(&mut self, wire: Bytes) -> bool {
        let mut arrived: Vec<Arrived> = Vec::new();
        self.leg.feed(wire, &mut arrived);
        arrived.is_empty()
    }

    /// Ends TLS, and returns what is to be written before the connection is closed.
    pub fn close(mut self) -> Bytes {
        self.leg.close_tls();
        self.leg.flush()
    }
}

impl Cx {
    /// Goes on with a connection that another flow has left.
    pub(crate) fn reuse(&mut self, server: u32, kept: Kept, by: FlowId) {
        let waiting = self.leg(Peer::Server(server)).map(Leg::take_waiting);
        let deferred = self.deferred.take_if(|it| it.server == server);
        let told = match deferred.as_ref().is_some_and(|it| it.tls.is_some()) || kept.leg.is_plain()
        {
            true => Told::Opened(server),
            false => Told::Established(Peer::Server(server)),
        };
        if let Some(leg) = self.servers.get_mut(server as usize) {
            *leg = kept.leg;
            leg.reused = true;
        }
        self.tell_reached(server, by);
        if matches!(told, Told::Opened(_)) {
            self.tell_tls(server);
        }
        for bytes in waiting.into_iter().flatten() {
            self.send(Peer::Server(server), bytes);
        }
        if let Some(clean) = deferred.and_then(|it| it.shut) {
            self.shutdown(Peer::Server(server), clean);
        }
        self.told.push_back(told);
    }

    /// Opens a server anew which has closed a connection that another flow had left, before it
    /// said anything; returns its number.
    pub(crate) fn reopen(&mut self, closed: u32) -> Option<u32> {
        let leg = self.servers.get_mut(closed as usize).filter(|leg| leg.reused)?;
        let target = leg.reached.as_ref()?.target.clone();
        let mut tls = leg.inside.take();
        if let Some(inside) = &mut tls {
            // That is what it chose before, or it chose nothing.
            inside.alpn.retain(|name| name == HTTP1);
        }
        self.shutdown(Peer::Server(closed), false);
        self.forget(Peer::Server(closed));
        let server = self.push_leg();
        let (stage, shut) = (Stage::Opening, None);
        if let Some(leg) = self.servers.last_mut() {
            leg.reached = Some(Box::new(Reached::by(target.clone())));
        }
        let share = Share::No;
        self.output(Output::Open { server, target: target.clone(), share });
        self.deferred = Some(Box::new(Deferred { server, target, stage, tls, shut }));
        Some(server)
    }

    fn tell_reached(&mut self, server: u32, by: FlowId) {
        let leg = self.servers.get(server as usize);
        let Some(Reached { addr, proxy, .. }) = leg.and_then(|leg| leg.reached.as_deref().cloned())
        else {
            return;
        };
        if let Some(proxy) = proxy {
            let alteration = Alteration::Proxied { proxy: proxy.to_string() };
            self.event(Event::Altered { exchange: None, alteration });
        }
        if let Some(addr) = addr {
            self.event(Event::Connected { server, addr });
        }
        let alteration = Alteration::ConnectionShared { with: by };
        self.event(Event::Altered { exchange: None, alteration });
    }

    /// Leaves a connection on which nothing is under way to other flows, where the user allows it;
    /// returns whether it did.
    pub(crate) fn keep(&mut self, server: u32) -> bool {
        let Some(leg) = self.servers.get_mut(server as usize) else { return false };
        if leg.eof || leg.shut || leg.gone || leg.is_busy() {
            return false;
        }
        let Some(target) = leg.reached.as_ref().map(|it| it.target.clone()) else { return false };
        let spoken = match (leg.is_plain(), &leg.inside) {
            (true, _) => Spoken::PLAIN,
            (false, Some(inside)) => inside.spoken(),
            (false, None) => return false,
        };
        let leg = std::mem::replace(leg, Leg::unopened());
        let kept = Box::new(Kept { target, spoken, leg });
        self.output(Output::Keep { server, kept });
        true
    }
}
