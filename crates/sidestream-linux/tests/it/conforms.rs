//! The suite that every driver passes. Its clients' sockets are made by a process inside of the
//! sandbox, which keeps a copy of each, so that they are its own, for as long as it is told.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{BoxFuture, Capture, Stream};
use sidestream_capture_test::{Connected, Datagrams, Family, Ground, KnownProcess, Skip};
use sidestream_linux::{Notices, Options, Parts, Running, Sandbox, SandboxCapture};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UdpSocket, UnixStream};

use crate::relay::{PYTHON, able};

sidestream_capture_test::suite!(Inside::new().await);

/// For each connection to its unix socket: reads which socket is wanted, makes it, passes it, and
/// closes its own copy when the connection ends.
const MAKER: &str = r#"
import selectors, socket, sys
unix = socket.socket(socket.AF_UNIX); unix.bind(sys.argv[1]); unix.listen(1024)
wait = selectors.DefaultSelector(); wait.register(unix, selectors.EVENT_READ)
while True:
    for key, _ in wait.select():
        if key.fileobj is unix:
            wait.register(unix.accept()[0], selectors.EVENT_READ); continue
        tie = key.fileobj; want = tie.recv(2)
        if want:
            made = socket.socket({52: socket.AF_INET, 54: socket.AF_INET6}[want[0]],
                {116: socket.SOCK_STREAM, 117: socket.SOCK_DGRAM}[want[1]])
            socket.send_fds(tie, [b"x"], [made.fileno()])
            wait.modify(tie, selectors.EVENT_READ, made)
        else:
            wait.unregister(tie); tie.close(); key.data and key.data.close()
"#;

struct Inside {
    capture: Mutex<Option<SandboxCapture>>,
    maker: KnownProcess,
    at: PathBuf,
    // They live as long as the ground.
    _running: Mutex<Running>,
    _notices: Mutex<Notices>,
    _folder: TempDir,
}

impl Inside {
    async fn new() -> Result<Self, Skip> {
        if !able("conforms") {
            return Err(Skip("this user may not make namespaces here".into()));
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("maker");
        let options = Options::new([PYTHON, "-c", MAKER, at.to_str().unwrap()]);
        let Parts { capture, running, notices, .. } =
            Sandbox::launch(options).unwrap().start().unwrap();
        while UnixStream::connect(&at).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let path = std::fs::canonicalize(PYTHON).ok();
        let parents = vec![parent_of(running.pid())];
        let maker = KnownProcess { pid: running.pid(), path, parents };
        let (_running, _notices) = (Mutex::new(running), Mutex::new(notices));
        let capture = Mutex::new(Some(capture));
        Ok(Self { capture, maker, at, _running, _notices, _folder: folder })
    }
}

/// Returns the parent of a process: the sandbox's keeper.
pub(crate) fn parent_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.unwrap().trim().parse().unwrap()
}

/// Has a socket made inside.
async fn make(at: PathBuf, want: [u8; 2]) -> io::Result<(OwnedFd, UnixStream)> {
    let mut tie = UnixStream::connect(at).await?;
    tie.write_all(&want).await?;
    loop {
        tie.readable().await?;
        match tie.try_io(Interest::READABLE, || receive_descriptor(tie.as_raw_fd())) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            made => return Ok((made?, tie)),
        }
    }
}

fn receive_descriptor(from: i32) -> io::Result<OwnedFd> {
    let (mut byte, mut control) = ([0_u8; 1], [0_u64; 8]);
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: a message header is plain memory.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: everything that the header points to is live; if a control message is there, it
    // holds one new descriptor, which is ours.
    unsafe {
        match libc::recvmsg(from, &raw mut message, libc::MSG_CMSG_CLOEXEC) {
            // The sandbox has ended meanwhile.
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            ..0 => return Err(io::Error::last_os_error()),
            _ => {}
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        assert!(!header.is_null(), "a descriptor was passed");
        let fd = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
        libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

impl Ground for Inside {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(self.capture.get_mut().unwrap().take().unwrap())
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let at = self.at.clone();
        Box::pin(async move {
            let family = if server.is_ipv4() { b'4' } else { b'6' };
            let (socket, tie) = make(at, [family, b't']).await?;
            let stream = TcpSocket::from_std_stream(socket.into()).connect(server).await?;
            stream.set_nodelay(true).map_err(as_reset)?;
            let local = stream.local_addr().map_err(as_reset)?;
            let peer = stream.peer_addr().map_err(as_reset)?;
            Ok(Connected { stream: Box::new(Tied { stream, _tie: tie }), local, peer })
        })
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let at = self.at.clone();
        Box::pin(async move {
            let wanted = if family == Family::V4 { b'4' } else { b'6' };
            let (socket, tie) = make(at, [wanted, b'u']).await?;
            let socket = std::net::UdpSocket::from(socket);
            socket2::SockRef::from(&socket).bind(&family.any().into())?;
            let socket = UdpSocket::from_std(socket)?;
            let local = socket.local_addr()?;
            Ok(Box::new(TiedUdp { socket, local, _tie: tie }) as Box<dyn Datagrams>)
        })
    }

    fn process(&self) -> Option<KnownProcess> {
        Some(self.maker.clone())
    }
}

/// What a connection that has gone again answers to every question.
fn as_reset(_not_connected: io::Error) -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// A connection whose other copy is closed with it.
struct Tied {
    stream: TcpStream,
    _tie: UnixStream,
}

impl AsyncRead for Tied {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tied {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Stream for Tied {
    fn reset(self: Box<Self>) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// A UDP socket whose other copy is closed with it.
struct TiedUdp {
    socket: UdpSocket,
    local: SocketAddr,
    _tie: UnixStream,
}

impl Datagrams for TiedUdp {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn send_to<'a>(
        &'a mut self,
        datagram: &'a [u8],
        server: SocketAddr,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move { self.socket.send_to(datagram, server).await.map(drop) })
    }

    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<(Bytes, SocketAddr)>> {
        Box::pin(async move {
            let mut buf = vec![0; 65_535];
            let (len, from) = self.socket.recv_from(&mut buf).await?;
            buf.truncate(len);
            Ok((buf.into(), from))
        })
    }
}
