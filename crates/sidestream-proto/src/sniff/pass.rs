//! What becomes of a stream that is not looked into any further.

use sidestream_flow::Peer;
use sidestream_record::{DialFailure, Failure, PassReason, Protocol};

use super::{Sniff, Way};
use crate::cx::Cx;
use crate::layer::{Layer, Next, Told};
use crate::passing;
use crate::raw::Raw;
use crate::timers::Timer;
use crate::tls::hello::ClientHello;

impl Sniff {
    /// Returns how the flow ends if it is not HTTP, where a proxy on the way takes nothing else.
    pub(super) fn barred(&self, cx: &mut Cx) -> Option<Next> {
        let (Way::Server(server) | Way::Front(server)) = self.way else { return None };
        let forwards = cx.leg(Peer::Server(server))?.forwards.as_ref()?;
        Some(Next::Fail(Failure::Dial(forwards.refusal.clone().unwrap_or(DialFailure::Refused))))
    }

    /// Returns how the flow ends if it is to be passed as it is, where that cannot be.
    fn unpassable(&self, cx: &mut Cx) -> Option<Next> {
        // Nobody says who sent it.
        let guarded = cx.guard().is_some().then_some(Next::Fail(Failure::Unauthorized));
        self.barred(cx).or(guarded)
    }

    /// Passes the stream raw, with what was seen of it.
    pub(crate) fn give_up(&mut self, last: Option<Told>, cx: &mut Cx) -> Next {
        self.give_up_on(None, last, cx)
    }

    /// The same for one of a protocol that is known and not decoded here.
    pub(super) fn give_up_on(
        &mut self,
        protocol: Option<Protocol>,
        last: Option<Told>,
        cx: &mut Cx,
    ) -> Next {
        cx.timers.clear(Timer::Sniff);
        cx.timers.clear(Timer::Handshake);
        let Way::Server(server) = self.way else {
            return match last {
                Some(Told::Eof(..)) if self.seen.is_empty() => Next::Finish,
                _ => Next::Fail(Failure::Malformed {
                    peer: Peer::Client,
                    reason: "this is a proxy, and no request came".into(),
                }),
            };
        };
        if let Some(unpassable) = self.unpassable(cx) {
            return unpassable;
        }
        if let Some(next) = self.secure_server(None, cx) {
            self.ended = last;
            return next;
        }
        if let Some(why) = passing::by_spec(None, cx) {
            return self.pass(server, why, None, last, cx);
        }
        let raw = match protocol {
            Some(protocol) => Raw::recognized(protocol, server, cx),
            None => Raw::unrecognized(server),
        };
        Next::become_with(Layer::Raw(raw), self.replay(last))
    }

    /// Passes the stream unseen.
    pub(super) fn pass(
        &mut self,
        server: u32,
        why: PassReason,
        hello: Option<&ClientHello>,
        last: Option<Told>,
        cx: &mut Cx,
    ) -> Next {
        cx.timers.clear(Timer::Sniff);
        cx.timers.clear(Timer::Handshake);
        if let Some(unpassable) = self.unpassable(cx) {
            return unpassable;
        }
        passing::tell(why, hello, cx);
        Next::become_with(Layer::Raw(Raw::unseen(server)), self.replay(last))
    }

    /// Returns what was seen, for who takes over.
    pub(super) fn replay(&mut self, last: Option<Told>) -> Vec<Told> {
        let seen = self.seen.split().freeze();
        let first = (!seen.is_empty()).then_some(Told::Data(Peer::Client, seen));
        first.into_iter().chain(self.greeting.take()).chain(last).collect()
    }
}
