//! UDP flows: datagrams passed as they come, DNS among them decoded.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_record::{DialFailure, Event, Failure, Protocol};

use crate::cx::Cx;
use crate::detect;
use crate::layer::{Next, Told};
use crate::passing;
use crate::timers::Timer;
use crate::watch::Watch;
use crate::{Output, Target};

/// How many datagrams are looked at for a protocol that is known: what sets up a connection may
/// come before it.
const MAX_LOOKED_AT: u8 = 16;

/// How many datagrams wait while the server's socket is being made: clients that send more
/// before an answer lose them, as a full socket buffer would.
const MAX_EARLY: usize = 64;

pub(crate) struct Datagrams {
    server: u32,
    opened: bool,
    early: Vec<Bytes>,
    dns: Watch,
    recognized: Option<Protocol>,
    looked_at: u8,
    /// It is not looked into.
    closed: bool,
    /// Nothing of the content is recorded.
    unseen: bool,
}

impl Datagrams {
    pub(crate) fn new(cx: &mut Cx) -> Self {
        let server = cx.open(Target::Original);
        let why = passing::by_spec(None, cx);
        let unseen = why.is_some();
        if let Some(why) = why {
            passing::tell(why, None, cx);
        }
        let this = Self {
            server,
            opened: false,
            early: Vec::new(),
            dns: Watch::datagrams(cx.key.server.port()),
            recognized: None,
            looked_at: 0,
            closed: passing::is_closed(cx),
            unseen,
        };
        Self::stay_awake(cx);
        this
    }

    fn stay_awake(cx: &mut Cx) {
        cx.timers.set(Timer::Idle, cx.now + cx.config.timeouts.udp_idle);
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(peer, datagram) => {
                Self::stay_awake(cx);
                self.watch(peer, &datagram, cx);
                self.pass(peer, datagram, cx);
                Next::Stay
            }
            Told::Opened(_) => {
                self.opened = true;
                for datagram in std::mem::take(&mut self.early) {
                    cx.send(Peer::Server(self.server), datagram);
                }
                Next::Stay
            }
            Told::OpenFailed(_, failure) => Next::Fail(Failure::Dial(failure)),
            Told::Reset(Peer::Server(_)) => Next::Fail(Failure::Dial(DialFailure::Refused)),
            // Datagrams have no end of their own: a flow that nobody continues is whole.
            Told::Eof(..) | Told::Expired(_) | Told::Reset(Peer::Client) | Told::Stop => {
                Next::Finish
            }
            Told::Established(_)
            | Told::Leaf(_)
            | Told::Resumed(_)
            | Told::MessageVerdict(..)
            | Told::Verdict(..)
            | Told::TlsFailed(..) => Next::Stay,
        }
    }

    fn watch(&mut self, peer: Peer, datagram: &Bytes, cx: &mut Cx) {
        let mut events = Vec::new();
        let dns = !self.closed && self.dns.see(peer, datagram, &cx.ids, &mut events);
        if self.unseen {
            return learn(events, cx);
        }
        let protocol = match (dns, peer) {
            (true, _) => Protocol::Dns,
            (false, Peer::Client) if self.looked_at < MAX_LOOKED_AT && !self.closed => {
                self.looked_at += 1;
                detect::of_datagram(datagram).unwrap_or(Protocol::Raw)
            }
            (false, _) => Protocol::Raw,
        };
        let is_news = match self.recognized {
            None => true,
            Some(Protocol::Raw) => !dns && protocol != Protocol::Raw,
            Some(_) => false,
        };
        if is_news {
            self.recognized = Some(protocol);
            cx.event(Event::Recognized(protocol));
        }
        if !dns {
            let message = cx.ids.message();
            cx.event(Event::Data { message, from: peer, data: datagram.clone() });
        }
        cx.events(events);
    }

    fn pass(&mut self, peer: Peer, datagram: Bytes, cx: &mut Cx) {
        match peer {
            Peer::Server(_) => cx.send(Peer::Client, datagram),
            Peer::Client if self.opened => cx.send(Peer::Server(self.server), datagram),
            Peer::Client if self.early.len() < MAX_EARLY => self.early.push(datagram),
            Peer::Client => {}
        }
    }

    pub(crate) fn end(&mut self, cx: &mut Cx) {
        if self.unseen {
            return;
        }
        let mut events = Vec::new();
        self.dns.end(&mut events);
        cx.events(events);
    }
}

/// Hands out the names that answers have, which other flows may depend on.
fn learn(events: Vec<Event>, cx: &mut Cx) {
    for event in events {
        if let Event::Dns { message, .. } = event
            && message.response
        {
            cx.output(Output::Learn(message));
        }
    }
}
