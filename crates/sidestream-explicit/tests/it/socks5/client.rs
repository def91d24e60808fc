//! A client of SOCKS.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use sidestream_capture::BoxFuture;
use sidestream_capture_test::Datagrams;
use sidestream_explicit::socks::{Address, decode_datagram, encode_header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Greets the proxy and asks for something; returns the code of the reply and what was bound.
pub(super) async fn ask(
    stream: &mut TcpStream,
    command: u8,
    address: &Address,
) -> io::Result<(u8, SocketAddr)> {
    stream.write_all(&[5, 1, 0]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    assert_eq!(chosen, [5, 0]);
    let mut request = vec![5, command, 0];
    address.encode(&mut request);
    stream.write_all(&request).await?;
    reply(stream).await
}

/// Reads the reply to a request.
pub(super) async fn reply(stream: &mut TcpStream) -> io::Result<(u8, SocketAddr)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [5, code, 0, kind] = head else { panic!("{head:?} is no reply") };
    let bound = if kind == 1 {
        let mut ip = [0; 4];
        stream.read_exact(&mut ip).await?;
        SocketAddr::new(ip.into(), stream.read_u16().await?)
    } else {
        let mut ip = [0; 16];
        stream.read_exact(&mut ip).await?;
        SocketAddr::new(ip.into(), stream.read_u16().await?)
    };
    Ok((code, bound))
}

/// Connects through the proxy; the error is what its code says.
pub(super) async fn connect(proxy: SocketAddr, address: &Address) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    match ask(&mut stream, 1, address).await? {
        (0, _) => Ok(stream),
        (5, _) => Err(io::ErrorKind::ConnectionRefused.into()),
        (code, _) => Err(io::Error::other(format!("code {code}"))),
    }
}

/// A socket whose datagrams go through the proxy.
pub(super) struct Associated {
    pub(super) control: TcpStream,
    pub(super) socket: UdpSocket,
    pub(super) relay: SocketAddr,
}

impl Associated {
    pub(super) async fn open(proxy: SocketAddr) -> io::Result<Self> {
        let mut control = TcpStream::connect(proxy).await?;
        let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
        let (code, relay) = ask(&mut control, 3, &any.into()).await?;
        assert_eq!(code, 0, "an association is granted");
        let socket = UdpSocket::bind(SocketAddr::new(proxy.ip(), 0)).await?;
        Ok(Self { control, socket, relay })
    }

    pub(super) async fn send(&self, datagram: &[u8], server: &Address) -> io::Result<()> {
        let mut bytes = encode_header(server);
        bytes.extend_from_slice(datagram);
        self.socket.send_to(&bytes, self.relay).await.map(drop)
    }

    pub(super) async fn recv(&self) -> io::Result<(Vec<u8>, Address)> {
        let mut buf = vec![0; 65_536];
        let (len, from) = self.socket.recv_from(&mut buf).await?;
        assert_eq!(from, self.relay, "answers come from the relay");
        let (server, payload) = decode_datagram(&buf[..len]).unwrap();
        Ok((payload.to_vec(), server))
    }
}

impl Datagrams for Associated {
    fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn send_to<'a>(
        &'a mut self,
        datagram: &'a [u8],
        server: SocketAddr,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move { self.send(datagram, &server.into()).await })
    }

    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<(Bytes, SocketAddr)>> {
        Box::pin(async move {
            let (payload, server) = self.recv().await?;
            let server = server.to_string().parse().map_err(io::Error::other)?;
            Ok((payload.into(), server))
        })
    }
}
