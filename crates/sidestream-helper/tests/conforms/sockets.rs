//! Asking the client program for sockets.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;

use bytes::Bytes;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use sidestream_capture::BoxFuture;
use sidestream_capture_test::{Connected, Datagrams};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use crate::client::{frame, parse_addr, parse_lens};

/// Asks for something; returns the words of the answer, and what keeps it up.
async fn ask(at: &Path, question: &str) -> io::Result<(Answer, UnixStream)> {
    let mut stream = UnixStream::connect(at).await?;
    stream.write_all(format!("{question}\n").as_bytes()).await?;
    let answer = stream.async_io(Interest::READABLE, || receive(&stream)).await?;
    match answer.words.strip_prefix("ok ") {
        Some(words) => Ok((Answer { words: words.to_owned(), ..answer }, stream)),
        None => Err(io::Error::from_raw_os_error(answer.words.parse().unwrap())),
    }
}

struct Answer {
    words: String,
    socket: Option<OwnedFd>,
}

impl Answer {
    fn addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.words.split(' ').map(|word| word.parse().unwrap())
    }
}

fn receive(from: &UnixStream) -> io::Result<Answer> {
    let (mut words, mut space) =
        ([0; 256], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut words)];
    let received = recvmsg(from, &mut parts, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    let socket = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    let words = String::from_utf8_lossy(&words[..received.bytes]).trim_end().to_owned();
    Ok(Answer { words, socket })
}

/// Has the program connect, and takes the socket over.
pub(crate) async fn connect(at: &Path, server: SocketAddr) -> io::Result<Connected> {
    let (answer, _) = ask(at, &format!("tcp {server}")).await?;
    let [local, peer] = answer.addrs().collect::<Vec<_>>()[..] else { panic!("two addresses") };
    let stream = TcpStream::from(answer.socket.unwrap());
    stream.set_nonblocking(true)?;
    let stream = Box::new(tokio::net::TcpStream::from_std(stream)?);
    Ok(Connected { stream, local, peer })
}

/// Has another program connect and end; returns its pid.
pub(crate) async fn connect_and_exit(at: &Path, server: SocketAddr) -> io::Result<u32> {
    let (answer, _) = ask(at, &format!("exit {server}")).await?;
    Ok(answer.words.parse().unwrap())
}

/// Has the program open a UDP socket, which it keeps.
pub(crate) async fn bind(at: &Path, addr: SocketAddr) -> io::Result<Box<dyn Datagrams>> {
    let (answer, stream) = ask(at, &format!("udp {addr}")).await?;
    let local = answer.addrs().next().unwrap();
    let (frames, out) = stream.into_split();
    let (to_inbox, inbox) = mpsc::unbounded_channel();
    tokio::spawn(read(frames, to_inbox));
    Ok(Box::new(Socket { local, out, inbox }))
}

type Datagram = (Bytes, SocketAddr);

async fn read(
    mut frames: OwnedReadHalf,
    to_inbox: mpsc::UnboundedSender<Datagram>,
) -> io::Result<()> {
    loop {
        let mut lens = [0; 8];
        frames.read_exact(&mut lens).await?;
        let [addr, datagram] = parse_lens(lens);
        let (mut text, mut bytes) = (vec![0; addr], vec![0; datagram]);
        frames.read_exact(&mut text).await?;
        frames.read_exact(&mut bytes).await?;
        if to_inbox.send((bytes.into(), parse_addr(&text))).is_err() {
            return Ok(());
        }
    }
}

/// A UDP socket of the program.
struct Socket {
    local: SocketAddr,
    out: OwnedWriteHalf,
    inbox: mpsc::UnboundedReceiver<Datagram>,
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
        Box::pin(async move { self.out.write_all(&frame(server, datagram)).await })
    }

    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<Datagram>> {
        Box::pin(async move {
            self.inbox.recv().await.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
        })
    }
}
