//! Listening for clients that speak to a proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{fmt, io};

use sidestream_capture::{Capture, Target};
use sidestream_explicit::socks::Credentials;
use sidestream_explicit::{BindError, Explicit, Lookup, Port, Socks5};
use sidestream_flow::Transport;
use sidestream_process::{Owners, Packages, Scope, Sockets, Table};

/// A driver that listens.
#[non_exhaustive]
pub struct Listening {
    /// Yields the flows of the clients, with the process of each that is on this machine.
    pub capture: Box<dyn Capture>,
    /// Where it listens, with the ports that were taken.
    pub addrs: Vec<SocketAddr>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

/// Listens on all of these addresses for clients that speak to a proxy, whose flows are named to
/// the user by that mode. Needs a tokio runtime.
///
/// # Errors
///
/// The first address that cannot be had; its message says what to do.
pub fn listen(addrs: &[SocketAddr], via: &'static str) -> Result<Listening, BindError> {
    raise_open_files();
    let mut driver = Explicit::bind(addrs)?.with_via(via);
    let addrs = driver.local_addrs();
    // On a system whose sockets cannot be looked up, flows have no process.
    if let Ok(lookup) = lookup(0) {
        driver = driver.with_lookup(lookup);
    }
    Ok(Listening { capture: Box::new(driver), addrs })
}

/// Listens on all of these addresses for clients that speak SOCKS, and give these credentials, if
/// there are any. Needs a tokio runtime.
///
/// # Errors
///
/// The first address that cannot be had; its message says what to do.
pub fn listen_socks5(
    addrs: &[SocketAddr],
    credentials: Option<Credentials>,
) -> Result<Listening, BindError> {
    raise_open_files();
    let mut driver = Socks5::bind(addrs, credentials)?;
    let addrs = driver.local_addrs();
    if let Ok(lookup) = lookup(0) {
        driver = driver.with_lookup(lookup);
    }
    Ok(Listening { capture: Box::new(driver), addrs })
}

/// Listens on all of these addresses for clients that take us for that server, by connections or
/// by datagrams; its flows are those of mode `reverse`. Needs a tokio runtime.
///
/// # Errors
///
/// The first address that cannot be had; its message says what to do.
pub fn listen_reverse(
    addrs: &[SocketAddr],
    server: &Target,
    transport: Transport,
) -> Result<Listening, BindError> {
    const VIA: &str = "reverse";
    raise_open_files();
    let lookup = lookup(0).ok();
    Ok(match transport {
        Transport::Tcp => {
            let mut driver = Explicit::bind(addrs)?.with_via(VIA).with_server(server);
            let addrs = driver.local_addrs();
            if let Some(lookup) = lookup {
                driver = driver.with_lookup(lookup);
            }
            Listening { capture: Box::new(driver), addrs }
        }
        Transport::Udp => {
            let mut driver = Port::bind(addrs, server, VIA)?;
            let addrs = driver.local_addrs();
            if let Some(lookup) = lookup {
                driver = driver.with_lookup(lookup);
            }
            Listening { capture: Box::new(driver), addrs }
        }
    })
}

fn raise_open_files() {
    if let Err(error) = sidestream_os::raise_open_files() {
        tracing::debug!(%error, "no more files may be open");
    }
}

/// Finds the processes of this machine behind sockets, with their packages; also behind sockets
/// that are bound to the device of that number, if that is not 0.
pub(crate) fn lookup(interface: u32) -> io::Result<Arc<Lookup>> {
    let packages = Packages::default();
    packages.prepare();
    let table = Table::open()?.with_packages(packages);
    let owners = Owners::new(Sockets::open()?.through(interface), table, Scope::All);
    Ok(Arc::new(move |key| {
        owners.find(key).unwrap_or_else(|error| {
            tracing::debug!(%error, "the owner of a socket cannot be asked for");
            None
        })
    }))
}
