//! Packets of all devices of a network namespace, as they come and go.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::net::netdevice::index_to_name;

/// A socket that sees all packets, without their link's headers.
#[derive(Debug)]
pub(crate) struct Packets(OwnedFd);

/// A packet that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// How many bytes of it were seen.
    pub(crate) len: usize,
    /// The index of its device.
    pub(crate) device: u32,
    /// The protocol, as in Ethernet.
    pub(crate) protocol: u16,
    /// Whether it went out.
    pub(crate) outgoing: bool,
}

impl Packets {
    /// Sees the packets of this thread's network namespace from now on.
    pub(crate) fn open() -> io::Result<Self> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let all = i32::from((libc::ETH_P_ALL as u16).to_be());
        // SAFETY: no memory is handed over.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, all) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // A burst is kept until it is written; what is refused leaves the default.
        _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 8 << 20);
        Ok(Self(socket))
    }

    /// Takes a packet; `None` when none waits.
    pub(crate) fn take(&self, buf: &mut [u8]) -> io::Result<Option<Captured>> {
        // SAFETY: all bytes zero are a valid address.
        let mut from: libc::sockaddr_ll = unsafe { zeroed() };
        let mut from_len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: buffer and address live through the call, and their lengths are true.
        let len = unsafe {
            libc::recvfrom(
                self.0.as_raw_fd(),
                buf.as_mut_ptr().cast(),
                buf.len(),
                0,
                (&raw mut from).cast(),
                &raw mut from_len,
            )
        };
        let Ok(len) = usize::try_from(len) else {
            let error = io::Error::last_os_error();
            let waits = error.kind() == io::ErrorKind::WouldBlock;
            return if waits { Ok(None) } else { Err(error) };
        };
        Ok(Some(Captured {
            len,
            device: from.sll_ifindex.unsigned_abs(),
            protocol: u16::from_be(from.sll_protocol),
            outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
        }))
    }

    /// Names a device, or gives its number where it is gone.
    pub(crate) fn device_name(&self, index: u32) -> String {
        index_to_name(&self.0, index).unwrap_or_else(|_gone| format!("device {index}"))
    }
}

impl AsFd for Packets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
