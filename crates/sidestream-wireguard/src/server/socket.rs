//! One UDP socket, which takes and gives many datagrams at once where the system can.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::error::BindError;
use crate::hub::Path;
use crate::sys::allow_fragments;

/// What the system is asked to keep for us while we are busy; it may give less.
const BUFFER: usize = 4 << 20;

/// A socket, and what its system can do.
pub(super) struct Socket {
    udp: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    pub(super) fn bind(addr: SocketAddr) -> Result<Self, BindError> {
        Self::open(addr).map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => BindError::InUse { addr },
            _ => BindError::Listen { addr, source },
        })
    }

    fn open(addr: SocketAddr) -> io::Result<Self> {
        let socket =
            socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        if addr.is_ipv6() {
            // IPv4 has a socket of its own.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Less is slower and does no harm.
        _ = socket.set_recv_buffer_size(BUFFER);
        _ = socket.set_send_buffer_size(BUFFER);
        socket.bind(&addr.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        allow_fragments(&socket, addr.is_ipv4())?;
        Ok(Self { udp: UdpSocket::from_std(socket.into())?, state })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Receives as many datagrams as there are and fit.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.udp.poll_recv_ready(cx))?;
            let recv = || self.state.recv((&self.udp).into(), bufs, metas);
            match self.udp.try_io(Interest::READABLE, recv) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    /// Sends datagrams that lie one behind the other, each of `segment` bytes save the last.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        path: &Path,
        contents: &[u8],
        segment: usize,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.udp.poll_send_ready(cx))?;
            match self.try_send(path, contents, segment) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    pub(super) fn try_send(&self, path: &Path, contents: &[u8], segment: usize) -> io::Result<()> {
        let sent = self.udp.try_io(Interest::WRITABLE, || self.send(path, contents, segment));
        match sent {
            Err(error) if error.kind() != ErrorKind::WouldBlock && path.local.is_some() => {
                // The address by which the peer knew us may be gone; another will do.
                let path = Path { local: None, ..*path };
                self.udp.try_io(Interest::WRITABLE, || self.send(&path, contents, segment))
            }
            sent => sent,
        }
    }

    fn send(&self, path: &Path, contents: &[u8], segment: usize) -> io::Result<()> {
        let transmit = |contents, segment_size| Transmit {
            destination: path.remote,
            ecn: None,
            contents,
            segment_size,
            src_ip: path.local,
        };
        let sent = match self.max_segments() {
            1 => Err(ErrorKind::Unsupported.into()),
            _ => self.state.try_send((&self.udp).into(), &transmit(contents, Some(segment))),
        };
        match sent {
            Err(error) if error.kind() != ErrorKind::WouldBlock && self.max_segments() == 1 => {
                // It cannot be done in one call, or not by this device.
                contents.chunks(segment).try_for_each(|datagram| {
                    self.state.try_send((&self.udp).into(), &transmit(datagram, None))
                })
            }
            sent => sent,
        }
    }

    /// How many datagrams the system takes at once.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }
}
