//! Requests, written as the programs write them that are asked for.

use super::Failed;
use crate::model::{HttpAsk, Program, Trouble};

/// From this on curl asks before it sends.
const EXPECT_FROM: usize = 1024 * 1024;

/// A target with a scheme and a host, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) is_tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as `Host` has them.
    pub(super) authority: String,
    pub(super) target: String,
}

impl Url {
    pub(super) fn parse(url: &str) -> Result<Self, Failed> {
        let wrong = || Failed::new(Trouble::Other, format!("{url:?} is no URL of the lab"));
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let is_tls = match scheme {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(wrong()),
        };
        let (authority, target) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_error| wrong())?),
            None => (authority, if is_tls { 443 } else { 80 }),
        };
        let (host, authority, target) = (host.into(), authority.into(), target.into());
        Ok(Self { is_tls, host, port, authority, target })
    }
}

/// Whether curl asks whether it may send.
pub(super) fn expects(ask: &HttpAsk) -> bool {
    ask.by != Program::Python && ask.body.as_ref().is_some_and(|body| body.len() >= EXPECT_FROM)
}

/// Writes the head of a request.
pub(super) fn head(ask: &HttpAsk, url: &Url) -> String {
    let mut head = format!("{} {} HTTP/1.1\r\n", ask.method, url.target);
    for (name, value) in fields(ask, url) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

fn fields(ask: &HttpAsk, url: &Url) -> Vec<(String, String)> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let length = ask.body.as_ref().map(|body| field("Content-Length", &body.len().to_string()));
    let names_type = ask.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let form = field("Content-Type", "application/x-www-form-urlencoded");
    let form = (ask.body.is_some() && !names_type).then_some(form);
    let mut fields = Vec::new();
    if ask.by == Program::Python {
        fields.push(field("Accept-Encoding", "identity"));
        fields.extend(form);
        fields.extend(length);
        fields.push(field("Host", &url.authority));
        fields.push(field("User-Agent", "lab"));
        fields.extend(ask.fields.iter().cloned());
        fields.push(field("Connection", "close"));
        return fields;
    }
    fields.push(field("Host", &url.authority));
    fields.push(field("User-Agent", "lab"));
    fields.push(field("Accept", "*/*"));
    fields.extend(ask.fields.iter().cloned());
    fields.extend(length);
    fields.extend(form);
    if expects(ask) {
        fields.push(field("Expect", "100-continue"));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("https://origin:8443/a?b=c").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.is_tls), ("origin", 8443, true));
        assert_eq!((url.authority.as_str(), url.target.as_str()), ("origin:8443", "/a?b=c"));
        assert_eq!(Url::parse("ws://origin").unwrap().port, 80);
        for bad in ["origin", "ftp://origin/", "http://origin:x/"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }
}
