//! Whether this process is captured.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;

/// An address where nobody listens: only a proxy in between accepts.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the connections of this process are captured.
pub(crate) fn is_captured() -> bool {
    TcpStream::connect(NOBODY).is_ok()
}

/// Waits until the connections of this process are captured.
///
/// # Errors
///
/// They are not, for 20 seconds.
pub fn until_captured() -> anyhow::Result<()> {
    let started = Instant::now();
    while !is_captured() {
        ensure!(started.elapsed() < PATIENCE, "this process is not captured");
        sleep(Duration::from_millis(2));
    }
    Ok(())
}
