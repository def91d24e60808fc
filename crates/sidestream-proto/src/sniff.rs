//! Waits for the first bytes and decides by them what is spoken.

use bytes::BytesMut;
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, PassReason, Protocol};

use crate::asking::{Asked, Asking};
use crate::conn::{Layer, Next, Told};
use crate::cx::Cx;
use crate::http::{Http, Place};
use crate::passing;
use crate::raw::Raw;
use crate::secure::Secure;
use crate::timers::Timer;
use crate::tls::hello::{self, ClientHello, HelloReader};
use crate::translate::Translate;
use crate::{Config, HttpChoice, http1, http2};

/// Where a byte stream leads whose protocol is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To us: the client speaks to a proxy.
    Proxy,
    /// To that server.
    Server(u32),
}

pub(crate) struct Sniff {
    way: Way,
    /// Inside TLS.
    secure: bool,
    opened: bool,
    seen: BytesMut,
    /// What a server said first that may be HTTP/2.
    greeting: Option<Told>,
    hello: HelloReader,
    hello_bytes: usize,
    /// Reads ahead for the host that the spec depends on.
    asking: Option<Box<Asking>>,
    /// The host does not come in time.
    late: bool,
}

impl Sniff {
    fn new(way: Way, secure: bool, opened: bool) -> Self {
        let (seen, hello) = (BytesMut::new(), HelloReader::new());
        Self {
            way,
            secure,
            opened,
            seen,
            greeting: None,
            hello,
            hello_bytes: 0,
            asking: None,
            late: false,
        }
    }

    /// A client that speaks to a proxy.
    pub(crate) fn proxy(cx: &mut Cx) -> Self {
        cx.timers.set(Timer::Sniff, cx.now + cx.config.timeouts.first_request);
        Self::new(Way::Proxy, false, true)
    }

    /// A client that speaks to a server that is being opened.
    pub(crate) fn tunnel(server: u32) -> Self {
        Self::new(Way::Server(server), false, false)
    }

    /// What comes after a tunnel was opened, or inside TLS.
    pub(crate) fn inside(way: Way, secure: bool) -> Self {
        Self::new(way, secure, true)
    }

    pub(crate) fn wants(&self, peer: Peer) -> bool {
        self.opened || peer != Peer::Client
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Opened(_) => {
                self.opened = true;
                Next::Stay
            }
            Told::Data(Peer::Client, bytes) => {
                self.seen.extend_from_slice(&bytes);
                self.decide(cx)
            }
            Told::Data(Peer::Server(_), ref bytes)
                if self.greeting.is_none() && http2::looks_like_greeting(bytes) =>
            {
                self.greeting = Some(told);
                self.wait(cx)
            }
            // The server speaks first, so the protocol is none of those that are known.
            Told::Data(Peer::Server(_), _) | Told::Eof(..) => self.give_up(Some(told), cx),
            Told::Expired(Timer::Sniff) if self.way == Way::Proxy => Next::Fail(no_first_request()),
            Told::Expired(Timer::Sniff) if self.asking.is_some() => {
                self.late = true;
                self.decide(cx)
            }
            Told::Expired(Timer::Sniff | Timer::Handshake) => self.give_up(None, cx),
            Told::OpenFailed(_, failure) => Next::Fail(Failure::Dial(failure)),
            Told::Reset(peer) => Next::Fail(Failure::Reset(peer)),
            Told::TlsFailed(peer, error) => {
                Next::Fail(Failure::Tls { peer, reason: error.to_string() })
            }
            Told::Stop => Next::Fail(Failure::Stopped),
            Told::Established(_)
            | Told::Expired(Timer::Idle | Timer::RequestHead | Timer::ResponseHead)
            | Told::Leaf(_)
            | Told::Resumed(_) => Next::Stay,
        }
    }

    fn decide(&mut self, cx: &mut Cx) -> Next {
        match hello::sniff(&self.seen) {
            hello::Sniff::Tls => return self.read_hello(cx),
            hello::Sniff::NeedMore => return self.wait(cx),
            hello::Sniff::NotTls => {}
        }
        if let (Way::Server(server), Some(whole)) = (self.way, http2::preface(&self.seen)) {
            return if whole { self.http2(server, cx) } else { self.wait(cx) };
        }
        if self.greeting.is_some() {
            return self.give_up(None, cx);
        }
        match http1::looks_like_request(&self.seen) {
            http1::Sniff::Yes => self.http(cx),
            http1::Sniff::NeedMore => self.wait(cx),
            http1::Sniff::No if self.way == Way::Proxy => self.http(cx),
            http1::Sniff::No => self.give_up(None, cx),
        }
    }

    fn wait(&mut self, cx: &mut Cx) -> Next {
        let limit = match self.way {
            Way::Proxy => cx.config.timeouts.head,
            Way::Server(_) => cx.config.timeouts.sniff,
        };
        cx.timers.bring_forward(Timer::Sniff, cx.now + limit);
        Next::Stay
    }

    fn read_hello(&mut self, cx: &mut Cx) -> Next {
        match self.way {
            Way::Proxy => {
                cx.timers.set(Timer::Sniff, cx.now + cx.config.timeouts.first_request);
            }
            Way::Server(_) => cx.timers.clear(Timer::Sniff),
        }
        cx.timers.bring_forward(Timer::Handshake, cx.now + cx.config.timeouts.handshake);
        let unread = &self.seen[self.hello_bytes..];
        let read = self.hello.push(unread);
        self.hello_bytes = self.seen.len();
        match read {
            Ok(None) => Next::Stay,
            Ok(Some(hello)) => self.secure(&hello, cx),
            Err(error) => {
                let (from, what) = (Peer::Client, format!("ClientHello: {error}"));
                cx.event(Event::Defect { exchange: None, from, what });
                self.give_up(None, cx)
            }
        }
    }

    fn secure(&mut self, hello: &ClientHello, cx: &mut Cx) -> Next {
        cx.event(Event::Recognized(Protocol::Tls));
        if let Some(host) = hello.host() {
            cx.name(host);
        }
        match (Secure::start(self.way, hello, cx), self.way) {
            (Ok(secure), _) => {
                let replay = vec![Told::Data(Peer::Client, self.seen.split().freeze())];
                Next::become_with(Layer::Secure(Box::new(secure)), replay)
            }
            (Err(why), Way::Server(server)) => self.pass(server, why, Some(hello), None, cx),
            (Err(_), Way::Proxy) => self.give_up(None, cx),
        }
    }

    /// Decides by the host that is asked for in the clear, if the spec depends on it; `None` lets
    /// the flow go on.
    fn ask(&mut self, ask: fn(&Config) -> Asking, cx: &mut Cx) -> Option<Next> {
        let Way::Server(server) = self.way else { return None };
        cx.pass.residual.as_ref()?;
        let asking = match &mut self.asking {
            Some(asking) => asking,
            none => {
                let asking = none.insert(Box::new(ask(&cx.config)));
                cx.timers.set(Timer::Sniff, cx.now + asking.patience(&cx.config.timeouts));
                asking
            }
        };
        let host = match asking.read(&self.seen) {
            Asked::NeedMore if !self.late => return Some(Next::Stay),
            Asked::For(host) => Some(host),
            Asked::NeedMore | Asked::Nobody => None,
        };
        let why = passing::by_spec(host, cx)?;
        Some(self.pass(server, why, None, None, cx))
    }

    fn http(&mut self, cx: &mut Cx) -> Next {
        if let Some(next) = self.ask(Asking::http1, cx) {
            return next;
        }
        cx.timers.clear(Timer::Sniff);
        let place = match self.way {
            Way::Proxy => Place::Proxy,
            Way::Server(server) => Place::Server { server, secure: self.secure },
        };
        let layer = Layer::Http(Box::new(Http::new(place, cx)));
        Next::become_with(layer, vec![Told::Data(Peer::Client, self.seen.split().freeze())])
    }

    fn http2(&mut self, server: u32, cx: &mut Cx) -> Next {
        if let Some(next) = self.ask(Asking::http2, cx) {
            return next;
        }
        cx.timers.clear(Timer::Sniff);
        // Without TLS nothing is agreed on, so what the user wants decides alone.
        let translated = !self.secure && cx.config.http.server == HttpChoice::Http1;
        let layer = if translated {
            Layer::Translate(Translate::from_http2(server, None, cx))
        } else {
            Layer::http2(server, self.secure, cx)
        };
        let seen = Told::Data(Peer::Client, self.seen.split().freeze());
        let replay = [seen].into_iter().chain(self.greeting.take()).collect();
        Next::become_with(layer, replay)
    }

    /// Passes the stream raw, with what was seen of it.
    fn give_up(&mut self, last: Option<Told>, cx: &mut Cx) -> Next {
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
        if let Some(why) = passing::by_spec(None, cx) {
            return self.pass(server, why, None, last, cx);
        }
        let raw = Raw::new(server, cx);
        Next::become_with(Layer::Raw(raw), self.replay(last))
    }

    /// Passes the stream unseen.
    fn pass(
        &mut self,
        server: u32,
        why: PassReason,
        hello: Option<&ClientHello>,
        last: Option<Told>,
        cx: &mut Cx,
    ) -> Next {
        cx.timers.clear(Timer::Sniff);
        cx.timers.clear(Timer::Handshake);
        passing::tell(why, hello, cx);
        Next::become_with(Layer::Raw(Raw::unseen(server)), self.replay(last))
    }

    /// Returns what was seen, for who takes over.
    fn replay(&mut self, last: Option<Told>) -> Vec<Told> {
        let seen = self.seen.split().freeze();
        let first = (!seen.is_empty()).then_some(Told::Data(Peer::Client, seen));
        first.into_iter().chain(self.greeting.take()).chain(last).collect()
    }
}

/// Why a client is let go that connected to the proxy, and asked for nothing.
pub(crate) fn no_first_request() -> Failure {
    Failure::TimedOut { peer: Peer::Client, what: "its first request".into() }
}
