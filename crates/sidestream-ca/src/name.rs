//! A name that a leaf is for.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::error::ParseNameError;

/// A host name in its ASCII form, possibly with a leading `*.`, or an IP address.
///
/// Host names are kept in lower case and without the final dot, so that equal names compare equal.
///
/// ```
/// use sidestream_ca::Name;
///
/// assert_eq!("Example.TEST.".parse::<Name>()?.to_string(), "example.test");
/// assert!("bücher.test".parse::<Name>().is_err(), "give xn--bcher-kva.test");
/// # Ok::<_, sidestream_ca::ParseNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Kind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Dns(String),
    Ip(IpAddr),
}

impl Name {
    /// The host name, when it is one.
    pub fn dns(&self) -> Option<&str> {
        match &self.0 {
            Kind::Dns(name) => Some(name),
            Kind::Ip(_) => None,
        }
    }

    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            Kind::Dns(_) => None,
            Kind::Ip(ip) => Some(*ip),
        }
    }

    /// Tells whether a certificate with this name is one for `asked`, by the rules of RFC 9525 §6.3.
    pub fn covers(&self, asked: &Self) -> bool {
        if self == asked {
            return true;
        }
        let (Some(own), Some(asked)) = (self.dns(), asked.dns()) else { return false };
        match (own.strip_prefix("*."), asked.split_once('.')) {
            (Some(parent), Some((label, rest))) => label != "*" && parent == rest,
            _ => false,
        }
    }

    /// Takes a host name as certificates and handshakes carry it; never an address.
    pub(crate) fn host(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let labels = name.strip_prefix("*.").unwrap_or(name);
        let fits = (1..=253).contains(&name.len()) && labels.split('.').all(is_label);
        fits.then(|| Self(Kind::Dns(name.to_ascii_lowercase())))
    }

    /// What it takes in a certificate.
    pub(crate) fn len_bytes(&self) -> usize {
        match &self.0 {
            Kind::Dns(name) => name.len() + 3,
            Kind::Ip(_) => 18,
        }
    }
}

/// Underscores are no part of a host name by RFC 952, but of many a certificate.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Ok(ip.into()),
            Err(_) => Self::host(text)
                .ok_or_else(|| ParseNameError { text: text.chars().take(64).collect() }),
        }
    }
}

impl From<IpAddr> for Name {
    fn from(ip: IpAddr) -> Self {
        Self(Kind::Ip(ip))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Dns(name) => f.write_str(name),
            Kind::Ip(ip) => ip.fmt(f),
        }
    }
}
