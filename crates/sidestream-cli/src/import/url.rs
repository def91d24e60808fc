//! Parts of URLs.

/// The host and the port of a URL.
pub(crate) struct Authority {
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
}

impl Authority {
    pub(crate) fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest[..end].rsplit('@').next().unwrap_or_default();
        let usual = if matches!(scheme, "https" | "wss") { 443 } else { 80 };
        // An address of IPv6 has colons of its own, and stands in brackets.
        let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match colon {
            Some(at) => (&authority[..at], authority[at + 1..].parse().unwrap_or(usual)),
            None => (authority, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self { host: (!host.is_empty()).then(|| host.to_owned()), port }
    }
}

/// Returns what of a URL stands in a request line.
pub(crate) fn target(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[start..].split('#').next() {
        Some("") | None => "/",
        Some(target) => target,
    }
}
