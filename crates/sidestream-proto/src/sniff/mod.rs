//! Waits for the first bytes and decides by them what is spoken.

mod pass;

use bytes::BytesMut;
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, PassReason, Protocol};

use crate::alpn::HTTP2;
use crate::asking::{Asked, Asking};
use crate::cx::Cx;
use crate::deferred::Use;
use crate::detect::{self, Sign};
use crate::hooks::{Hello, HelloFate};
use crate::http::{Http, Place, refuse};
use crate::layer::{Layer, Next, Told};
use crate::passing;
use crate::secure::Secure;
use crate::stand_in::{self, Securing};
use crate::timers::Timer;
use crate::tls::explain::explain;
use crate::tls::hello::{self, ClientHello, HelloReader};
use crate::translate::Translate;
use crate::{Config, HttpChoice, Target, http1, http2};

/// Where a byte stream leads whose protocol is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To us: the client speaks to a proxy.
    Proxy,
    /// To that server, for which the client takes us: TLS of the client's ends here, and the
    /// server is spoken to as it is.
    Front(u32),
    /// To that server.
    Server(u32),
}

pub(crate) struct Sniff {
    pub(crate) way: Way,
    /// Inside TLS.
    pub(crate) secure: bool,
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
    pub(crate) securing: Securing,
    /// How the client ended meanwhile.
    pub(crate) ended: Option<Told>,
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
            securing: Securing::No,
            ended: None,
        }
    }

    /// A client that speaks to a proxy.
    pub(crate) fn proxy(cx: &mut Cx) -> Self {
        cx.timers.set(Timer::Sniff, cx.now + cx.config.timeouts.first_request);
        Self::new(Way::Proxy, false, true)
    }

    /// A client that speaks to a server, which is opened, or will be once it is needed.
    pub(crate) fn original(target: Target, cx: &mut Cx) -> Self {
        let server = cx.open_original(target);
        Self::new(Way::Server(server), false, cx.is_deferred(server))
    }

    /// What comes after a tunnel was opened, or inside TLS.
    pub(crate) fn inside(way: Way, secure: bool) -> Self {
        Self::new(way, secure, true)
    }

    pub(crate) fn wants(&self, peer: Peer) -> bool {
        let waits = self.securing == Securing::UnderWay && self.seen.len() >= stand_in::MAX_WAITING;
        peer != Peer::Client || self.opened && !waits
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Opened(_) => {
                self.opened = true;
                if self.barred(cx).is_some() {
                    // A client that waits for its server waits in vain.
                    cx.timers.set(Timer::Sniff, cx.now + cx.config.timeouts.handshake);
                }
                Next::Stay
            }
            Told::Data(Peer::Client, bytes) => {
                self.seen.extend_from_slice(&bytes);
                self.decide(cx)
            }
            Told::Eof(Peer::Client, _) if self.seen.is_empty() && self.defers(cx) => Next::Finish,
            Told::Eof(Peer::Client, _) if self.securing == Securing::UnderWay => {
                self.ended = Some(told);
                Next::Stay
            }
            Told::Established(Peer::Server(server)) if self.securing == Securing::UnderWay => {
                self.secured(server, cx)
            }
            Told::Expired(Timer::Handshake) if self.securing == Securing::UnderWay => {
                let Way::Server(server) = self.way else { return Next::Stay };
                let (peer, what) = (Peer::Server(server), "the TLS handshake".into());
                Next::Fail(Failure::TimedOut { peer, what })
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
            Told::Expired(Timer::Sniff) if self.seen.is_empty() && self.defers(cx) => {
                // It may be its server's turn to speak.
                cx.open_deferred(Use::Unknown);
                Next::Stay
            }
            Told::Expired(Timer::Sniff) if self.asking.is_some() => {
                self.late = true;
                self.decide(cx)
            }
            Told::Expired(Timer::Sniff | Timer::Handshake) => self.give_up(None, cx),
            Told::OpenFailed(_, failure) => Next::Fail(Failure::Dial(failure)),
            Told::Reset(peer) => Next::Fail(Failure::Reset(peer)),
            Told::TlsFailed(peer, error) => {
                let failure = Failure::Tls { peer, reason: explain(&error) };
                if self.securing == Securing::UnderWay
                    && http1::looks_like_request(&self.seen) == http1::Sniff::Yes
                {
                    refuse(cx, 502, &failure.to_string());
                }
                Next::Fail(failure)
            }
            Told::Stop => Next::Fail(Failure::Stopped),
            Told::Established(_)
            | Told::Expired(Timer::Idle | Timer::RequestHead | Timer::ResponseHead)
            | Told::Leaf(_)
            | Told::Resumed(_)
            | Told::MessageVerdict(..)
            | Told::Verdict(..) => Next::Stay,
        }
    }

    pub(crate) fn decide(&mut self, cx: &mut Cx) -> Next {
        match hello::sniff(&self.seen) {
            hello::Sniff::Tls => return self.read_hello(cx),
            hello::Sniff::NeedMore => return self.wait(cx),
            hello::Sniff::NotTls => {}
        }
        if self.securing == Securing::UnderWay {
            return Next::Stay;
        }
        if self.way != Way::Proxy && passing::is_closed(cx) {
            return self.give_up_on(Some(Protocol::Raw), None, cx);
        }
        if let (Way::Server(server), Some(whole)) = (self.way, http2::preface(&self.seen)) {
            return if whole { self.http2(server, cx) } else { self.wait(cx) };
        }
        if self.greeting.is_some() && !self.greets_us(cx) {
            return self.give_up(None, cx);
        }
        if let Way::Server(_) = self.way {
            match detect::of_client(&self.seen, cx.server_port()) {
                Sign::Is(protocol) => return self.give_up_on(Some(protocol), None, cx),
                Sign::NeedMore => return self.wait(cx),
                Sign::No => {}
            }
        }
        match http1::looks_like_request(&self.seen) {
            http1::Sniff::Yes => self.http(cx),
            http1::Sniff::NeedMore => self.wait(cx),
            // It is told that it is none.
            http1::Sniff::No if self.way == Way::Proxy || cx.guard().is_some() => self.http(cx),
            http1::Sniff::No => self.give_up(None, cx),
        }
    }

    /// Returns whether its server was not asked for yet.
    fn defers(&self, cx: &Cx) -> bool {
        matches!(self.way, Way::Server(server) | Way::Front(server) if cx.is_deferred(server))
    }

    fn wait(&mut self, cx: &mut Cx) -> Next {
        let limit = match self.way {
            Way::Proxy => cx.config.timeouts.head,
            _ if cx.guard().is_some() => cx.config.timeouts.head,
            Way::Front(_) | Way::Server(_) => cx.config.timeouts.sniff,
        };
        cx.timers.bring_forward(Timer::Sniff, cx.now + limit);
        Next::Stay
    }

    fn read_hello(&mut self, cx: &mut Cx) -> Next {
        // What is inside may be requests all the same, where TLS ends here.
        if cx.config.reverse.is_none()
            && let Some(barred) = self.barred(cx)
        {
            return barred;
        }
        match self.way {
            Way::Proxy => {
                cx.timers.set(Timer::Sniff, cx.now + cx.config.timeouts.first_request);
            }
            Way::Front(_) | Way::Server(_) => cx.timers.clear(Timer::Sniff),
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
        let way = match (self.way, cx.config.reverse.clone()) {
            (Way::Server(server), Some(reverse)) if !self.secure => {
                if reverse.secure {
                    self.way
                } else {
                    Way::Front(server)
                }
            }
            (way, _) => {
                if let Some(host) = hello.host() {
                    cx.name(host);
                }
                way
            }
        };
        if let Some(hooks) = cx.config.hooks.clone() {
            let asked =
                Hello { server: cx.key.server, host: cx.host.as_deref(), client_hello: hello };
            match (hooks.at_client_hello(&asked), way) {
                (HelloFate::GoOn, _) => {}
                (HelloFate::Pass { by }, Way::Server(server)) => {
                    return self.pass(server, PassReason::Hook { by }, Some(hello), None, cx);
                }
                (HelloFate::Kill { by } | HelloFate::Pass { by }, _) => {
                    return Next::Fail(Failure::Blocked { by });
                }
            }
        }
        match (Secure::start(way, hello, cx), way) {
            (Ok(secure), _) => {
                let replay = vec![Told::Data(Peer::Client, self.seen.split().freeze())];
                Next::become_with(Layer::Secure(Box::new(secure)), replay)
            }
            (Err(why), Way::Server(server)) => self.pass(server, why, Some(hello), None, cx),
            (Err(_), Way::Front(_)) => self.give_up(None, cx),
            (Err(_), Way::Proxy) => self.give_up(None, cx),
        }
    }

    /// Decides by the host that is asked for in the clear, if the spec depends on it; `None` lets
    /// the flow go on.
    fn ask(&mut self, ask: fn(&Config) -> Asking, cx: &mut Cx) -> Option<Next> {
        let Way::Server(server) = self.way else { return None };
        if !passing::depends_on_host(cx) {
            return None;
        }
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
        if let Some(next) = self.secure_server(Some(b"http/1.1"), cx) {
            return next;
        }
        if let Some(next) = self.ask(Asking::http1, cx) {
            return next;
        }
        cx.timers.clear(Timer::Sniff);
        let place = match self.way {
            Way::Proxy => Place::Proxy,
            Way::Front(server) | Way::Server(server) => {
                Place::Server { server, secure: self.secure }
            }
        };
        let layer = match self.way {
            // Without TLS nothing is agreed on, so what the user wants decides alone.
            Way::Server(server) if self.greets_us(cx) => {
                Layer::Translate(Translate::from_http1(server, false, cx))
            }
            Way::Front(_) | Way::Server(_) | Way::Proxy => {
                Layer::Http(Box::new(Http::new(place, cx)))
            }
        };
        let seen = Told::Data(Peer::Client, self.seen.split().freeze());
        let replay = [seen].into_iter().chain(self.greeting.take()).collect();
        Next::become_with(layer, replay)
    }

    /// Whether a server that speaks HTTP/2 first is one that the user wants spoken to so.
    fn greets_us(&self, cx: &Cx) -> bool {
        self.is_clear() && cx.config.http.server == HttpChoice::Http2
    }

    /// Whether neither side has TLS, by which versions are agreed on.
    fn is_clear(&self) -> bool {
        !self.secure && self.securing == Securing::No
    }

    fn http2(&mut self, server: u32, cx: &mut Cx) -> Next {
        if let Some(next) = self.secure_server(Some(HTTP2), cx) {
            return next;
        }
        if let Some(barred) = self.barred(cx) {
            return barred;
        }
        if let Some(next) = self.ask(Asking::http2, cx) {
            return next;
        }
        cx.timers.clear(Timer::Sniff);
        // As over HTTP/1.
        let translated = self.is_clear() && cx.config.http.server == HttpChoice::Http1;
        let layer = if translated {
            Layer::Translate(Translate::from_http2(server, None, cx))
        } else {
            Layer::http2(server, self.secure, cx)
        };
        let seen = Told::Data(Peer::Client, self.seen.split().freeze());
        let replay = [seen].into_iter().chain(self.greeting.take()).collect();
        Next::become_with(layer, replay)
    }
}

/// Why a client is let go that connected to the proxy, and asked for nothing.
pub(crate) fn no_first_request() -> Failure {
    Failure::TimedOut { peer: Peer::Client, what: "its first request".into() }
}
