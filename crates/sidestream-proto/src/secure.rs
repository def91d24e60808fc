//! TLS terminated on both sides: the server is asked first, and the client answered with what
//! the server chose.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use sidestream_flow::Peer;
use sidestream_record::{Alteration, Event, Failure, PassReason};

use crate::alpn::{self, HTTP2, Offer};
use crate::conn::{Layer, Next, Told};
use crate::cx::Cx;
use crate::http::{Http, Place};
use crate::passing::{self, Shown};
use crate::sniff::{Sniff, Way};
use crate::timers::Timer;
use crate::tls::hello::ClientHello;
use crate::tls::ja4::{self, ja4};
use crate::tls::session::Session;
use crate::translate::{Name, Translate};
use crate::{LeafRequest, Output};

/// What may wait while the handshakes go on.
const MAX_WAITING: usize = 64 * 1024;

pub(crate) struct Secure {
    way: Way,
    sni: Option<String>,
    /// What the client offered.
    alpn: Vec<Vec<u8>>,
    /// The name by which the server is known.
    name: Option<Name>,
    ja4: String,
    /// What the client sent, its ClientHello first.
    from_client: BytesMut,
    /// What the server sent inside TLS before the client was ready for it.
    from_server: Vec<Told>,
    waiting: usize,
    client_begun: bool,
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
        if !speaks_our_versions(hello) {
            return Err(unsupported("TLS before 1.2"));
        }
        match way {
            Way::Proxy => {
                let host = sni.clone().unwrap_or_else(|| cx.key.server.ip().to_string());
                cx.output(Output::NeedLeaf(LeafRequest { host, like: None }));
            }
            Way::Server(server) => open_server(server, hello, cx)?,
        }
        Ok(Self {
            way,
            sni,
            alpn: hello.alpn.clone(),
            name: server_name(hello, cx),
            ja4: ja4(hello, ja4::Transport::Tcp),
            from_client: BytesMut::new(),
            from_server: Vec::new(),
            waiting: 0,
            client_begun: false,
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
            Told::Expired(_) | Told::Opened(_) | Told::Resumed(_) => {}
        }
        Next::Stay
    }

    fn ask_for_leaf(&mut self, server: u32, cx: &mut Cx) {
        let sni = self.sni.clone();
        let Some(session) = cx.leg(Peer::Server(server)).and_then(|leg| leg.top()) else { return };
        let tls = session.facts(Peer::Server(server), sni.as_deref(), None);
        let like = session.peer_certificate();
        cx.event(Event::Secured(tls));
        let host = passing::host_of_leaf(sni.as_ref(), cx);
        cx.output(Output::NeedLeaf(LeafRequest { host, like }));
    }

    fn answer_client(&mut self, leaf: Arc<CertifiedKey>, cx: &mut Cx) -> Next {
        let mut config = (*cx.config.client_tls).clone();
        config.cert_resolver = Arc::new(Fixed(leaf));
        config.alpn_protocols = match self.way {
            Way::Proxy => vec![b"http/1.1".to_vec()],
            Way::Server(server) => {
                let versions = cx.config.http;
                let session = cx.leg(Peer::Server(server)).and_then(|leg| leg.top());
                let chosen = session.and_then(Session::alpn);
                alpn::answer(&self.alpn, chosen, versions).into_iter().collect()
            }
        };
        match Session::server(Arc::new(config)) {
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
        let Some(session) = cx.client.top() else { return Next::Stay };
        let tls = session.facts(Peer::Client, self.sni.as_deref(), Some(self.ja4.clone()));
        let alpn = tls.alpn.clone().unwrap_or_default();
        cx.event(Event::Secured(tls));
        let place = match self.way {
            Way::Proxy => Place::Proxy,
            Way::Server(server) => Place::Server { server, secure: true },
        };
        let upstream = self.speaks_http2(cx);
        let layer = match (self.way, alpn.as_str()) {
            (Way::Server(server), "h2") if upstream => Layer::http2(server, true, cx),
            (Way::Server(server), "h2") => {
                Layer::Translate(Translate::from_http2(server, self.name.clone(), cx))
            }
            (Way::Server(server), _) if upstream => {
                Layer::Translate(Translate::from_http1(server, true, cx))
            }
            (_, "http/1.0" | "http/1.1") => Layer::Http(Box::new(Http::new(place, cx))),
            _ => Layer::Sniff(Sniff::inside(self.way, true)),
        };
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
            Way::Proxy | Way::Server(_) => Peer::Client,
        };
        Next::Fail(Failure::TimedOut { peer, what: "the TLS handshake".into() })
    }
}

/// Returns whether the client offers TLS 1.2 or 1.3; older versions are passed as they are.
fn speaks_our_versions(hello: &ClientHello) -> bool {
    const TLS12: u16 = 0x0303;
    const TLS13: u16 = 0x0304;
    if hello.supported_versions.is_empty() {
        hello.legacy_version >= TLS12
    } else {
        hello.supported_versions.iter().any(|version| matches!(*version, TLS12 | TLS13))
    }
}

/// Offers the server what the client offered, as far as it can be spoken and is wanted.
///
/// # Errors
///
/// What of it cannot be spoken.
fn open_server(server: u32, hello: &ClientHello, cx: &mut Cx) -> Result<(), PassReason> {
    let offer = Offer::of(&hello.alpn, cx.config.http);
    let Offer { names, withheld } = offer.ok_or_else(|| unsupported("what is offered inside"))?;
    let no_name = || unsupported("TLS with such a server name");
    let Name { name, sent } = server_name(hello, cx).ok_or_else(no_name)?;
    let mut config = ClientConfig::clone(&cx.config.upstream_tls);
    config.alpn_protocols = names;
    config.enable_sni = sent;
    let session = Session::client(Arc::new(config), name);
    let session = session.map_err(|error| unsupported(&error.to_string()))?;
    let leg = cx.leg(Peer::Server(server)).ok_or_else(no_name)?;
    leg.push(session);
    cx.event(Event::Altered { exchange: None, alteration: Alteration::TlsTerminated });
    if !withheld.is_empty() {
        let names = withheld.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        let alteration = Alteration::AlpnWithheld(names.collect());
        cx.event(Event::Altered { exchange: None, alteration });
    }
    Ok(())
}

fn unsupported(what: &str) -> PassReason {
    PassReason::Unsupported { what: what.to_owned() }
}

/// Returns the name by which the server's certificate is judged, and whether the client sent it.
///
/// A client that sends none may know the server by a name all the same: the one that it looked
/// up before.
fn server_name(hello: &ClientHello, cx: &Cx) -> Option<Name> {
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
        rustls::Error::InvalidCertificate(CertificateError::Expired) => {
            AlertDescription::CertificateExpired
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            AlertDescription::UnknownCA
        }
        rustls::Error::InvalidCertificate(_) => AlertDescription::CertificateUnknown,
        _ => AlertDescription::HandshakeFailure,
    };
    alert_client(alert, cx);
    Next::Fail(Failure::Tls { peer, reason: explain(error) })
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

/// Says what is wrong with a server's certificate, and what the user can do.
fn explain(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return error.to_string() };
    match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".into(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "its certificate is not valid yet".into()
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is for another name".into()
        }
        Bad::UnknownIssuer => {
            "its certificate is from an unknown issuer (trust it with --ca FILE)".into()
        }
        // The library has no name of its own for it.
        bad if format!("{bad:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own (trust this very one with --ca FILE)".into()
        }
        bad => format!("its certificate is not valid: {bad}"),
    }
}

/// Shows one leaf to whoever asks.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
