//! TLS terminated on both sides: the server is asked first, and the client answered with what
//! the server chose.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError};
use sidestream_flow::Peer;
use sidestream_record::{Alteration, Event, Failure, PassReason};

use crate::alpn::{self, HTTP1, HTTP2, Offer};
use crate::cx::Cx;
use crate::deferred::{Inside, Spoken, Use};
use crate::http::{Http, Place};
use crate::layer::{Layer, Next, Told};
use crate::passing::{self, Shown};
use crate::raw::Raw;
use crate::sniff::{Sniff, Way};
use crate::timers::Timer;
use crate::tls::explain::explain;
use crate::tls::hello::ClientHello;
use crate::tls::ja4::{self, ja4};
use crate::tls::offer::unspoken;
use crate::tls::session::{Session, lacking};
use crate::tls::{CertificateFault, FlowTickets};
use crate::translate::{Name, Translate};
use crate::{HttpChoice, LeafRequest, Output};

/// What may wait while the handshakes go on.
const MAX_WAITING: usize = 64 * 1024;

/// What a server is offered once it is there: the name by which it is judged, and protocols.
type Later = (Name, Vec<Vec<u8>>);

pub(crate) struct Secure {
    way: Way,
    sni: Option<String>,
    /// What the client offered.
    hello: Box<ClientHello>,
    tickets: FlowTickets,
    /// The name by which the server is known.
    name: Option<Name>,
    ja4: String,
    /// What the client sent, its ClientHello first.
    from_client: BytesMut,
    /// What the server sent inside TLS before the client was ready for it.
    from_server: Vec<Told>,
    waiting: usize,
    client_begun: bool,
    /// What the server is offered once it is there.
    offer: Option<Later>,
    /// The client is answered before the server is asked.
    ahead: bool,
}

impl Secure {
    /// Begins with the server's handshake.
    ///
    /// # Errors
    ///
    /// Why the flow is to be passed as it is.
    pub(crate) fn start(way: Way, hello: &ClientHello, cx: &mut Cx) -> Result<Self, PassReason> {
        let sni = hello.host();
        if let Way::Server(_) = way
            && let Some(why) = passing::by_hello(hello, cx)
        {
            return Err(why);
        }
        if let Some(what) = unspoken(hello, &cx.config.client_tls.provider) {
            return Err(unsupported(what));
        }
        let name = server_name(hello, cx);
        let judged = name.as_ref().map(|name| name.name.clone());
        let judged = judged.unwrap_or_else(|| ServerName::IpAddress(cx.key.server.ip().into()));
        let credentials = cx.config.upstream_tls.credentials(Some(hello), &judged);
        let tickets = cx.config.tickets.flow(&shown(hello), credentials);
        let ahead = matches!(way, Way::Server(server) if goes_ahead(server, hello, cx));
        let mut offer = None;
        match way {
            Way::Server(_) if !ahead => offer = open_server(way, hello, &tickets, cx)?,
            Way::Front(_) | Way::Proxy | Way::Server(_) => {
                if let (Some(name), true) = (name.clone(), ahead) {
                    cx.event(Event::Altered {
                        exchange: None,
                        alteration: Alteration::TlsTerminated,
                    });
                    let (alpn, hello) = (vec![HTTP1.to_vec()], Some(Box::new(hello.clone())));
                    cx.secure_later(Inside { name, alpn, hello });
                }
                let host = sni.clone().unwrap_or_else(|| passing::host_of_leaf(None, cx));
                let key = cx.config.client_tls.leaf_kind(hello, None);
                let request = LeafRequest { host, like: None, key, chain: Vec::new() };
                cx.output(Output::NeedLeaf(request));
            }
        }
        Ok(Self {
            way,
            sni,
            hello: Box::new(hello.clone()),
            tickets,
            name,
            ja4: ja4(hello, ja4::Transport::Tcp),
            from_client: BytesMut::new(),
            from_server: Vec::new(),
            waiting: 0,
            client_begun: false,
            offer,
            ahead,
        })
    }

    pub(crate) fn wants(&self, _: Peer) -> bool {
        self.waiting < MAX_WAITING
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(Peer::Client, bytes) => {
                self.waiting += bytes.len();
                self.from_client.extend_from_slice(&bytes);
            }
            Told::Data(Peer::Server(_), ref bytes) => {
                self.waiting += bytes.len();
                self.from_server.push(told);
            }
            Told::Eof(Peer::Server(_), _) if self.client_begun => self.from_server.push(told),
            Told::Established(Peer::Server(server)) => self.ask_for_leaf(server, cx),
            Told::Leaf(Ok(leaf)) => return self.answer_client(leaf, cx),
            Told::Leaf(Err(reason)) => return Next::Fail(Failure::Internal { reason }),
            Told::Established(Peer::Client) => return self.done(cx),
            Told::TlsFailed(Peer::Client, error) => return refused_by_client(&error),
            Told::TlsFailed(peer, error) => return tell_client(peer, &error, cx),
            Told::Eof(peer, _) => return ended(peer, cx),
            Told::Reset(peer) => return Next::Fail(Failure::Reset(peer)),
            Told::OpenFailed(_, failure) => return Next::Fail(Failure::Dial(failure)),
            Told::Expired(Timer::Handshake) => return self.too_slow(),
            Told::Stop => return Next::Fail(Failure::Stopped),
            Told::Opened(server) => return self.begin_with(server, cx),
            Told::Expired(_) | Told::Resumed(_) | Told::Verdict(..) | Told::MessageVerdict(..) => {}
        }
        Next::Stay
    }

    /// The server is there that was waited for.
    fn begin_with(&mut self, server: u32, cx: &mut Cx) -> Next {
        let Some((name, names)) = self.offer.take() else { return Next::Stay };
        match cx.secure(server, name, names, Some(&self.hello)) {
            Ok(()) => Next::Stay,
            Err(error) => tell_client(Peer::Server(server), &error, cx),
        }
    }

    fn ask_for_leaf(&mut self, server: u32, cx: &mut Cx) {
        let sni = self.sni.clone();
        let ours = Arc::clone(&cx.config);
        let ours = &ours.client_tls;
        let Some(session) = cx.leg(Peer::Server(server)).and_then(|leg| leg.top_mut()) else {
            return;
        };
        let tls = session.facts(Peer::Server(server), sni.as_deref(), None);
        let like = session.peer_certificate().filter(|_| ours.copies_names);
        let behind = session.peer_certificates().get(1..).filter(|_| ours.copies_chain);
        let chain = behind.unwrap_or_default().to_vec();
        let key = ours.leaf_kind(&self.hello, Some(session.chosen()));
        cx.event(Event::Secured(tls));
        let host = passing::host_of_leaf(sni.as_ref(), cx);
        cx.output(Output::NeedLeaf(LeafRequest { host, like, key, chain }));
    }

    fn answer_client(&mut self, leaf: Arc<CertifiedKey>, cx: &mut Cx) -> Next {
        let versions = passing::versions(cx);
        let server = match self.way {
            Way::Front(_) | Way::Proxy => None,
            Way::Server(server) => cx.leg(Peer::Server(server)).and_then(|leg| leg.top()),
        };
        let chosen = server.map(Session::chosen);
        let alpn = server.and_then(Session::alpn).map(<[u8]>::to_vec);
        let ours = &cx.config.client_tls;
        let config =
            ours.config(&self.hello, chosen, leaf, &self.tickets).and_then(|mut config| {
                config.alpn_protocols = match self.way {
                    Way::Front(_) | Way::Proxy => vec![HTTP1.to_vec()],
                    Way::Server(_) if self.ahead => vec![HTTP1.to_vec()],
                    Way::Server(_) => {
                        let answer = alpn::answer(&self.hello.alpn, alpn.as_deref(), versions);
                        answer.into_iter().collect()
                    }
                };
                let session = Session::server(config, ours.request_certificate, cx.config.wire);
                session.map(|session| session.sharing(&cx.config.certificates))
            });
        match config {
            Err(error) => Next::Fail(Failure::Internal { reason: error.to_string() }),
            Ok(session) => {
                self.client_begun = true;
                if let Way::Server(_) = self.way {
                    let host = passing::host_of_leaf(self.sni.as_ref(), cx);
                    cx.shown = Some(Shown { host, at: cx.now });
                }
                cx.client.push(session);
                let bytes = self.from_client.split().freeze();
                cx.feed_top(Peer::Client, bytes);
                Next::Stay
            }
        }
    }

    fn done(&mut self, cx: &mut Cx) -> Next {
        cx.timers.clear(Timer::Handshake);
        let Some(session) = cx.client.top_mut() else { return Next::Stay };
        let tls = session.facts(Peer::Client, self.sni.as_deref(), Some(self.ja4.clone()));
        let alpn = tls.alpn.clone().unwrap_or_default();
        cx.event(Event::Secured(tls));
        let place = match self.way {
            Way::Proxy => Place::Proxy,
            Way::Front(server) | Way::Server(server) => Place::Server { server, secure: true },
        };
        let way = match self.way {
            Way::Front(server) => Way::Server(server),
            way @ (Way::Proxy | Way::Server(_)) => way,
        };
        let upstream = self.speaks_http2(cx);
        let layer = match (self.way, alpn.as_str()) {
            (Way::Server(server), _) if passing::is_closed(cx) => Layer::Raw(Raw::new(server, cx)),
            (Way::Server(server), "h2") if upstream => Layer::http2(server, true, cx),
            (Way::Server(server), "h2") => {
                Layer::Translate(Translate::from_http2(server, self.name.clone(), cx))
            }
            (Way::Server(server), _) if upstream => {
                Layer::Translate(Translate::from_http1(server, true, cx))
            }
            (_, "http/1.0" | "http/1.1") => Layer::Http(Box::new(Http::new(place, cx))),
            _ => Layer::Sniff(Sniff::inside(way, true)),
        };
        if !matches!(layer, Layer::Translate(_)) {
            // No further connection is made.
            cx.upstream_tls = None;
        }
        let early = self.from_client.split().freeze();
        let early = (!early.is_empty()).then_some(Told::Data(Peer::Client, early));
        Next::become_with(layer, early.into_iter().chain(self.from_server.drain(..)).collect())
    }

    /// Returns whether the server chose HTTP/2.
    fn speaks_http2(&self, cx: &mut Cx) -> bool {
        let Way::Server(server) = self.way else { return false };
        let session = cx.leg(Peer::Server(server)).and_then(|leg| leg.top());
        session.and_then(Session::alpn) == Some(HTTP2)
    }

    fn too_slow(&self) -> Next {
        let peer = match self.way {
            Way::Server(server) if !self.client_begun => Peer::Server(server),
            Way::Front(_) | Way::Proxy | Way::Server(_) => Peer::Client,
        };
        Next::Fail(Failure::TimedOut { peer, what: "the TLS handshake".into() })
    }
}

/// Lists by what a client says which session it resumes.
fn shown(hello: &ClientHello) -> Vec<Vec<u8>> {
    let session = (!hello.session_id.is_empty()).then(|| hello.session_id.clone());
    hello.tickets.iter().cloned().chain(session).collect()
}

/// Offers the server what the client offered, as far as it can be spoken and is wanted.
///
/// # Errors
///
/// What of it cannot be spoken.
fn open_server(
    way: Way,
    hello: &ClientHello,
    tickets: &FlowTickets,
    cx: &mut Cx,
) -> Result<Option<Later>, PassReason> {
    let Way::Server(server) = way else { return Ok(None) };
    let offer = Offer::of(&hello.alpn, passing::versions(cx));
    let Offer { names, withheld } = offer.ok_or_else(|| unsupported("what is offered inside"))?;
    let no_name = || unsupported("TLS with such a server name");
    let name = server_name(hello, cx).ok_or_else(no_name)?;
    let unsupported_by_us = |error: rustls::Error| unsupported(&error.to_string());
    let offered = cx.config.upstream_tls.config(Some(hello), tickets).map_err(unsupported_by_us)?;
    cx.upstream_tls = Some(Box::new(offered));
    let mut later = None;
    if cx.lacks(server) {
        cx.open_deferred(Use::Http(Spoken::tls(&name, &names, Some(hello))));
        later = Some((name, names));
    } else {
        cx.secure(server, name, names, Some(hello)).map_err(unsupported_by_us)?;
    }
    cx.event(Event::Altered { exchange: None, alteration: Alteration::TlsTerminated });
    if !withheld.is_empty() {
        let names = withheld.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        let alteration = Alteration::AlpnWithheld(names.collect());
        cx.event(Event::Altered { exchange: None, alteration });
    }
    Ok(later)
}

/// Returns whether the client is answered first, as it can be whose leaf says nothing of the server,
/// and which speaks what every server does.
fn goes_ahead(server: u32, hello: &ClientHello, cx: &Cx) -> bool {
    cx.is_deferred(server)
        && !cx.config.client_tls.copies_names
        && !passing::is_closed(cx)
        && passing::versions(cx).server == HttpChoice::Mirror
        && hello.alpn.iter().any(|name| name == HTTP1)
}

fn unsupported(what: &str) -> PassReason {
    PassReason::Unsupported { what: what.to_owned() }
}

/// Returns the name by which the server's certificate is judged, and whether the client sent it.
///
/// A client that sends none may know the server by a name all the same: the one that it looked
/// up before.
fn server_name(hello: &ClientHello, cx: &Cx) -> Option<Name> {
    if let Some(reverse) = &cx.config.reverse {
        // The client asks for us.
        return Some(Name { name: ServerName::try_from(reverse.host.clone()).ok()?, sent: true });
    }
    if let Some(host) = hello.host() {
        return Some(Name { name: ServerName::try_from(host).ok()?, sent: true });
    }
    let looked_up = cx.host.clone().and_then(|host| ServerName::try_from(host).ok());
    let name = looked_up.unwrap_or_else(|| ServerName::IpAddress(cx.key.server.ip().into()));
    Some(Name { name, sent: false })
}

fn refused_by_client(error: &rustls::Error) -> Next {
    let reason = match error {
        rustls::Error::AlertReceived(alert) if passing::refuses(*alert) => {
            format!("it does not trust our root ({error})")
        }
        error => error.to_string(),
    };
    Next::Fail(Failure::Tls { peer: Peer::Client, reason })
}

/// Lets the client see that its server failed: by the server's own alert where it sent one.
fn tell_client(peer: Peer, error: &rustls::Error, cx: &mut Cx) -> Next {
    let alert = match error {
        rustls::Error::AlertReceived(alert) => *alert,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => AlertDescription::CertificateExpired,
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            AlertDescription::UnknownCA
        }
        rustls::Error::InvalidCertificate(bad) => CertificateFault::of(bad)
            .map_or(AlertDescription::CertificateUnknown, CertificateFault::alert),
        _ => AlertDescription::HandshakeFailure,
    };
    let lacks = cx.leg(peer).and_then(|leg| leg.top()).is_some_and(Session::lacks_certificate);
    alert_client(alert, cx);
    let reason = match error {
        rustls::Error::AlertReceived(alert) if lacks => lacking(*alert),
        error => explain(error),
    };
    Next::Fail(Failure::Tls { peer, reason })
}

/// A peer went away during the handshakes.
fn ended(peer: Peer, cx: &mut Cx) -> Next {
    if peer != Peer::Client {
        cx.shutdown(Peer::Client, false);
    }
    let reason = "the connection was closed during the handshake".into();
    Next::Fail(Failure::Tls { peer, reason })
}

/// Sends a fatal alert to a client with which no TLS was begun (RFC 8446 §6).
fn alert_client(alert: AlertDescription, cx: &mut Cx) {
    let record = [21, 3, 3, 0, 2, 2, u8::from(alert)];
    cx.send(Peer::Client, Bytes::copy_from_slice(&record));
    cx.shutdown(Peer::Client, false);
}
