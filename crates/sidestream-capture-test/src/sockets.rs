//! Clients that are kernel sockets of the test process, for grounds that can make them.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use sidestream_capture::{BoxFuture, Stream};
use tokio::net::{TcpStream, UdpSocket};

use crate::{Connected, Datagrams, Family};

/// Connects from where the test is.
///
/// # Errors
///
/// What `connect` said; `ConnectionReset` when the connection has ended since.
pub async fn connect(server: SocketAddr) -> io::Result<Connected> {
    connected(TcpStream::connect(server).await?)
}

/// Makes a client of a socket that is connected already, wherever it was made.
///
/// # Errors
///
/// `ConnectionReset` when the connection has ended already.
pub fn connected(stream: TcpStream) -> io::Result<Connected> {
    // The kernel forgets the peer of a socket that was reset.
    let ended = |error: io::Error| match error.kind() {
        io::ErrorKind::NotConnected => io::ErrorKind::ConnectionReset.into(),
        _ => error,
    };
    stream.set_nodelay(true).map_err(ended)?;
    let (local, peer) = (stream.local_addr().map_err(ended)?, stream.peer_addr().map_err(ended)?);
    Ok(Connected { stream: Box::new(stream) as Box<dyn Stream>, local, peer })
}

/// Opens a UDP socket where the test is.
///
/// # Errors
///
/// Whatever the system says.
pub async fn open_udp(family: Family) -> io::Result<Box<dyn Datagrams>> {
    datagrams(UdpSocket::bind(family.any()).await?)
}

/// Makes a client of a UDP socket that is bound already, wherever it was made.
///
/// # Errors
///
/// Whatever the system says.
pub fn datagrams(socket: UdpSocket) -> io::Result<Box<dyn Datagrams>> {
    let local = socket.local_addr()?;
    Ok(Box::new(Socket { socket, local, buf: vec![0; 65_536].into_boxed_slice() }))
}

struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    buf: Box<[u8]>,
}

impl Datagrams for Socket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn send_to<'a>(
        &'a mut self,
        datagram: &'a [u8],
        server: SocketAddr,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move { self.socket.send_to(datagram, server).await.map(|_sent| ()) })
    }

    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<(Bytes, SocketAddr)>> {
        Box::pin(async move {
            let (len, from) = self.socket.recv_from(&mut self.buf).await?;
            Ok((Bytes::copy_from_slice(&self.buf[..len]), from))
        })
    }
}
