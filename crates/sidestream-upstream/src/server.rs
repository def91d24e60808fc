//! Where a proxy is, and how it is spoken to: `SCHEME://[USER:PASSWORD@]HOST[:PORT]`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use sidestream_capture::Target;

use crate::{Credentials, ParseCredentialsError};

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its name or address, an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// By what it knows us.
    pub credentials: Option<Credentials>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// By HTTP.
    Http,
    /// By HTTP inside of TLS.
    Https,
    /// By SOCKS5; names are looked up by the proxy.
    Socks5,
}

/// Why a text names no proxy. What may be a password is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseServerError {
    /// The user and password are none.
    #[error("what stands before the @ of a proxy is no user and password")]
    Credentials(#[from] ParseCredentialsError),
    /// The host is missing, or none.
    #[error("no proxy is named, write one as in http://proxy.example:3128")]
    Host,
    /// The port is none.
    #[error("the port of a proxy is a number from 1 to 65535")]
    Port,
    /// There is no such way of speaking to a proxy.
    #[error("a proxy cannot be spoken to by {scheme:?}, use one of http, https, socks5")]
    Scheme {
        /// What was given.
        scheme: String,
    },
}

impl Scheme {
    /// Returns the scheme of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            // Names are looked up by the proxy in any case.
            "socks5" | "socks5h" => Some(Self::Socks5),
            _ => None,
        }
    }

    /// Returns the name, as in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 => 1080,
        }
    }
}

impl Server {
    /// Returns what has to be dialled to reach it.
    pub(crate) fn target(&self) -> Target {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => Target::Addr((ip, self.port).into()),
            Err(_name) => Target::Name(self.host.clone(), self.port),
        }
    }
}

impl FromStr for Server {
    type Err = ParseServerError;

    /// Reads a URL; without a scheme it is `http`. Characters of user and password may be written
    /// as `%XX`.
    fn from_str(text: &str) -> Result<Self, ParseServerError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::Http, text),
            Some((name, rest)) => {
                let unknown = || ParseServerError::Scheme { scheme: name.to_owned() };
                (Scheme::named(name).ok_or_else(unknown)?, rest)
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, place)) => (Some(login), place),
        };
        let credentials = login.map(credentials).transpose()?;
        let (host, port) = match place.rsplit_once(':') {
            // The colons of an IPv6 address without a port.
            Some(_) if place.ends_with(']') => (place, None),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        };
        let port = port.map_or_else(|| Ok(scheme.default_port()), parse_port)?;
        Ok(Self { scheme, host: parse_host(host)?, port, credentials })
    }
}

fn credentials(login: &str) -> Result<Credentials, ParseCredentialsError> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Credentials::new(decoded(user)?, decoded(password)?)
}

/// Takes `%XX` for what it stands for (RFC 3986 §2.1).
fn decoded(text: &str) -> Result<String, ParseCredentialsError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>().ok_or(ParseCredentialsError)?;
        let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(ParseCredentialsError)?);
        rest = behind;
    }
    String::from_utf8(bytes).or(Err(ParseCredentialsError))
}

fn parse_port(text: &str) -> Result<u16, ParseServerError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or(ParseServerError::Port)
}

fn parse_host(text: &str) -> Result<String, ParseServerError> {
    let is_v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return is_v6(inside).then(|| inside.to_owned()).ok_or(ParseServerError::Host);
    }
    let of_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    let is_name = !text.is_empty() && text.chars().all(of_name);
    is_name.then(|| text.to_owned()).ok_or(ParseServerError::Host)
}

impl fmt::Display for Server {
    /// Writes the URL without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, .. } = self;
        match host.contains(':') {
            true => write!(f, "{}://[{host}]:{port}", scheme.name()),
            false => write!(f, "{}://{host}:{port}", scheme.name()),
        }
    }
}
