//! Where clients find the list of revoked certificates.

use std::sync::Arc;

/// Where clients find the list of revoked certificates, which leaves tell them (RFC 5280
/// §4.2.1.13): whoever is told has to be answered there, as strict clients wait for that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrlUrl {
    /// At an address to which every client gets.
    Everyone(Arc<str>),
    /// At a name that only those find who leave names to the proxy; others are told nothing.
    Naming(Arc<str>),
}

impl CrlUrl {
    /// Returns what a client is told that leaves names to the proxy, or does not.
    pub(crate) fn told(&self, is_naming: bool) -> Option<&Arc<str>> {
        match self {
            Self::Everyone(url) => Some(url),
            Self::Naming(url) => is_naming.then_some(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CrlUrl;

    #[test]
    fn who_asks_no_proxy_for_names_is_told_no_name() {
        let told = |url: CrlUrl| [true, false].map(|naming| url.told(naming).is_some());
        assert_eq!(told(CrlUrl::Everyone("http://192.0.2.1/".into())), [true, true]);
        assert_eq!(told(CrlUrl::Naming("http://a.test/".into())), [true, false]);
    }
}
