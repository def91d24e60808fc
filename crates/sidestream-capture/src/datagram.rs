//! Receiving datagrams, by way of a buffer that all sockets of a thread share.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// The largest UDP payload: a length field of 16 bits less the header (RFC 768).
const MAX_DATAGRAM: usize = 65_535 - 8;

thread_local! {
    /// A datagram as large as they get, once for each thread instead of for each association.
    static BUF: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_DATAGRAM].into_boxed_slice());
}

/// Polls for a datagram from the address that the socket is connected to.
///
/// An association needs no buffer of its own with this.
///
/// # Errors
///
/// What the socket says, such as that the peer refused.
///
/// # Cancel safety
///
/// Nothing is lost if it is not polled again for a while.
pub fn poll_datagram(socket: &UdpSocket, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    BUF.with_borrow_mut(|buf| {
        let mut buf = ReadBuf::new(buf);
        socket.poll_recv(cx, &mut buf).map_ok(|()| Bytes::copy_from_slice(buf.filled()))
    })
}

/// Takes a datagram that is there.
pub(crate) fn try_datagram(socket: &UdpSocket) -> io::Result<Bytes> {
    BUF.with_borrow_mut(|buf| {
        let len = socket.try_recv(buf)?;
        Ok(Bytes::copy_from_slice(&buf[..len]))
    })
}
