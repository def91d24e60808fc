//! The far end of the link: the captured programs, and whatever captures them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sidestream_flow::{Process, Transport};
use sidestream_spec::{Fact, Facts, ProcessFacts, Spec, Verdict};
use tokio::io::DuplexStream;

use super::datagrams::FrameDatagrams;
use super::frame::{Body, Frame, Open};
use super::link::{End, Tasks};
use super::stream::FrameStream;
use crate::{Connected, Datagrams, Family, sockets};

/// Where the ports of clients begin, as on Linux.
const FIRST_PORT: u16 = 32_768;

/// The captured programs: makes their sockets.
///
/// What the spec passes, and everything once the driver is gone, goes over sockets of the
/// machine. The link ends with the last clone and the last socket.
#[derive(Clone, Debug)]
pub struct FakeClients {
    pub(super) clients: Arc<Clients>,
    link: Arc<Tasks>,
}

#[derive(Debug)]
pub(super) struct Clients {
    pub(super) end: Arc<End>,
    spec: Arc<Mutex<Spec>>,
    pub(super) process: Process,
    last_flow: AtomicU64,
    ports: AtomicU16,
}

impl FakeClients {
    pub(super) fn new(link: DuplexStream, process: Process) -> Self {
        let spec = Arc::new(Mutex::new(Spec::everything()));
        let on_frame = {
            let spec = Arc::clone(&spec);
            move |end: &Arc<End>, Frame { flow, body }| {
                // A spec that does not parse is not acknowledged.
                if let Body::SetSpec(text) = body
                    && let Ok(parsed) = text.parse()
                {
                    *lock(&spec) = parsed;
                    end.send(flow, Body::SpecSet);
                }
            }
        };
        let (end, tasks) = End::start(link, on_frame);
        let (last_flow, ports) = (AtomicU64::new(0), AtomicU16::new(0));
        let clients = Arc::new(Clients { end, spec, process, last_flow, ports });
        Self { clients, link: Arc::new(tasks) }
    }

    /// The process whose sockets the clients are.
    pub fn process(&self) -> &Process {
        &self.clients.process
    }

    /// Connects to a server over TCP.
    ///
    /// # Errors
    ///
    /// What the driver answered; `ConnectionReset` when it was dropped meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up, which the driver sees as a reset.
    pub async fn connect(&self, server: SocketAddr) -> io::Result<Connected> {
        let clients = &self.clients;
        if clients.passes(Some(server)) {
            return sockets::connect(server).await;
        }
        self.connect_as(&clients.process, server).await
    }

    /// Connects as another process, which the spec does not pass.
    pub(super) async fn connect_as(
        &self,
        process: &Process,
        server: SocketAddr,
    ) -> io::Result<Connected> {
        let clients = &self.clients;
        let (id, local) = (clients.next_flow(), clients.next_addr_towards(server));
        let stream = FrameStream::new(Arc::clone(&clients.end), id, local);
        let mut stream = stream.with_link(Arc::clone(&self.link));
        clients.end.send(id, open(process, Transport::Tcp, local, server));
        stream.answered().await?;
        Ok(Connected { stream: Box::new(stream), local, peer: server })
    }

    /// Opens a UDP socket; whether it is captured is decided now, not for each server.
    ///
    /// # Errors
    ///
    /// The machine has no socket, where the spec passes the process.
    pub async fn open_udp(&self, family: Family) -> io::Result<Box<dyn Datagrams>> {
        if self.clients.passes(None) {
            return sockets::open_udp(family).await;
        }
        let local = self.clients.next_addr(family);
        Ok(Box::new(FrameDatagrams::new(self.clone(), local)))
    }

    /// Ends the link as the death of the driver does.
    pub(super) fn cut(&self) {
        self.link.cut();
    }
}

impl Clients {
    /// Whether a flow is left alone. One that is not decided yet is captured.
    fn passes(&self, server: Option<SocketAddr>) -> bool {
        let mut process = ProcessFacts { pid: self.process.pid.into(), ..ProcessFacts::ABSENT };
        if let Some(path) = &self.process.path {
            process = process.with_path(path);
        }
        let (destination, host) = (Fact::or_unknown(server), Fact::Unknown);
        let facts = Facts { process, destination, host, ..Facts::ABSENT };
        self.end.is_over() || lock(&self.spec).decide(&facts) == Verdict::Pass
    }

    pub(super) fn next_flow(&self) -> u64 {
        self.last_flow.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn next_addr_towards(&self, server: SocketAddr) -> SocketAddr {
        let local = self.next_addr(Family::of(canonical(server)));
        match local.ip() {
            IpAddr::V4(ip) if server.is_ipv6() => (ip.to_ipv6_mapped(), local.port()).into(),
            _ => local,
        }
    }

    fn next_addr(&self, family: Family) -> SocketAddr {
        let ip: IpAddr = match family {
            Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        };
        let number = self.ports.fetch_add(1, Ordering::Relaxed) % (u16::MAX - FIRST_PORT);
        SocketAddr::new(ip, FIRST_PORT + number)
    }
}

/// Says that a process asks for a server. The driver is told the address that is meant, as a
/// kernel tells it: a mapped one is an IPv4 address.
pub(super) fn open(
    process: &Process,
    transport: Transport,
    client: SocketAddr,
    server: SocketAddr,
) -> Body {
    let path = process.path.as_deref().unwrap_or_else(|| "".as_ref());
    let path = path.to_string_lossy().into_owned();
    let parent = process.parent.as_ref().map_or(0, |parent| parent.pid);
    let [client, server] = [client, server].map(canonical);
    Body::Open(Open { transport, client, server, pid: process.pid, parent, path })
}

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn lock(spec: &Mutex<Spec>) -> MutexGuard<'_, Spec> {
    spec.lock().unwrap_or_else(PoisonError::into_inner)
}
