//! UDP origins on loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A UDP server on loopback; it ends when it is dropped.
#[derive(Debug)]
pub struct UdpOrigin {
    addr: SocketAddr,
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    received: Mutex<Vec<(SocketAddr, Vec<u8>)>>,
}

impl UdpOrigin {
    /// Starts an origin on a free port of 127.0.0.1 that sends every datagram back.
    pub fn echo() -> Self {
        Self::serve(|datagram, _from| vec![datagram.to_vec()])
    }

    /// Starts an origin on a free port of 127.0.0.1 that answers each datagram with any number of them.
    pub fn serve<H>(handler: H) -> Self
    where
        H: Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
    {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::listen(any_port, handler).expect("loopback has a free port")
    }

    /// Starts an origin on `addr`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub fn listen<H>(addr: SocketAddr, handler: H) -> io::Result<Self>
    where
        H: Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
    {
        let socket = UdpSocket::bind(addr)?;
        // How long a dropped origin may linger: it looks at its flag this often.
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let addr = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let serving = thread::Builder::new().name(format!("origin udp {addr}")).spawn({
            let shared = Arc::clone(&shared);
            move || answer(&socket, &shared, handler)
        })?;
        Ok(Self { addr, shared, serving: Some(serving) })
    }

    /// Gives the address on which the origin listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives the datagrams received so far, with their senders.
    pub fn received(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for UdpOrigin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(serving) = self.serving.take() {
            drop(serving.join());
        }
    }
}

fn answer(
    socket: &UdpSocket,
    shared: &Shared,
    handler: impl Fn(&[u8], SocketAddr) -> Vec<Vec<u8>>,
) {
    let mut buffer = vec![0; 65_536];
    while !shared.stopped.load(Ordering::SeqCst) {
        // A time-out and an ICMP error of an earlier answer alike: look again.
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        let datagram = &buffer[..len];
        let mut received = shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.push((from, datagram.to_vec()));
        drop(received);
        for reply in handler(datagram, from) {
            drop(socket.send_to(&reply, from));
        }
    }
}
