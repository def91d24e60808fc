//! Taking what is sent into a TUN device.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use sidestream_capture::{Capabilities, Capture, Incoming, PacketDriver};
use sidestream_tun::{OpenError, Tun};
use sidestream_tunnel::{Settings, Tally, Tunnel, by_sockets};

use crate::listen::lookup;
use crate::pings::Pings;

/// The size of a connection's buffers at first: a client on this machine waits for nothing when
/// they grow, and whatever opens within a second has them at the same time.
const INITIAL_BUFFER: usize = 16 << 10;

/// How the flows of this driver are named to the user.
const VIA: &str = "tun";

/// A TUN device whose packets are taken.
#[non_exhaustive]
pub struct Tunneled {
    /// Yields the flows of whatever is sent into the device, with the process of each that is on
    /// this machine.
    pub capture: Box<dyn Capture>,
    /// The name of the device.
    pub name: String,
    /// Tells what was dropped.
    pub tally: Tally,
}

impl fmt::Debug for Tunneled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunneled").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Opens a TUN device: a persistent one of that name that is there, else a new one. What is sent
/// into it is for whoever sets up routes, or binds sockets to it. Needs a tokio runtime.
///
/// A connection of this process's own that comes back through the device is refused.
///
/// # Errors
///
/// See [`OpenError`], which says for each case what to do about it.
pub fn open_tun(name: Option<&str>, pings: Pings) -> Result<Tunneled, OpenError> {
    let mut builder = Tun::builder();
    if let Some(name) = name {
        builder = builder.name(name);
    }
    let tun = builder.open()?;
    let name = tun.name().to_owned();
    // A hasher of the library has keys that nobody else knows.
    let seed = RandomState::new().hash_one(&name);
    let mut settings = Settings::new(VIA, seed);
    settings.lookup = lookup(tun.index()).ok();
    settings.ping = (pings == Pings::Everywhere).then(by_sockets);
    settings.stack.initial_buffer = INITIAL_BUFFER;
    let queue = tun.into_queues().into_iter().next();
    let queue: Box<dyn PacketDriver> = Box::new(queue.ok_or(OpenError::Unsupported)?);
    let tunnel = Tunnel::start(queue, settings);
    let tally = tunnel.tally();
    let capture = Box::new(Apart { tunnel, is_told: AtomicBool::new(false) });
    Ok(Tunneled { capture, name, tally })
}

/// A tunnel without the connections of this process, which would go round for ever.
struct Apart {
    tunnel: Tunnel,
    is_told: AtomicBool,
}

impl Capture for Apart {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        loop {
            let incoming = ready!(self.tunnel.poll_incoming(cx))?;
            let own = std::process::id();
            let is_own = |incoming: &Incoming| {
                incoming.info.process.as_ref().is_some_and(|process| process.pid == own)
            };
            let Some(incoming) = incoming else { return Poll::Ready(Ok(None)) };
            if !is_own(&incoming) {
                return Poll::Ready(Ok(Some(incoming)));
            }
            // Dropped, it is refused.
            if !self.is_told.swap(true, Ordering::Relaxed) {
                let key = incoming.info.key;
                tracing::warn!(%key, "a route leads the proxy's own connections into the device");
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.tunnel.capabilities()
    }
}
