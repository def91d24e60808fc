//! Taking what other hosts send through this machine.

use std::fmt;
use std::net::SocketAddr;

use sidestream_capture::Capture;
use sidestream_os::gateway;

use crate::listen::lookup;

/// A gateway whose traffic is taken.
#[non_exhaustive]
pub struct Transparent {
    /// Yields the flows of the hosts behind it, with the process of each that is on this machine.
    pub capture: Box<dyn Capture>,
    /// Where it listens, with the ports that were taken.
    pub addrs: Vec<SocketAddr>,
}

impl fmt::Debug for Transparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transparent").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

/// Listens on all of these addresses for what the kernel leads there by TPROXY or REDIRECT, and
/// leads there what arrives by these interfaces for other hosts. Needs a tokio runtime.
///
/// A connection to one of these addresses itself, and one of this process's own that comes back,
/// is refused.
///
/// # Errors
///
/// See [`gateway::Error`], which says for each case what to do about it.
pub fn open_transparent(
    addrs: &[SocketAddr],
    interfaces: &[String],
) -> Result<Transparent, gateway::Error> {
    if let Err(error) = sidestream_os::raise_open_files() {
        tracing::debug!(%error, "no more files may be open");
    }
    let mut options = gateway::Options::new(addrs.iter().copied());
    options.interfaces = interfaces.to_vec();
    options.lookup = lookup(0).ok();
    let capture = gateway::Capture::open(options)?;
    let addrs = capture.local_addrs().to_vec();
    Ok(Transparent { capture: Box::new(capture), addrs })
}
