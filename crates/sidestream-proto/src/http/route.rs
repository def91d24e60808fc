//! Which server a request is for.

use bytes::Bytes;
use rustls::pki_types::ServerName;
use sidestream_flow::Peer;
use sidestream_record::{
    Event, Failure, Fields, Part, RequestHead, ResponseHead, Version, wording,
};

use crate::cx::Cx;
use crate::hooks::Origin;
use crate::http::requests::{Reading, Ready};
use crate::http::{Http, Place, Step};
use crate::layer::{Layer, Next, Told};
use crate::sniff::{Sniff, Way};
use crate::translate::Name;
use crate::{Target, http1};

/// Fields that speak to a proxy and go no further (RFC 9110 §7.6.1, §11.7).
const FOR_THE_PROXY: [&str; 2] = ["Proxy-Authorization", "Proxy-Connection"];

/// How many servers one client of the proxy may have connections with at once. Another one takes
/// the place of that which has been idle for the longest.
const MAX_ROUTES: usize = 64;

/// How many servers one client of the proxy may reach in all over one connection, which ends
/// after that.
pub(super) const MAX_SERVERS: u32 = 1000;

/// What a request to a proxy asks for (RFC 9112 §3.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) secure: bool,
    /// A tunnel is asked for: the request itself is for the proxy.
    pub(super) tunnel: bool,
    /// The target as the server expects it.
    pub(super) origin_form: Option<Bytes>,
}

impl From<&Origin> for Asked {
    fn from(Origin { secure, host, port }: &Origin) -> Self {
        let (secure, port, host) = (*secure, *port, host.clone());
        Self { host, port, secure, tunnel: false, origin_form: None }
    }
}

impl Asked {
    /// Reads the target of a request to a proxy.
    pub(super) fn of(head: &RequestHead) -> Result<Self, &'static str> {
        const NEITHER: &str = "a request to a proxy names an absolute URI (http://host/…)";
        let target = std::str::from_utf8(&head.target).or(Err(NEITHER))?;
        if head.method == "CONNECT" {
            let (host, port) = authority(target, None).ok_or("CONNECT names host:port")?;
            let origin_form = None;
            return Ok(Self { host, port, secure: false, tunnel: true, origin_form });
        }
        let (scheme, rest) = target.split_once("://").ok_or(NEITHER)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("only http and https URIs can be proxied"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (place, path) = rest.split_at(end);
        let place = place.rsplit_once('@').map_or(place, |(_user, place)| place);
        let default = if secure { 443 } else { 80 };
        let (host, port) = authority(place, Some(default)).ok_or("the URI names no host")?;
        let path = match path {
            "" if head.method == "OPTIONS" => Bytes::from_static(b"*"),
            path if path.starts_with('/') => head.target.slice_ref(path.as_bytes()),
            path => Bytes::from(format!("/{path}")),
        };
        Ok(Self { host, port, secure, tunnel: false, origin_form: Some(path) })
    }
}

/// Splits `host:port`, with the brackets of an IPv6 address taken off.
pub(crate) fn authority(text: &str, default: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None | Some("") => default?,
        Some(port) => port.parse().ok()?,
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// A server that a request named.
pub(crate) struct Route {
    pub(crate) server: u32,
    host: String,
    port: u16,
    secure: bool,
}

impl Route {
    pub(super) fn leads_to(&self, asked: &Asked) -> bool {
        !asked.tunnel
            && self.port == asked.port
            && self.secure == asked.secure
            && self.host.eq_ignore_ascii_case(&asked.host)
    }
}

impl Http {
    /// Returns the server that a request is for, if it was opened, and notes that it is in use.
    pub(super) fn route_to(&mut self, asked: &Asked) -> Option<u32> {
        let at = self.routes.iter().position(|route| route.leads_to(asked))?;
        let latest = self.routes.remove(at);
        let server = latest.server;
        self.routes.push(latest);
        Some(server)
    }

    pub(super) fn open_route(&mut self, asked: Asked, cx: &mut Cx) -> u32 {
        let Asked { host, port, secure, tunnel, .. } = asked;
        if self.routes.len() >= MAX_ROUTES {
            // No exchange is under way with any: this is the only one.
            let idle = Peer::Server(self.routes.remove(0).server);
            cx.abort(idle);
        }
        let by_us = self.place == Place::Proxy;
        // What a rule sends elsewhere is not in the form that a proxy takes.
        let is_plain = !secure && !tunnel;
        let target = if is_plain && by_us { Target::Http } else { Target::Name };
        let server = self.open_shared(target(host.clone(), port), tunnel, secure, &host, cx);
        if by_us && host.parse::<std::net::IpAddr>().is_err() {
            cx.name(host.clone());
        }
        self.routes.push(Route { server, host, port, secure });
        server
    }

    /// A server that a request named is there.
    pub(super) fn opened(&mut self, server: u32, cx: &mut Cx) -> Next {
        if cx.leg(Peer::Server(server)).is_some_and(|leg| !leg.is_plain()) {
            // It was left by another flow, with TLS as it is wanted here.
            return self.routed(server, cx);
        }
        let route = self.routes.iter().find(|route| route.server == server);
        let Some(route) = route.filter(|route| route.secure) else {
            return self.routed(server, cx);
        };
        let name = ServerName::try_from(route.host.clone()).map_err(|error| error.to_string());
        let secured = name.and_then(|name| {
            let (name, alpn) = (Name { name, sent: true }, vec![b"http/1.1".to_vec()]);
            cx.secure(server, name, alpn, None).map_err(|error| error.to_string())
        });
        match secured {
            Ok(()) => Next::Stay,
            Err(reason) => {
                self.unreachable(server, Failure::Tls { peer: Peer::Server(server), reason }, cx)
            }
        }
    }

    /// A server that a request named can be spoken to.
    pub(super) fn routed(&mut self, server: u32, cx: &mut Cx) -> Next {
        let ready = match std::mem::replace(&mut self.reading, Reading::head(cx)) {
            Reading::Opening(ready, opening) if opening == server => *ready,
            other => {
                self.reading = other;
                return Next::Stay;
            }
        };
        if !self.is_route(server) {
            return match self.dispatch(ready, cx) {
                Step::Leave(next) => next,
                Step::Idle | Step::Moved => self.advance(cx),
            };
        }
        let peer = Peer::Server(server);
        if let Some(session) = cx.leg(peer).and_then(|leg| leg.top_mut()) {
            let tls = session.facts(peer, None, None);
            cx.event(Event::Secured(tls));
        }
        if ready.parsed.head.method == "CONNECT" {
            return self.tunnel(ready, server, cx);
        }
        match self.send_routed(ready, server, cx) {
            Step::Leave(next) => next,
            Step::Idle | Step::Moved => self.advance(cx),
        }
    }

    /// Answers a CONNECT: what follows is whatever the client and that server speak.
    fn tunnel(&mut self, ready: Ready, server: u32, cx: &mut Cx) -> Next {
        let head = ResponseHead {
            version: Version::Http11,
            status: 200,
            reason: Bytes::from_static(b"Connection established"),
            fields: Fields::default(),
        };
        let mut wire = bytes::BytesMut::new();
        http1::encode_response(&head, &mut wire);
        cx.send(Peer::Client, wire.freeze());
        let exchange = ready.id;
        cx.tunnel = Asked::of(&ready.parsed.head).ok().map(|asked| (asked.host, asked.port));
        cx.event(Event::PartEnded { exchange, part: Part::Request });
        cx.event(Event::Response { exchange, head });
        cx.event(Event::PartEnded { exchange, part: Part::Response });
        cx.event(Event::ExchangeEnded { exchange, failure: None });
        let early = self.client.split().freeze();
        let early = (!early.is_empty()).then_some(Told::Data(Peer::Client, early));
        let ended = self.client_ended.map(|clean| Told::Eof(Peer::Client, clean));
        Next::become_with(
            Layer::Sniff(Sniff::inside(Way::Server(server), false)),
            early.into_iter().chain(ended).collect(),
        )
    }
}

/// Lists the fields of a request that are for the proxy alone.
pub(super) fn fields_for_the_proxy(head: &RequestHead) -> Vec<&'static str> {
    FOR_THE_PROXY.into_iter().filter(|name| head.fields.get(name).is_some()).collect()
}

/// Puts the absolute URI of a request together (RFC 9110 §7.1).
pub(crate) fn url(head: &RequestHead, place: Place, cx: &Cx) -> String {
    let target = wording::text(&head.target);
    let Place::Server { secure, .. } = place else { return target };
    if head.method == "CONNECT" || target.contains("://") {
        return target;
    }
    let reverse = cx.config.reverse.as_ref();
    let secure = reverse.map_or(secure, |reverse| reverse.secure);
    let scheme = if secure { "https" } else { "http" };
    let ours = reverse.and_then(|reverse| reverse.authority());
    if let Some(host) = ours {
        let target = if target == "*" { "" } else { &target };
        return format!("{scheme}://{host}{target}");
    }
    let host = match head.fields.get("Host").filter(|host| !host.is_empty()) {
        Some(host) => wording::text(host),
        None => fallback_host(secure, cx),
    };
    let target = if target == "*" { "" } else { &target };
    format!("{scheme}://{host}{target}")
}

pub(crate) fn fallback_host(secure: bool, cx: &Cx) -> String {
    let port = cx.key.server.port();
    let default = port == if secure { 443 } else { 80 };
    match (&cx.host, cx.key.server.ip()) {
        (Some(host), _) if default => host.clone(),
        (Some(host), _) => format!("{host}:{port}"),
        (None, std::net::IpAddr::V6(ip)) if default => format!("[{ip}]"),
        (None, ip) if default => ip.to_string(),
        (None, _) => cx.key.server.to_string(),
    }
}
