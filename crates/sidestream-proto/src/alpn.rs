//! Which application protocols the server is offered, and the client is answered (RFC 7301).

use crate::tls::hello;

/// Which version of HTTP each side speaks, where the user has a say: in TLS, once the client
/// offers one of them. Without TLS, a client is translated for a server that is to be spoken the
/// other version to; else both speak what the client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpVersions {
    /// Towards clients. A client that did not offer that version speaks the other one.
    pub client: HttpChoice,
    /// Towards servers, which are offered no other version.
    pub server: HttpChoice,
}

/// A version of HTTP, or whichever the other side speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpChoice {
    /// Servers are offered what the client offered, and clients answered what the server chose.
    #[default]
    Mirror,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

pub(crate) const HTTP1: &[u8] = b"http/1.1";
pub(crate) const HTTP2: &[u8] = b"h2";

/// Application protocols that are not spoken, and so are not offered to servers.
const UNSPOKEN: [&[u8]; 3] = [b"h3", b"spdy/3", b"spdy/3.1"];

/// What a server is offered, and what of the client's offer it is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) withheld: Vec<Vec<u8>>,
}

impl Offer {
    /// Offers the server what the client offered, as far as it can be spoken and is wanted.
    ///
    /// Returns `None` if nothing of it can be spoken.
    pub(crate) fn of(client: &[Vec<u8>], versions: HttpVersions) -> Option<Self> {
        let mut offer = Self::default();
        let wanted = match versions.server {
            HttpChoice::Mirror => None,
            HttpChoice::Http1 => Some(HTTP1),
            HttpChoice::Http2 => Some(HTTP2),
        };
        for name in client.iter().filter(|name| !is_grease(name)) {
            let replaced = wanted.filter(|wanted| is_http(name) && name != wanted);
            if replaced.is_some() || UNSPOKEN.contains(&name.as_slice()) {
                offer.withheld.push(name.clone());
            }
            let name = replaced.unwrap_or(name);
            let known = offer.names.iter().any(|offered| offered == name);
            if !known && !UNSPOKEN.contains(&name) {
                offer.names.push(name.to_vec());
            }
        }
        (!offer.names.is_empty() || offer.withheld.is_empty()).then_some(offer)
    }
}

/// Returns what the client is answered whose server chose that, if anything.
pub(crate) fn answer(
    client: &[Vec<u8>],
    server: Option<&[u8]>,
    versions: HttpVersions,
) -> Option<Vec<u8>> {
    let offered = |name: &[u8]| client.iter().any(|offered| offered == name);
    if server.is_some_and(|name| !is_http(name)) || !client.iter().any(|name| is_http(name)) {
        return server.filter(|name| offered(name)).map(<[u8]>::to_vec);
    }
    let wanted = match versions.client {
        HttpChoice::Mirror => server,
        HttpChoice::Http1 => Some(HTTP1),
        HttpChoice::Http2 => Some(HTTP2),
    };
    let other = if server == Some(HTTP2) { HTTP1 } else { HTTP2 };
    // A server that chose nothing speaks HTTP/1, and so does a client that is told nothing.
    let silent = server.is_none() && versions == HttpVersions::default();
    let names = [wanted, server, Some(other)];
    let mut names = names.into_iter().flatten().filter(|_| !silent);
    names.find(|name| offered(name)).map(<[u8]>::to_vec)
}

fn is_http(name: &[u8]) -> bool {
    name == HTTP2 || name.starts_with(b"http/1.")
}

/// Returns whether an application protocol's name means nothing (RFC 8701 §2).
fn is_grease(name: &[u8]) -> bool {
    matches!(name, [a, b] if hello::is_grease(u16::from_be_bytes([*a, *b])))
}
