//! Heads of responses that begin and do not end.

use sidestream_flow::Peer;
use sidestream_record::Failure;

use super::FromHttp2;
use super::links::{Answering, Link};
use crate::cx::Cx;
use crate::timers::Timer;

impl FromHttp2 {
    /// Keeps a deadline for the head that began first, if there is one.
    pub(super) fn time_heads(&mut self, cx: &mut Cx) {
        for link in &mut self.links {
            let begun = link.is_within_head();
            link.begun = link.begun.filter(|_| begun).or_else(|| begun.then_some(cx.now));
        }
        match self.links.iter().filter_map(|link| link.begun).min() {
            Some(begun) => cx.timers.set(Timer::ResponseHead, begun + cx.config.timeouts.head),
            None => cx.timers.clear(Timer::ResponseHead),
        }
    }

    /// Gives up the heads that took too long.
    pub(super) fn heads_too_slow(&mut self, cx: &mut Cx) {
        let limit = cx.config.timeouts.head;
        let slow = |link: &Link| link.begun.is_some_and(|begun| begun + limit <= cx.now);
        let slow: Vec<_> =
            self.links.iter().filter(|link| slow(link)).map(|it| it.server).collect();
        for server in slow {
            let peer = Peer::Server(server);
            let failure = Failure::TimedOut { peer, what: "the head of a response".into() };
            cx.abort(peer);
            self.lose_link(server, &failure, cx);
        }
    }
}

impl Link {
    /// Returns whether the head of a response has begun and is not whole.
    fn is_within_head(&self) -> bool {
        matches!(&self.answering, Answering::Head(reader) if reader.has_begun(&self.buf))
    }
}
