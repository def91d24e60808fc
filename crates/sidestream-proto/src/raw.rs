//! Bytes that are passed as they come, recorded or unseen.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, Protocol};

use crate::Output;
use crate::cx::Cx;
use crate::detect::Greetings;
use crate::layer::{Next, Told};
use crate::watch::Watch;

/// How much content is recorded where it is not recorded to its end: the engine doing the rest
/// would not be worth it for less.
const BEGINNING: u64 = 100 * 1024;

/// Relays between the client and one server, ends and resets included.
pub(crate) struct Raw {
    server: u32,
    ended: [bool; 2],
    dns: Option<Watch>,
    /// What shows which protocol it is, until that is known.
    greetings: Option<Greetings>,
    /// A protocol was told.
    told: bool,
    shown: Shown,
    /// The engine was asked to do the rest.
    spliced: bool,
}

/// What is recorded of the content.
enum Shown {
    /// Each stretch; so much so far.
    All(u64),
    /// How much it was, from the client and from the server.
    Size([u64; 2]),
    Nothing,
}

impl Raw {
    /// What was something else until it could not be understood any more.
    pub(crate) fn new(server: u32, cx: &mut Cx) -> Self {
        Self::recognized(Protocol::Raw, server, cx)
    }

    /// What was recognized by what the client said first, and is not decoded here.
    pub(crate) fn recognized(protocol: Protocol, server: u32, cx: &mut Cx) -> Self {
        cx.event(Event::Recognized(protocol));
        let dns = (protocol == Protocol::Dns).then(Watch::stream);
        Self { dns, ..Self::after_http(server) }
    }

    /// What both peers may still show.
    pub(crate) fn unrecognized(server: u32) -> Self {
        Self { greetings: Some(Greetings::default()), told: false, ..Self::after_http(server) }
    }

    /// What nothing is recorded of.
    pub(crate) fn unseen(server: u32) -> Self {
        Self { shown: Shown::Nothing, ..Self::after_http(server) }
    }

    /// What is left of a flow when one of its HTTP peers has ended.
    pub(crate) const fn after_http(server: u32) -> Self {
        Self {
            server,
            ended: [false; 2],
            dns: None,
            greetings: None,
            told: true,
            shown: Shown::All(0),
            spliced: false,
        }
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
                self.tell(None, cx);
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
            | Told::Resumed(_)
            | Told::MessageVerdict(..)
            | Told::Verdict(..) => Next::Stay,
        }
    }

    fn pass(&mut self, peer: Peer, bytes: Bytes, cx: &mut Cx) -> Next {
        match &mut self.shown {
            Shown::All(_) => self.show(peer, &bytes, cx),
            Shown::Size(size) => size[usize::from(peer != Peer::Client)] += bytes.len() as u64,
            Shown::Nothing => {}
        }
        cx.send(self.other(peer), bytes);
        Next::Stay
    }

    /// Tells the protocol: that one, or for the time being that there is none that is known.
    fn tell(&mut self, protocol: Option<Protocol>, cx: &mut Cx) {
        if protocol.is_some() || !self.told {
            cx.event(Event::Recognized(protocol.unwrap_or(Protocol::Raw)));
            self.told = true;
        }
    }

    fn show(&mut self, from: Peer, bytes: &Bytes, cx: &mut Cx) {
        if let Some(greetings) = &mut self.greetings {
            let protocol = greetings.see(from, bytes);
            if greetings.is_done() {
                self.greetings = None;
            }
            self.tell(protocol, cx);
        }
        let mut events = Vec::new();
        let watched =
            self.dns.as_mut().is_some_and(|dns| dns.see(from, bytes, &cx.ids, &mut events));
        cx.events(events);
        let Shown::All(shown) = &mut self.shown else { return };
        if watched {
            return;
        }
        *shown += bytes.len() as u64;
        let is_enough = *shown >= BEGINNING && !cx.pass.record_raw;
        let message = cx.ids.message();
        cx.event(Event::Data { message, from, data: bytes.clone() });
        if is_enough {
            self.shown = Shown::Size([0; 2]);
        }
    }

    /// Leaves the rest to the engine, where nobody has to look at it or encrypt it.
    pub(crate) fn splice(&mut self, cx: &mut Cx) {
        if self.spliced || matches!(self.shown, Shown::All(_)) {
            return;
        }
        let mut halves = |peer| cx.leg(peer).and_then(|leg| leg.halves());
        let (client, server) = (halves(Peer::Client), halves(Peer::Server(self.server)));
        let (Some(client), Some(server)) = (client, server) else { return };
        // What one has ended, the other has been told of.
        self.spliced = client.0 == server.1 && server.0 == client.1;
        if self.spliced {
            cx.output(Output::Splice { server: self.server });
        }
    }

    /// Counts what the engine has moved.
    pub(crate) fn spliced(&mut self, from_client: u64, from_server: u64) {
        if let Shown::Size(size) = &mut self.shown {
            size[0] += from_client;
            size[1] += from_server;
        }
    }

    pub(crate) fn end(&mut self, cx: &mut Cx) {
        self.tell(None, cx);
        let mut events = Vec::new();
        if let Some(dns) = &mut self.dns {
            dns.end(&mut events);
        }
        cx.events(events);
        let Shown::Size(size) = self.shown else { return };
        for (from, bytes) in [Peer::Client, Peer::Server(self.server)].into_iter().zip(size) {
            if bytes > 0 {
                let message = cx.ids.message();
                cx.event(Event::DataDropped { message, from, bytes });
            }
        }
    }
}
