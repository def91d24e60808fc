//! The driver: the machine, its sockets and its clock.

mod error;
mod incoming;
mod outgoing;
mod socket;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sidestream_capture::{PacketDriver, PacketProperties, Received};
use sidestream_packet::{Checksum, Offload};
use tokio::time::{Instant, Sleep, sleep_until};

pub use self::error::BindError;

use self::incoming::Incoming;
use self::outgoing::Outgoing;
use self::socket::Socket;
use crate::config::{Config, DEFAULT_MTU, DEFAULT_PORT, Endpoint};
use crate::counters::{Drop as Reason, Handle};
use crate::hub::{Hub, OVERHEAD, Path};

/// How many datagrams without a packet in them are looked at before other tasks may run.
const BUDGET: usize = 256;
/// How long a socket is left alone that cannot be read: its interface may be gone for now.
const REST: Duration = Duration::from_millis(250);

/// A WireGuard server, as a driver of the packets that its peers send through their tunnels.
pub struct Server {
    hub: Hub,
    sockets: Vec<Socket>,
    /// Until when each of them is left alone.
    rests: Vec<Option<Instant>>,
    /// Which of them is asked first.
    turn: usize,
    incoming: Incoming,
    outgoing: Outgoing,
    alarm: Pin<Box<Sleep>>,
    mtu: usize,
}

impl Server {
    /// Listens on these addresses for the peers of a configuration; without any, on all addresses
    /// of this machine, at the port of the configuration or the usual one. Needs a tokio runtime
    /// with I/O and time. Names of endpoints are looked up, which may take its time.
    ///
    /// # Errors
    ///
    /// The first address that cannot be had.
    pub fn bind(config: Config, listen: &[SocketAddr]) -> Result<Self, BindError> {
        let port = config.interface.listen_port.unwrap_or(DEFAULT_PORT);
        let sockets = match listen {
            [] => bind_everywhere(port)?,
            listen => listen.iter().copied().map(Socket::bind).collect::<Result<_, _>>()?,
        };
        let mtu = usize::from(config.interface.mtu.unwrap_or(DEFAULT_MTU));
        let located = config.peers.iter().filter_map(|peer| peer.endpoint.clone());
        let located = located.map(|endpoint| {
            let found = locate(&endpoint, &sockets);
            found
                .map(|path| (endpoint.clone(), path))
                .map_err(|source| BindError::Endpoint { endpoint, source })
        });
        let located = located.collect::<Result<Vec<_>, _>>()?;
        let locate = |wanted: &Endpoint| {
            let found = located.iter().find(|(endpoint, _)| endpoint == wanted);
            found.and_then(|(_, path)| *path)
        };
        let now = Instant::now();
        let hub = Hub::new(config, now.into_std(), locate)?;
        Ok(Self {
            hub,
            rests: vec![None; sockets.len()],
            sockets,
            turn: 0,
            incoming: Incoming::new(),
            outgoing: Outgoing::new(mtu + OVERHEAD + 148),
            alarm: Box::pin(sleep_until(now)),
            mtu,
        })
    }

    /// Returns where it listens, with the ports that were taken.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Returns what tells of the peers and of what was dropped.
    pub fn handle(&self) -> Handle {
        self.hub.handle().clone()
    }

    /// Sends what the machine has to say by itself. What the system does not take at once is lost,
    /// and said again by its own rules.
    fn send_replies(&mut self) {
        while let Some(reply) = self.hub.poll_reply() {
            let Some(socket) = self.sockets.get(reply.path.socket) else { continue };
            if let Err(error) = socket.try_send(&reply.path, &reply.datagram, reply.datagram.len())
            {
                self.lost(1, &error);
            }
        }
    }

    fn lost(&self, count: usize, error: &io::Error) {
        tracing::debug!(%error, count, "datagrams not sent");
        (0..count).for_each(|_| self.hub.handle().count(Reason::Send));
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing.poll_flush(cx, &self.sockets).map(|sent| {
            if let Err((count, error)) = sent {
                self.lost(count, &error);
            }
        })
    }

    /// Receives from the sockets, in turn; pending if there is nothing.
    fn poll_fill(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let count = self.sockets.len();
        for number in (self.turn..self.turn + count).map(|number| number % count) {
            let socket = &self.sockets[number];
            self.turn = number + 1;
            if self.rests[number].is_some_and(|until| now < until) {
                continue;
            }
            match self.incoming.poll_fill(cx, socket, number) {
                Poll::Ready(Ok(())) => return Poll::Ready(()),
                Poll::Ready(Err(error)) if is_of_a_peer(&error) => return Poll::Ready(()),
                Poll::Ready(Err(error)) => {
                    // Nothing but ourselves ends us: an interface may come back.
                    tracing::warn!(%error, "cannot receive for now");
                    self.rests[number] = Some(now + REST);
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    /// Keeps the machine's deadlines; ready if one has come.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let rests = self.rests.iter().flatten().copied().filter(|until| now < *until);
        let due = self.hub.poll_timeout().map(Instant::from_std);
        let Some(at) = rests.chain(due).min() else { return Poll::Pending };
        if at <= now {
            self.hub.handle_timeout(now.into_std());
            return Poll::Ready(());
        }
        if self.alarm.deadline() != at {
            self.alarm.as_mut().reset(at);
        }
        self.alarm.as_mut().poll(cx)
    }
}

/// What a system says of datagrams that were sent before, on some socket or other.
fn is_of_a_peer(error: &io::Error) -> bool {
    use ErrorKind as Kind;
    let kinds = [
        Kind::ConnectionRefused,
        Kind::ConnectionReset,
        Kind::HostUnreachable,
        Kind::NetworkUnreachable,
        Kind::Interrupted,
    ];
    kinds.contains(&error.kind())
}

/// Listens on all addresses: of both versions of IP, or of the one that there is.
fn bind_everywhere(port: u16) -> Result<Vec<Socket>, BindError> {
    let v4 = Socket::bind((Ipv4Addr::UNSPECIFIED, port).into())?;
    let taken = v4.local_addr().map_or(port, |addr| addr.port());
    match Socket::bind((Ipv6Addr::UNSPECIFIED, taken).into()) {
        Ok(v6) => Ok(vec![v4, v6]),
        Err(BindError::Listen { source, .. }) => {
            tracing::debug!(error = %source, "no IPv6");
            Ok(vec![v4])
        }
        Err(error) => Err(error),
    }
}

/// Finds the way to an endpoint, by a socket of its version of IP.
fn locate(endpoint: &Endpoint, sockets: &[Socket]) -> io::Result<Option<Path>> {
    let found = (endpoint.host(), endpoint.port()).to_socket_addrs()?;
    let number = |addr: &SocketAddr| {
        let is_like = |socket: &Socket| {
            socket.local_addr().is_ok_and(|local| local.is_ipv4() == addr.is_ipv4())
        };
        sockets.iter().position(is_like)
    };
    let paths = found
        .map(|remote| number(&remote).map(|socket| Path { socket, remote, local: None::<IpAddr> }));
    Ok(paths.flatten().next())
}

impl PacketDriver for Server {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>> {
        if buf.len() < self.mtu {
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidInput, "a short buffer")));
        }
        let now = Instant::now();
        for _ in 0..BUDGET {
            if let Some((path, datagram)) = self.incoming.next() {
                let len = self.hub.handle_datagram(&path, datagram, now.into_std(), buf);
                self.send_replies();
                match len {
                    Some(len) => {
                        let received = Received { len, offload: Offload::default() };
                        return Poll::Ready(Ok(Some(received)));
                    }
                    None => continue,
                }
            }
            // If it is pending, what is sealed leaves later; what comes can be looked at.
            _ = self.poll_flush(cx);
            if self.poll_fill(cx, now).is_ready() {
                continue;
            }
            if self.poll_alarm(cx, now).is_pending() {
                return Poll::Pending;
            }
            self.send_replies();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
    ) -> Poll<io::Result<()>> {
        let is_whole =
            offload.segment_size.is_none() && !matches!(offload.checksum, Checksum::Partial { .. });
        if !is_whole || packet.len() > self.mtu {
            let refused = "longer than the tunnel's MTU, or not complete";
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidInput, refused)));
        }
        let Some((peer, path)) = self.hub.route(packet) else { return Poll::Ready(Ok(())) };
        let max_segments = self.sockets.get(path.socket).map_or(1, Socket::max_segments);
        if !self.outgoing.has_room(&path, packet.len() + OVERHEAD, max_segments)
            && self.poll_flush(cx).is_pending()
        {
            return Poll::Pending;
        }
        let was_empty = self.outgoing.is_empty();
        let now = Instant::now().into_std();
        if let Some(len) = self.hub.seal(peer, packet, now, self.outgoing.room()) {
            self.outgoing.push(path, len);
            if was_empty {
                // Whoever sends packets asks for the next ones after them, and then they leave.
                cx.waker().wake_by_ref();
            }
        }
        self.send_replies();
        Poll::Ready(Ok(()))
    }

    fn properties(&self) -> PacketProperties {
        PacketProperties { mtu: self.mtu, ..PacketProperties::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.outgoing.send_now(&self.sockets);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("hub", &self.hub).finish_non_exhaustive()
    }
}
