//! How long the call `connect` takes.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::ready::nanoseconds;

/// As long the machine may do what a connection has begun elsewhere.
const PAUSE: Duration = Duration::from_micros(100);

/// Times the call alone: sockets are made before and closed after it, with a reset.
pub(super) fn time(to: SocketAddr, count: u32, udp: bool) -> anyhow::Result<Vec<u64>> {
    let addr = SockAddr::from(to);
    let (kind, protocol) =
        if udp { (Type::DGRAM, Protocol::UDP) } else { (Type::STREAM, Protocol::TCP) };
    let mut times = Vec::new();
    for _ in 0..count {
        let socket = Socket::new(Domain::for_address(to), kind, Some(protocol))?;
        if !udp {
            // Else its port would be taken for a minute.
            socket.set_linger(Some(Duration::ZERO))?;
        }
        let started = Instant::now();
        let connected = socket.connect(&addr);
        times.push(nanoseconds(started.elapsed()));
        connected.with_context(|| format!("connecting to {to}"))?;
        drop(socket);
        sleep(PAUSE);
    }
    Ok(times)
}
