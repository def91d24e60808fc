//! What a filter is judged on.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use sidestream_record::{Flow, Part, RequestHead, ResponseHead};

/// What a filter is judged on. What is not known is `None`, and so matches nothing.
///
/// Only what a filter asks for is called, so that an answer may cost something.
pub trait Subject {
    /// Returns what it is.
    fn kind(&self) -> Kind;

    /// Returns whether it is a WebSocket message, or the exchange that opened a WebSocket.
    fn is_web_socket(&self) -> bool {
        false
    }

    /// Returns the part that came last: the response, or the request as long as there is none. Of
    /// a message it is the side that sent it.
    fn part(&self) -> Option<Part> {
        None
    }

    /// Returns whether it did not end well.
    fn failed(&self) -> bool {
        false
    }

    /// Returns the absolute URI, or the name that a DNS query asks for.
    fn url(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Returns the host that was asked.
    fn domain(&self) -> Option<Cow<'_, str>> {
        let url = self.url()?;
        Some(Cow::Owned(host(&url).to_owned()))
    }

    /// Returns the request's head.
    fn request(&self) -> Option<&RequestHead> {
        None
    }

    /// Returns the final response's head.
    fn response(&self) -> Option<&ResponseHead> {
        None
    }

    /// Returns the content of that part without content codings, as far as it is known.
    fn content(&self, part: Part) -> Option<Cow<'_, [u8]>> {
        _ = part;
        None
    }

    /// Returns the flow that it belongs to.
    fn flow(&self) -> Option<&Flow> {
        None
    }

    /// Returns how many bytes of content it has.
    fn size(&self) -> Option<u64> {
        None
    }

    /// Returns how long it took, once it is over.
    fn duration(&self) -> Option<Duration> {
        None
    }

    /// Returns when it began.
    fn started(&self) -> Option<SystemTime> {
        None
    }

    /// Returns the mark that the user set.
    fn marker(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Returns what the user noted.
    fn comment(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Returns its metadata, as lines of `key: value`.
    fn metadata(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Returns whether a program sent that part again.
    fn is_replayed(&self, part: Part) -> bool {
        _ = part;
        false
    }
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A DNS query and its answer.
    Dns,
    /// An HTTP exchange, or a message of a WebSocket.
    Http,
    /// A TCP flow, or a stretch of one.
    Tcp,
    /// A UDP flow, or a datagram of one.
    Udp,
}

/// Returns the host of an absolute URI, an IPv6 address in brackets.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let place = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, place)| place);
    match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => place,
    }
}
