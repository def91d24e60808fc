//! The modes that listen.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use anyhow::Context;
use sidestream::Listening;

use crate::mode::{Listen, Mode};
use crate::say::say;

/// Listens where these modes do, if any does. Needs a runtime.
pub(super) fn listen(modes: &[Mode]) -> anyhow::Result<Option<Listening>> {
    let listens: Vec<_> = modes.iter().filter_map(Mode::listen).collect();
    let addrs = listens.iter().map(resolve).collect::<anyhow::Result<Vec<_>>>()?.concat();
    Ok((!addrs.is_empty()).then(|| sidestream::listen(&addrs)).transpose()?)
}

/// Finds the addresses of a host; a name may have several.
fn resolve(listen: &Listen) -> anyhow::Result<Vec<SocketAddr>> {
    let found = (listen.host(), listen.port).to_socket_addrs();
    let found = found.with_context(|| format!("cannot listen on {listen}, no such host"))?;
    let mut addrs: Vec<_> = found.collect();
    addrs.dedup();
    Ok(addrs)
}

/// Tells where is listened, and what clients have to trust.
pub(super) fn tell(listening: &Listening, certificate: Option<&Path>) {
    let addrs: Vec<_> = listening.addrs.iter().map(ToString::to_string).collect();
    let trust = certificate.map(|path| format!(", its root is {}", path.display()));
    say(format_args!("listening on {}{}", addrs.join(", "), trust.unwrap_or_default()));
}
