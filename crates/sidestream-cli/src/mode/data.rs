//! The server that `reverse` names: `[SCHEME://]HOST[:PORT]`.

use super::ParseModeError;

/// A server that all traffic of a mode goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its name or address, an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the protocol of its name")]
pub enum Scheme {
    Dns,
    Dtls,
    Http,
    Http3,
    Https,
    Quic,
    Tcp,
    Tls,
    Udp,
}

impl Scheme {
    /// Returns its name, as it is written before `://`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Dtls => "dtls",
            Self::Http => "http",
            Self::Http3 => "http3",
            Self::Https => "https",
            Self::Quic => "quic",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "dns" => Self::Dns,
            "dtls" => Self::Dtls,
            "http" => Self::Http,
            "http3" => Self::Http3,
            "https" => Self::Https,
            "quic" => Self::Quic,
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            "udp" => Self::Udp,
            _ => return None,
        })
    }

    /// Returns the port that the scheme stands for; plain transports have none.
    const fn default_port(self) -> Option<u16> {
        match self {
            Self::Dns => Some(53),
            Self::Http => Some(80),
            Self::Http3 | Self::Https | Self::Quic | Self::Tls => Some(443),
            Self::Dtls | Self::Tcp | Self::Udp => None,
        }
    }
}

impl Server {
    pub(super) fn reverse(data: Option<&str>) -> Result<Self, ParseModeError> {
        let (mode, example) = ("reverse", "reverse:https://example.com");
        let data = given(data).ok_or(ParseModeError::NoServer { mode, example })?;
        let allowed = "http, https, http3, tls, dtls, tcp, udp, dns, quic";
        let (scheme, rest) = match data.split_once("://") {
            None => (Scheme::Https, data),
            Some((name, rest)) => {
                let refused = || ParseModeError::Scheme { mode, scheme: name.to_owned(), allowed };
                (Scheme::named(name).ok_or_else(refused)?, rest)
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host_part, port_part) = match rest.rsplit_once(':') {
            // The colons of an IPv6 address without a port.
            Some(_) if rest.ends_with(']') => (rest, None),
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let port = match port_part {
            Some(text) => port(text)?,
            None => {
                scheme.default_port().ok_or_else(|| ParseModeError::Port { port: String::new() })?
            }
        };
        Ok(Self { scheme, host: host(host_part)?, port })
    }
}

pub(super) fn given(data: Option<&str>) -> Option<&str> {
    data.filter(|data| !data.is_empty())
}

/// Takes the brackets off an IPv6 address; a name has no character that no name has.
pub(super) fn host(text: &str) -> Result<String, ParseModeError> {
    let refused = || ParseModeError::Host { host: text.to_owned() };
    let is_v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return if is_v6(inside) { Ok(inside.to_owned()) } else { Err(refused()) };
    }
    let of_name = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_');
    if is_v6(text) || !text.is_empty() && text.chars().all(of_name) {
        Ok(text.to_owned())
    } else {
        Err(refused())
    }
}

/// Reads a port; a sign is none.
pub(super) fn port(text: &str) -> Result<u16, ParseModeError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = text.parse().ok().filter(|_| digits);
    parsed.ok_or_else(|| ParseModeError::Port { port: text.to_owned() })
}
