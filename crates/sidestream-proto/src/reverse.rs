//! Standing in for one server.

use bytes::Bytes;

/// The one server that clients take us for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// Its name or address, an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to by TLS. Clients use TLS or do not, as they like.
    pub secure: bool,
    /// What is expected to be spoken.
    pub speaks: Speaks,
    /// Whether it gets the `Host` that the client sent; else its own.
    pub keeps_host: bool,
}

/// What is expected to be spoken with the one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Whatever it turns out to be.
    Any,
    /// HTTP.
    Http,
    /// Bytes, whatever they mean: TLS is no exception.
    Raw,
}

impl Reverse {
    /// Returns what the server calls itself, in `Host` and in URIs, if that is to be said.
    pub(crate) fn authority(&self) -> Option<String> {
        if self.keeps_host || self.speaks != Speaks::Http {
            return None;
        }
        let Self { host, port, secure, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let is_usual = *port == if *secure { 443 } else { 80 };
        Some(if is_usual { host } else { format!("{host}:{port}") })
    }

    /// Returns the `Host` that the server gets in place of that one, if it is another.
    pub(crate) fn host_for(&self, sent: Option<&Bytes>) -> Option<Bytes> {
        let ours = self.authority()?;
        let is_same = sent.is_some_and(|sent| sent.eq_ignore_ascii_case(ours.as_bytes()));
        (!is_same).then(|| ours.into())
    }

    pub(crate) fn is_plain_http(&self) -> bool {
        self.speaks == Speaks::Http && !self.secure
    }
}
