//! Connections with servers that outlast their flows, or are not there yet.

use sidestream_flow::Peer;
use sidestream_record::{Fields, RequestHead};

use crate::Target;
use crate::alpn::HTTP1;
use crate::cx::Cx;
use crate::deferred::{Share, Spoken, Use};
use crate::http::requests::{Reading, Ready};
use crate::http::{Http, Place, Step};
use crate::http1::{self, Framing};
use crate::translate::Name;

/// Fields by which a server asks who its client is.
pub(super) const CHALLENGES: [&str; 2] = ["WWW-Authenticate", "Proxy-Authenticate"];

/// Fields by which a client says who it is.
const CREDENTIALS: [&str; 2] = ["Authorization", "Proxy-Authorization"];

/// Schemes that authenticate a connection, and not the request alone (RFC 4559 §6, and NTLM,
/// which does so too).
const OF_CONNECTIONS: [&[u8]; 2] = [b"negotiate", b"ntlm"];

/// Returns whether the connection is bound to its client by what these fields say, where that
/// matters.
pub(super) fn binds(fields: &Fields, names: [&str; 2], cx: &Cx) -> bool {
    let is_bound = |value: &bytes::Bytes| {
        OF_CONNECTIONS.iter().any(|scheme| {
            value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
    };
    cx.config.connections.shared && names.into_iter().any(|name| fields.get_all(name).any(is_bound))
}

/// Methods of requests that may be sent twice (RFC 9110 §9.2.2).
const IDEMPOTENT: [&[u8]; 6] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"];

impl Http {
    /// Returns whether a request may be sent once more, should the server have closed the
    /// connection meanwhile that another flow had left (RFC 9112 §9.3.1).
    pub(super) fn may_repeat(
        &self,
        head: &RequestHead,
        framing: Framing,
        server: u32,
        cx: &mut Cx,
    ) -> bool {
        let is_reused = cx.leg(Peer::Server(server)).is_some_and(|leg| leg.reused);
        is_reused
            && self.flights.is_empty()
            && framing == Framing::Empty
            && IDEMPOTENT.contains(&&*head.method)
    }

    /// Sends the request once more that a server did not answer, over a connection of its own;
    /// returns whether it could.
    pub(super) fn repeat(&mut self, server: u32, cx: &mut Cx) -> bool {
        let [flight] = self.flights.make_contiguous() else { return false };
        if flight.server != server || !flight.asked || flight.again.is_none() {
            return false;
        }
        let Some(anew) = cx.reopen(server) else { return false };
        flight.server = anew;
        if let Some(request) = flight.again.take() {
            cx.send(Peer::Server(anew), request);
        }
        flight.repeated = true;
        match &mut self.place {
            Place::Server { server: only, .. } if *only == server => *only = anew,
            Place::Proxy | Place::Server { .. } => {}
        }
        for route in self.routes.iter_mut().filter(|route| route.server == server) {
            route.server = anew;
        }
        true
    }

    /// Returns whether that server is being opened for a request that was sent before.
    pub(super) fn is_repeated(&self, server: u32) -> bool {
        self.flights.front().is_some_and(|flight| flight.server == server && flight.repeated)
    }

    /// Has the server opened that a request is for; it waits until then.
    pub(super) fn await_server(&mut self, ready: Ready, server: u32, cx: &mut Cx) -> Step {
        cx.open_deferred(Use::Http(Spoken::PLAIN));
        self.reading = Reading::Opening(Box::new(ready), server);
        Step::Moved
    }

    /// Has a server opened that a request names, or takes a connection that is there.
    pub(super) fn open_shared(
        &self,
        target: Target,
        tunnel: bool,
        secure: bool,
        host: &str,
        cx: &mut Cx,
    ) -> u32 {
        if tunnel {
            return cx.open_original(target);
        }
        if !cx.config.connections.shared || self.place != Place::Proxy {
            return cx.open(target);
        }
        let spoken = match secure {
            false => Some(Spoken::PLAIN),
            true => Name::of(host).map(|name| Spoken::tls(&name, &[HTTP1.to_vec()], None)),
        };
        cx.open_sharing(target, spoken.map_or(Share::No, Share::Now))
    }

    /// Notes whether the connection is done with after that request, or bound to its client.
    pub(super) fn note_request(&mut self, head: &RequestHead, cx: &Cx) {
        self.exclusive |=
            !http1::persists(head.version, &head.fields) || binds(&head.fields, CREDENTIALS, cx);
    }

    /// Returns whether nothing is under way with any server that another flow could notice.
    pub(super) fn is_unused(&self) -> bool {
        !self.exclusive
            && self.flights.is_empty()
            && self.server.is_empty()
            && self.client.is_empty()
    }

    /// The client has ended, and so does the flow, if its server is not needed for that.
    pub(super) fn leave_server(&mut self, server: u32, clean: bool, cx: &mut Cx) -> Option<Step> {
        if cx.is_deferred(server) {
            if let Some(flight) = self.flights.back_mut() {
                // A hook's answer is for a client that only stopped asking.
                flight.persists = false;
                return Some(Step::Moved);
            }
            return Some(Step::Leave(self.finish(clean, cx)));
        }
        let is_left = self.is_unused() && cx.keep(server);
        is_left.then(|| Step::Leave(self.finish(clean, cx)))
    }

    /// The client has gone: its connections are left to others where nothing is under way.
    pub(super) fn leave_servers(&self, cx: &mut Cx) {
        if !self.is_unused() || !self.reading.is_between() {
            return;
        }
        if let Place::Server { server, .. } = self.place {
            cx.keep(server);
        }
        for route in &self.routes {
            cx.keep(route.server);
        }
    }
}
