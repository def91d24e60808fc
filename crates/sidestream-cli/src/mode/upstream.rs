//! `upstream:URL[@[HOST:]PORT]`, where an `@` may also be in the URL.

use std::net::IpAddr;

use sidestream::upstream::Server;

use super::{Kind, Listen, Mode, ParseModeError, data};

/// Reads the whole mode.
pub(super) fn parse(text: &str) -> Result<Mode, ParseModeError> {
    let missing = || ParseModeError::NoServer {
        mode: "upstream",
        example: "upstream:http://proxy.example.com:3128",
    };
    let given = data::given(text.split_once(':').map(|(_, data)| data)).ok_or_else(missing)?;
    let (server, listen) = match apart(given) {
        Some((server, listen)) => (server, Some(listen)),
        None => (given.parse().map_err(ParseModeError::Upstream)?, None),
    };
    Ok(Mode { kind: Kind::Upstream(server), listen })
}

/// Takes the place to listen off, if what is behind the last `@` is one and what is before it a
/// proxy; else it may be the proxy, behind its user and password.
fn apart(text: &str) -> Option<(Server, Listen)> {
    let (url, at) = text.rsplit_once('@')?;
    let listen: Listen = at.parse().ok()?;
    let is_here = |host: &str| host.parse::<IpAddr>().is_ok() || host == "localhost";
    if !listen.host.as_deref().is_none_or(is_here) {
        return None;
    }
    Some((url.parse().ok()?, listen))
}
