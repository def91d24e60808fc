//! Origins on real sockets.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::{Site, Talk};

/// The largest datagram.
const MAX_DATAGRAM: usize = 65_535;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// An origin that listens; it ends when it is dropped.
#[derive(Debug)]
pub struct Origin {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Origin {
    /// Listens on all addresses of this host, of IPv4 and of IPv6 where there is any.
    ///
    /// It is ready when this returns. It has to be called within a runtime with I/O.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub fn bind(site: Site) -> Result<Self> {
        Self::bind_to(&[Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()], site)
    }

    /// Listens on these addresses; on port 0, on one that is free on the first.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub fn bind_to(ips: &[IpAddr], site: Site) -> Result<Self> {
        let site = Arc::new(site);
        let mut port = site.serve().port;
        let mut tasks = JoinSet::new();
        for ip in ips {
            let addr = SocketAddr::new(*ip, port);
            let bound = if site.is_udp() {
                udp(addr).map(|socket| {
                    let bound = socket.local_addr();
                    tasks.spawn(answer_all(socket, Arc::clone(&site)));
                    bound
                })
            } else {
                tcp(addr).map(|listener| {
                    let bound = listener.local_addr();
                    tasks.spawn(accept_all(listener, Arc::clone(&site)));
                    bound
                })
            };
            match bound.and_then(|bound| bound) {
                Ok(bound) => port = bound.port(),
                // A kernel without IPv6 serves IPv4.
                Err(error) if has_no_family(&error) && ip.is_ipv6() => {}
                Err(error) => return Err(error).with_context(|| format!("listening on {addr}")),
            }
        }
        Ok(Self { port, _tasks: tasks })
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

fn has_no_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(addr, socket2::Type::STREAM)?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(addr, socket2::Type::DGRAM)?;
    socket.bind(&addr.into())?;
    UdpSocket::from_std(socket.into())
}

/// Makes a socket of that family alone.
fn open(addr: SocketAddr, kind: socket2::Type) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(addr), kind, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

async fn accept_all(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // One that went away before it was accepted is none.
                let Ok((stream, _)) = accepted else { continue };
                _ = stream.set_nodelay(true);
                let site = Arc::clone(&site);
                connections.spawn(async move { site.connection(Box::new(stream)).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers every datagram to whoever it came from.
///
/// A host has one address of each family, so replies leave from the address that was asked.
async fn answer_all(socket: UdpSocket, site: Arc<Site>) {
    let mut talks: HashMap<SocketAddr, Talk> = HashMap::new();
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        // An error is that of an earlier answer: whoever asked is gone.
        let Ok((len, from)) = socket.recv_from(&mut buf).await else { continue };
        let talk = talks.entry(from).or_insert_with(|| site.talk());
        if let Some(answer) = talk.answer(&buf[..len]) {
            _ = socket.send_to(&answer, from).await;
        }
    }
}
