//! Taking what phones and other machines send through WireGuard.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::SocketAddr;

use sidestream_capture::Capture;
use sidestream_tunnel::{Settings, Tally, Tunnel};
use sidestream_wireguard::{BindError, Config, Handle, Server};

use crate::inside::Inside;
use crate::pings::Pings;

/// How the flows of this driver are named to the user.
const VIA: &str = "wireguard";

/// A WireGuard server whose peers' traffic is taken.
#[non_exhaustive]
pub struct WireguardServer {
    /// Yields the flows of the peers; a flow's client is the address inside of the tunnel, which
    /// only its peer can have.
    pub capture: Box<dyn Capture>,
    /// Where it listens, with the ports that were taken.
    pub addrs: Vec<SocketAddr>,
    /// Tells of the peers, and of what was dropped on the way to or from them.
    pub handle: Handle,
    /// Tells what was dropped of what came out of the tunnels.
    pub tally: Tally,
}

impl fmt::Debug for WireguardServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireguardServer").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

/// Listens on these addresses for the peers of a configuration, as [`Server::bind`] does. Needs a
/// tokio runtime.
///
/// Where something is served inside of the tunnel, at addresses of the interface, `inside` answers
/// pings to these; it is to be the proxy's [`Dial`](sidestream_capture::Dial), too.
///
/// # Errors
///
/// The first address that cannot be had; its message says what to do.
pub fn open_wireguard(
    config: Config,
    listen: &[SocketAddr],
    inside: Option<&Inside>,
    pings: Pings,
) -> Result<WireguardServer, BindError> {
    if let Err(error) = sidestream_os::raise_open_files() {
        tracing::debug!(%error, "no more files may be open");
    }
    let server = Server::bind(config, listen)?;
    let (addrs, handle) = (server.local_addrs(), server.handle());
    // A hasher of the library has keys that nobody else knows.
    let seed = RandomState::new().hash_one(VIA);
    let mut settings = Settings::new(VIA, seed);
    // Phones are behind networks that they share with others.
    settings.stack.congestion_control = true;
    settings.ping =
        Some(inside.map_or_else(|| pings.answer(), |inside| inside.pings(pings.answer())));
    let tunnel = Tunnel::start(Box::new(server), settings);
    let tally = tunnel.tally();
    Ok(WireguardServer { capture: Box::new(tunnel), addrs, handle, tally })
}
