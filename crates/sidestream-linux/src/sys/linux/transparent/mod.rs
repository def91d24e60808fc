//! A gateway: what is routed through this machine, or redirected to it, is yielded.

mod check;
mod gateway;
mod keeper;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use sidestream_capture::{
    Accepted, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind,
};
use sidestream_flow::{FlowKey, Process, Transport};
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

pub use self::check::{check_gateway, gateway_notes};
pub use self::gateway::{clear_gateway, end_gateway, gateway_status};

use self::gateway::{Gateway, has_right};
use super::accept::Accepting;
use super::link::Sockets;
use super::sockets::{
    before_nat, is_own, listen_for_connections, listen_for_datagrams, readable, tcp_kind,
    transparent, udp_kind,
};
use super::udp::Datagrams;
use crate::{Lookup, TransparentError, TransparentOptions};

/// How the flows of this driver are named to the user.
const VIA: &str = "transparent";

/// Yields the flows of other hosts that this machine is a gateway of.
///
/// The kernel accepts a TCP connection before its flow is yielded, so a server that refuses is
/// seen by the client as a reset. Dropping it removes the rules that lead traffic here.
pub struct TransparentCapture {
    // First, so that nothing is led here any more when the sockets go.
    _gateway: Gateway,
    keeper: AsyncFd<OwnedFd>,
    tcp: Accepting,
    udp: Datagrams,
    incoming: VecDeque<Incoming>,
    addrs: Vec<SocketAddr>,
    lookup: Option<Arc<Lookup>>,
    told: Told,
    is_closed: bool,
}

/// What was told, which is not told again.
#[derive(Debug, Default)]
struct Told {
    direct: bool,
    redirected: bool,
    own: bool,
}

impl TransparentCapture {
    /// Listens, and leads the traffic of the interfaces here, if any is named. Needs a tokio
    /// runtime with timers.
    ///
    /// # Errors
    ///
    /// See [`TransparentError`], which says for each case what to do about it.
    pub fn open(options: TransparentOptions) -> Result<Self, TransparentError> {
        let TransparentOptions { listen, interfaces, idle_timeout, lookup } = options;
        let (mut tcp, mut udp, mut addrs) = (Vec::new(), Vec::new(), Vec::<SocketAddr>::new());
        for mut addr in listen {
            // One port for all, as the user would name one.
            if let Some(first) = addrs.first().filter(|_| addr.port() == 0) {
                addr.set_port(first.port());
            }
            let failed = |source: io::Error| match source.kind() {
                io::ErrorKind::PermissionDenied => TransparentError::NoRights(source),
                _ => TransparentError::Listen { addr, source },
            };
            let (streams, datagrams, addr) = open_at(addr).map_err(failed)?;
            tcp.push(streams);
            udp.push(datagrams);
            addrs.push(addr);
        }
        let listeners: Vec<_> = addrs.iter().copied().map(reached).collect();
        let (gateway, keeper) = Gateway::open(&interfaces, &listeners)?;
        let watched = keeper.watch().and_then(readable).map_err(TransparentError::Keeper)?;
        let tcp = Accepting::new(tcp).map_err(TransparentError::Rules)?;
        let udp = Datagrams::new(udp, keeper, idle_timeout).map_err(TransparentError::Rules)?;
        let (incoming, told) = Default::default();
        Ok(Self {
            _gateway: gateway,
            keeper: watched,
            tcp,
            udp,
            incoming,
            addrs,
            lookup,
            told,
            is_closed: false,
        })
    }

    /// Returns where it listens, with the ports that were taken.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Fails if the keeper has ended, without which datagrams cannot be answered.
    fn poll_keeper(&self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(ready) = self.keeper.poll_read_ready(cx) {
            let mut ready = ready?;
            if Sockets::has_ended(self.keeper.get_ref()) {
                let words = "the process that keeps the gateway's rights was killed";
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, words));
            }
            // It was an answer, which has been read.
            ready.clear_ready();
        }
        Ok(())
    }

    fn poll_tcp(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            let (stream, client) = ready!(self.tcp.poll_accept(cx));
            if let Some(incoming) = self.connection(stream, client) {
                return Poll::Ready(incoming);
            }
        }
    }

    fn connection(&mut self, stream: TcpStream, client: SocketAddr) -> Option<Incoming> {
        let accepted_on = stream.local_addr().ok()?;
        // Without it small writes wait for the client's delayed acknowledgement.
        stream.set_nodelay(true).ok()?;
        let server = before_nat(stream.as_fd(), accepted_on.is_ipv6()).unwrap_or(accepted_on);
        let key = FlowKey { transport: Transport::Tcp, client, server };
        let pending = Box::new(Accepted(stream));
        match self.info(key) {
            Some(info) => Some(Incoming { info, kind: Kind::Tcp(pending) }),
            None => {
                sidestream_capture::Stream::reset(Box::new(pending.0));
                None
            }
        }
    }

    /// Says what is known of a flow; `None` if it must not be served.
    fn info(&mut self, key: FlowKey) -> Option<FlowInfo> {
        if self.is_ours(key.server) {
            self.refuse_direct(key);
            return None;
        }
        let process = self.process(&key);
        if process.as_ref().is_some_and(|process| process.pid == std::process::id()) {
            if !std::mem::replace(&mut self.told.own, true) {
                tracing::warn!(
                    %key,
                    "a rule redirects the proxy's own connections to it; they are refused, leave \
                     its user or mark out of that rule"
                );
            }
            return None;
        }
        Some(FlowInfo {
            key,
            process,
            via: VIA,
            destination: Destination::Original,
            egress: Egress::default(),
            residual: None,
        })
    }

    /// Whether a destination is one of our listeners, to which it would lead again.
    fn is_ours(&self, server: SocketAddr) -> bool {
        self.addrs.iter().any(|addr| {
            addr.port() == server.port()
                && addr.is_ipv4() == server.is_ipv4()
                && (addr.ip() == server.ip() || addr.ip().is_unspecified() && is_own(server.ip()))
        })
    }

    fn refuse_direct(&mut self, key: FlowKey) {
        let (told, words) = match key.transport {
            Transport::Udp => (
                &mut self.told.redirected,
                "a datagram for this very port is dropped: it was sent here, or redirected, which \
                 hides where it was going; lead UDP here by TPROXY, or with --gateway",
            ),
            _ => (
                &mut self.told.direct,
                "a connection to this very port is refused: clients of mode transparent do not \
                 know of it; lead them here with --gateway or a rule of your own",
            ),
        };
        if !std::mem::replace(told, true) {
            tracing::warn!(%key, "{words}");
        }
    }

    fn process(&self, key: &FlowKey) -> Option<Arc<Process>> {
        let lookup = self.lookup.as_ref()?;
        if is_own(key.client.ip()) { lookup(key) } else { None }
    }
}

/// Opens a listener for connections and one for datagrams.
fn open_at(addr: SocketAddr) -> io::Result<(OwnedFd, OwnedFd, SocketAddr)> {
    let tcp = transparent(tcp_kind(addr))?;
    listen_for_connections(tcp.as_fd(), addr)?;
    let tcp = std::net::TcpListener::from(tcp);
    let addr = tcp.local_addr()?;
    let udp = transparent(udp_kind(addr))?;
    listen_for_datagrams(udp.as_fd(), addr)?;
    Ok((tcp.into(), udp, addr))
}

/// Returns an address at which a listener is found.
fn reached(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

impl Capture for TransparentCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        self.poll_keeper(cx)?;
        if let Some(incoming) = self.incoming.pop_front() {
            return Poll::Ready(Ok(Some(incoming)));
        }
        // Datagrams first: they are lost if they wait for long, connections are not.
        while let Poll::Ready(flows) = self.udp.poll_flows(cx) {
            for (key, association) in flows {
                if let Some(info) = self.info(key) {
                    let kind = Kind::Udp(Box::new(association));
                    self.incoming.push_back(Incoming { info, kind });
                }
            }
            if let Some(incoming) = self.incoming.pop_front() {
                return Poll::Ready(Ok(Some(incoming)));
            }
        }
        if self.is_closed {
            return Poll::Ready(Ok(None));
        }
        self.poll_tcp(cx).map(|incoming| Ok(Some(incoming)))
    }

    /// Without its listeners the rules lead on only what is under way: all else goes directly.
    fn close(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(incoming) = self.poll_tcp(&mut cx) {
            self.incoming.push_back(incoming);
        }
        self.tcp.close();
        self.udp.close();
        self.is_closed = true;
        true
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::default().with_udp().with_descriptors();
        if self.addrs.iter().any(SocketAddr::is_ipv6) { all.with_ipv6() } else { all }
    }
}

impl fmt::Debug for TransparentCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransparentCapture").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}
