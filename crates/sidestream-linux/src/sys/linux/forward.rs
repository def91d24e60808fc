//! What programs inside listen on, made reachable from the host on the same address and port.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{fs, io};

use sidestream_flow::Transport;
use sidestream_process::{Listener, Owners};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::launch::{LISTEN_PORT, LISTEN_V4};
use super::link::Sockets;
use super::loopback::Loopback;
use super::netlink::Netlink;
use super::sockets::{bind, connect, tcp_kind};
use super::{forward_udp, nft, raw};
use crate::{Notice, Refused};

/// How often it is looked for new listeners.
const PERIOD: Duration = Duration::from_millis(20);
/// How often, in periods, it is looked for what was refused.
const REFUSED_PERIODS: u32 = 10;

/// Counts the connections from the host that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Live(Arc<()>);

impl Live {
    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        // Whoever counts holds it strongly, each connection weakly.
        Arc::weak_count(&self.0) == 0
    }

    fn enter(&self) -> Weak<()> {
        Arc::downgrade(&self.0)
    }
}

/// Forwards from the host, and tells what was refused.
pub(super) struct Forwarder {
    owners: Arc<Owners>,
    sockets: Arc<Sockets>,
    netfilter: Netlink,
    notices: mpsc::UnboundedSender<Notice>,
    forwarded: HashMap<(Transport, SocketAddr), Option<AbortHandle>>,
    /// The ports that the kernel gives to clients.
    ephemeral: RangeInclusive<u16>,
    told: HashSet<Refused>,
    /// Accepts, for each forwarded listener; connections go on without them.
    tasks: JoinSet<()>,
    live: Live,
}

impl Forwarder {
    pub(super) fn new(
        owners: Arc<Owners>,
        sockets: Arc<Sockets>,
        netfilter: Netlink,
        notices: mpsc::UnboundedSender<Notice>,
        live: Live,
    ) -> Self {
        let (forwarded, told, tasks) = (HashMap::new(), HashSet::new(), JoinSet::new());
        let ephemeral = ephemeral_ports();
        Self { owners, sockets, netfilter, notices, forwarded, ephemeral, told, tasks, live }
    }

    /// Runs until it is aborted, and keeps the rules in line with the host's own listeners too.
    pub(super) async fn run(mut self, mut loopback: Loopback) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u32.. {
            ticks.tick().await;
            self.follow();
            loopback.follow(&self.netfilter);
            if tick.is_multiple_of(REFUSED_PERIODS) {
                self.tell_refused();
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Brings the host's side in line with what is listened on inside.
    fn follow(&mut self) {
        let mut inside = HashMap::new();
        for transport in [Transport::Tcp, Transport::Udp] {
            let Ok(listeners) = self.owners.sockets().listeners(transport) else { return };
            for listener in listeners {
                if self.is_service(&listener) {
                    inside.insert((transport, listener.addr), listener);
                }
            }
        }
        self.forwarded.retain(|at, task| {
            let kept = inside.contains_key(at);
            if let (false, Some(task)) = (kept, task) {
                task.abort();
            }
            kept
        });
        for (at, listener) in inside {
            if !self.forwarded.contains_key(&at) {
                let task = self.forward(&listener);
                self.forwarded.insert(at, task);
            }
        }
    }

    /// Whether it is bound to be found by others: not our own listener, nor the socket of some
    /// client of UDP, for which the kernel chose the port.
    fn is_service(&self, listener: &Listener) -> bool {
        let addr = &listener.addr;
        let ours = addr.port() == LISTEN_PORT && is_our_address(addr);
        let chosen = listener.transport == Transport::Udp && self.ephemeral.contains(&addr.port());
        !ours && !chosen
    }

    fn forward(&mut self, listener: &Listener) -> Option<AbortHandle> {
        let sockets = Arc::clone(&self.sockets);
        let task = match listener.transport {
            Transport::Tcp => listen(listener)
                .map(|host| self.tasks.spawn(accept(host, sockets, self.live.clone()))),
            Transport::Udp => forward_udp::listen(listener)
                .map(|host| self.tasks.spawn(forward_udp::serve(host, sockets))),
        };
        if let Err(error) = &task {
            let Listener { transport, addr, .. } = *listener;
            tracing::debug!(%error, %transport, %addr, "cannot be forwarded");
            if error.kind() == io::ErrorKind::AddrInUse {
                // Nobody has to listen.
                _ = self.notices.send(Notice::PortTaken { transport, addr });
            }
        }
        task.ok()
    }

    fn tell_refused(&mut self) {
        match nft::refused(&self.netfilter) {
            Ok(refused) => {
                for refused in refused {
                    if self.told.insert(refused) {
                        // Nobody has to listen.
                        _ = self.notices.send(Notice::Refused(refused));
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "cannot read what was refused"),
        }
    }
}

fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().map_while(|bound| bound.parse().ok());
    bounds.next().unwrap_or(32_768)..=bounds.next().unwrap_or(60_999)
}

fn is_our_address(addr: &SocketAddr) -> bool {
    match addr {
        SocketAddr::V4(addr) => *addr.ip() == LISTEN_V4,
        SocketAddr::V6(addr) => addr.ip().is_loopback(),
    }
}

/// Listens on the host where something inside does, and no wider.
fn listen(inside: &Listener) -> io::Result<TcpListener> {
    let family = if inside.addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    let socket: OwnedFd = raw::socket(family, kind, 0)?;
    raw::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if inside.addr.is_ipv6() {
        let only = i32::from(inside.v6_only);
        raw::set_option(socket.as_fd(), libc::SOL_IPV6, libc::IPV6_V6ONLY, only)?;
    }
    bind(socket.as_fd(), inside.addr)?;
    // SAFETY: the call takes no pointers.
    raw::check(unsafe { libc::listen(socket.as_raw_fd(), 1024) })?;
    TcpListener::from_std(socket.into())
}

async fn accept(host: TcpListener, sockets: Arc<Sockets>, live: Live) {
    loop {
        match host.accept().await {
            Ok((stream, peer)) => {
                let (sockets, live) = (Arc::clone(&sockets), live.enter());
                tokio::spawn(async move {
                    join(stream, peer, &sockets).await;
                    drop(live);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection to the command is lost");
                tokio::time::sleep(PERIOD).await;
            }
        }
    }
}

/// Joins a connection from the host to what listens inside.
async fn join(mut outer: TcpStream, peer: SocketAddr, sockets: &Sockets) {
    let joined = async {
        let peer = unmapped(peer);
        let server = unmapped(outer.local_addr()?);
        let mut inner = dial(sockets, peer, server).await?;
        outer.set_nodelay(true)?;
        inner.set_nodelay(true)?;
        copy_bidirectional(&mut outer, &mut inner).await
    };
    if let Err(error) = joined.await {
        tracing::debug!(%error, "a forwarded connection failed");
        // The peer sees what it would have seen without us.
        _ = outer.set_zero_linger();
    }
}

/// Connects inside as if from the peer itself, so that the server sees who it is.
async fn dial(sockets: &Sockets, peer: SocketAddr, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = sockets.take(tcp_kind(server))?;
    if let Err(error) = bind(socket.as_fd(), peer) {
        // Somebody inside has the same port: the server sees its own host then.
        tracing::debug!(%error, %peer, "not shown to the command");
    }
    connect(socket.as_fd(), server)?;
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(stream),
    }
}

fn unmapped(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
