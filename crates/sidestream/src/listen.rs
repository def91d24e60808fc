//! Listening for clients that speak to a proxy.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use sidestream_capture::Capture;
use sidestream_explicit::{BindError, Explicit};

use crate::owner::Owners;

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

/// Listens on all of these addresses for clients that speak to a proxy. Needs a tokio runtime.
///
/// # Errors
///
/// The first address that cannot be had; its message says what to do.
pub fn listen(addrs: &[SocketAddr]) -> Result<Listening, BindError> {
    if let Err(error) = sidestream_os::raise_open_files() {
        tracing::debug!(%error, "no more files may be open");
    }
    let mut driver = Explicit::bind(addrs)?;
    let addrs = driver.local_addrs();
    // On a system whose sockets cannot be looked up, flows have no process.
    if let Ok(owners) = Owners::open() {
        driver = driver.with_lookup(Arc::new(move |key| owners.find(key)));
    }
    Ok(Listening { capture: Box::new(driver), addrs })
}
