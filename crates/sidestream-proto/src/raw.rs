//! Bytes that are passed as they come, recorded or unseen.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, Protocol};

use crate::Output;
use crate::conn::{Next, Told};
use crate::cx::Cx;
use crate::watch::Watch;

/// The well-known port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Relays between the client and one server, ends and resets included.
pub(crate) struct Raw {
    server: u32,
    ended: [bool; 2],
    dns: Option<Watch>,
    /// Nothing of the content is recorded.
    unseen: bool,
    /// The engine was asked to do the rest.
    spliced: bool,
}

impl Raw {
    pub(crate) fn new(server: u32, cx: &mut Cx) -> Self {
        let dns = (cx.key.server.port() == DNS_PORT).then(Watch::stream);
        cx.event(Event::Recognized(if dns.is_some() { Protocol::Dns } else { Protocol::Raw }));
        Self { dns, ..Self::after_http(server) }
    }

    /// What nothing is recorded of.
    pub(crate) fn unseen(server: u32) -> Self {
        Self { unseen: true, ..Self::after_http(server) }
    }

    /// What is left of a flow when one of its HTTP peers has ended.
    pub(crate) const fn after_http(server: u32) -> Self {
        Self { server, ended: [false; 2], dns: None, unseen: false, spliced: false }
    }

    pub(crate) const fn other(&self, peer: Peer) -> Peer {
        match peer {
            Peer::Client => Peer::Server(self.server),
            Peer::Server(_) => Peer::Client,
        }
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(peer, bytes) => self.pass(peer, bytes, cx),
            Told::Eof(peer, clean) => {
                cx.shutdown(self.other(peer), clean);
                self.ended[usize::from(peer != Peer::Client)] = true;
                if self.ended == [true; 2] { Next::Finish } else { Next::Stay }
            }
            Told::Reset(peer) => Next::Fail(Failure::Reset(peer)),
            Told::OpenFailed(_, failure) => Next::Fail(Failure::Dial(failure)),
            Told::TlsFailed(peer, error) => {
                Next::Fail(Failure::Tls { peer, reason: error.to_string() })
            }
            // What one peer has ended is nearly over.
            Told::Stop if self.ended != [false; 2] => Next::Finish,
            Told::Stop => Next::Fail(Failure::Stopped),
            Told::Established(_)
            | Told::Expired(_)
            | Told::Leaf(_)
            | Told::Opened(_)
            | Told::Resumed(_) => Next::Stay,
        }
    }

    fn pass(&mut self, peer: Peer, bytes: Bytes, cx: &mut Cx) -> Next {
        if self.unseen {
            cx.send(self.other(peer), bytes);
            return Next::Stay;
        }
        let mut events = Vec::new();
        let watched =
            self.dns.as_mut().is_some_and(|dns| dns.see(peer, &bytes, &cx.ids, &mut events));
        cx.events(events);
        if !watched {
            let message = cx.ids.message();
            cx.event(Event::Data { message, from: peer, data: bytes.clone() });
        }
        cx.send(self.other(peer), bytes);
        Next::Stay
    }

    /// Leaves the rest to the engine, where nobody has to look at it or encrypt it.
    pub(crate) fn splice(&mut self, cx: &mut Cx) {
        if !self.unseen || self.spliced {
            return;
        }
        let peers = [Peer::Client, Peer::Server(self.server)];
        self.spliced = peers.into_iter().all(|peer| cx.leg(peer).is_some_and(|leg| leg.is_bare()));
        if self.spliced {
            cx.output(Output::Splice { server: self.server });
        }
    }

    pub(crate) fn end(&mut self, cx: &mut Cx) {
        let mut events = Vec::new();
        if let Some(dns) = &mut self.dns {
            dns.end(&mut events);
        }
        cx.events(events);
    }
}
