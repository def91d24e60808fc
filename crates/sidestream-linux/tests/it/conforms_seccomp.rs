//! The suite that every driver passes, over the filter. It is calls that are asked about there, so
//! a process under it makes them: it connects and passes the connection, and it sends and receives
//! datagrams as it is told.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{BoxFuture, Capture};
use sidestream_capture_test::{Connected, Datagrams, Family, Ground, KnownProcess, Skip};
use sidestream_linux::{Driver, Notices, Options, Parts, Running, Sandbox, SandboxCapture};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

use crate::conforms::parent_of;
use crate::relay::PYTHON;

sidestream_capture_test::suite!(Under::new().await);

/// For each connection to its unix socket, one line that says what is wanted: `t HOST PORT`
/// connects and passes the socket, `x HOST PORT` has a child do so and end, `u FAMILY` opens a
/// UDP socket, whose datagrams then go both ways as frames.
const AGENT: &str = r#"
import os, selectors, socket, struct, sys
def family(host): return socket.AF_INET6 if ":" in host else socket.AF_INET
def whole(tie, n):
    got = b""
    while len(got) < n:
        part = tie.recv(n - len(got))
        if not part: return None
        got += part
    return got
def frame(tie, data): tie.sendall(struct.pack("!I", len(data)) + data)
def name(a): return "%s %d" % (a[0], a[1])
def connect(tie, host, port):
    s = socket.socket(family(host))
    try: s.connect((host, int(port)))
    except OSError as e: tie.sendall(b"e %d" % e.errno); return
    try: told = "%s %s" % (name(s.getsockname()), name(s.getpeername()))
    except OSError as e: tie.sendall(b"e %d" % e.errno); return
    try: socket.send_fds(tie, [told.encode()], [s.fileno()])
    except BrokenPipeError: pass  # Who asked has left.
    s.close()
def brief(tie, host, port):
    pid = os.fork()
    if pid == 0:
        try: socket.socket(family(host)).connect((host, int(port))); os._exit(0)
        except OSError: os._exit(1)
    ok = os.waitpid(pid, 0)[1] == 0
    tie.sendall(b"%d" % pid if ok else b"e 5")
def datagrams(tie, host):
    u = socket.socket(family(host), socket.SOCK_DGRAM); u.bind((host, 0))
    tie.sendall(name(u.getsockname()).encode())
    wait.register(tie, selectors.EVENT_READ, u); wait.register(u, selectors.EVENT_READ, tie)
def tied(tie, u):
    head = whole(tie, 4)
    if head is None:
        wait.unregister(tie); wait.unregister(u); tie.close(); u.close(); return
    to, data = whole(tie, *struct.unpack("!I", head)).split(b"\0", 1)
    host, port = to.decode().split(" ")
    try: u.sendto(data, (host, int(port))); frame(tie, b"a")
    except OSError as e: frame(tie, b"e%d" % e.errno)
unix = socket.socket(socket.AF_UNIX); unix.bind(sys.argv[1]); unix.listen(4096)
wait = selectors.DefaultSelector(); wait.register(unix, selectors.EVENT_READ)
while True:
    for key, _ in wait.select():
        if key.fileobj is unix:
            tie = unix.accept()[0]
            what = tie.recv(200).decode().split(" ")
            if what[0] == "t": connect(tie, *what[1:]); tie.close()
            elif what[0] == "x": brief(tie, *what[1:]); tie.close()
            elif what[0] == "u": datagrams(tie, *what[1:])
            else: tie.close()
        elif key.fileobj.fileno() < 0: continue
        elif key.fileobj.family == socket.AF_UNIX: tied(key.fileobj, key.data)
        else:
            data, sender = key.fileobj.recvfrom(65535)
            frame(key.data, b"r" + name(sender).encode() + b"\0" + data)
"#;

struct Under {
    capture: Mutex<Option<SandboxCapture>>,
    agent: KnownProcess,
    at: PathBuf,
    // They live as long as the ground.
    _running: Mutex<Running>,
    _notices: Mutex<Notices>,
    _folder: TempDir,
}

impl Under {
    async fn new() -> Result<Self, Skip> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("agent");
        let options = Options::new([PYTHON, "-c", AGENT, at.to_str().unwrap()]);
        let options = Options { driver: Driver::Seccomp, ..options };
        let Parts { capture, running, notices, .. } =
            Sandbox::launch(options).unwrap().start().unwrap();
        while UnixStream::connect(&at).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let path = std::fs::canonicalize(PYTHON).ok();
        let parents = vec![parent_of(running.pid())];
        let agent = KnownProcess { pid: running.pid(), path, parents };
        let (_running, _notices) = (Mutex::new(running), Mutex::new(notices));
        let capture = Mutex::new(Some(capture));
        Ok(Self { capture, agent, at, _running, _notices, _folder: folder })
    }
}

/// Asks the agent for something; its answer comes with a descriptor or without.
async fn ask(at: &PathBuf, what: String) -> io::Result<(UnixStream, String, Option<OwnedFd>)> {
    let mut tie = UnixStream::connect(at).await?;
    tie.write_all(what.as_bytes()).await?;
    let (answer, socket) = loop {
        tie.readable().await?;
        match tie.try_io(Interest::READABLE, || receive(tie.as_raw_fd())) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            answer => break answer?,
        }
    };
    match answer.strip_prefix("e ") {
        Some(errno) => Err(as_reset(io::Error::from_raw_os_error(errno.parse().unwrap()))),
        None => Ok((tie, answer, socket)),
    }
}

/// What a connection that has gone again answers to every question.
fn as_reset(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotConnected => io::ErrorKind::ConnectionReset.into(),
        _ => error,
    }
}

fn receive(from: i32) -> io::Result<(String, Option<OwnedFd>)> {
    let (mut bytes, mut control) = ([0_u8; 200], [0_u64; 8]);
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: a message header is plain memory.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: everything that the header points to is live; if a control message is there, it
    // holds one new descriptor, which is ours.
    unsafe {
        let len = libc::recvmsg(from, &raw mut message, libc::MSG_CMSG_CLOEXEC);
        let len = match usize::try_from(len) {
            // The sandbox has ended meanwhile.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(_negative) => return Err(io::Error::last_os_error()),
        };
        let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() {
            return Ok((text, None));
        }
        let fd = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
        libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
        Ok((text, Some(OwnedFd::from_raw_fd(fd))))
    }
}

/// Reads addresses that the agent words as `HOST PORT`.
fn addresses(text: &str) -> Vec<SocketAddr> {
    let words: Vec<&str> = text.split(' ').collect();
    let pair = |pair: &[&str]| SocketAddr::new(pair[0].parse().unwrap(), pair[1].parse().unwrap());
    words.chunks(2).map(pair).collect()
}

impl Ground for Under {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(self.capture.get_mut().unwrap().take().unwrap())
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let at = self.at.clone();
        Box::pin(async move {
            let what = format!("t {} {}", server.ip(), server.port());
            let (_tie, told, socket) = ask(&at, what).await?;
            let [local, peer] = addresses(&told)[..] else { panic!("{told}") };
            let stream = TcpStream::from_std(socket.unwrap().into())?;
            stream.set_nodelay(true).map_err(as_reset)?;
            Ok(Connected { stream: Box::new(stream), local, peer })
        })
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let at = self.at.clone();
        Box::pin(async move {
            let (tie, told, _) = ask(&at, format!("u {}", family.any().ip())).await?;
            let (reader, writer) = tie.into_split();
            let (acks, results) = mpsc::unbounded_channel();
            let (datagrams, received) = mpsc::unbounded_channel();
            tokio::spawn(read(reader, acks, datagrams));
            let local = addresses(&told)[0];
            Ok(Box::new(Udp { writer, results, received, local }) as Box<dyn Datagrams>)
        })
    }

    fn process(&self) -> Option<KnownProcess> {
        Some(self.agent.clone())
    }

    fn connect_and_exit(
        &self,
        server: SocketAddr,
    ) -> Option<BoxFuture<'static, io::Result<KnownProcess>>> {
        let (at, agent) = (self.at.clone(), self.agent.clone());
        Some(Box::pin(async move {
            let what = format!("x {} {}", server.ip(), server.port());
            let (_tie, pid, _) = ask(&at, what).await?;
            let parents = [vec![agent.pid], agent.parents].concat();
            Ok(KnownProcess { pid: pid.parse().unwrap(), path: agent.path, parents })
        }))
    }
}

/// Reads frames until the agent has gone.
async fn read(
    mut reader: OwnedReadHalf,
    acks: mpsc::UnboundedSender<io::Result<()>>,
    datagrams: mpsc::UnboundedSender<(Bytes, SocketAddr)>,
) {
    while let Ok(len) = reader.read_u32().await {
        let mut frame = vec![0; len as usize];
        if reader.read_exact(&mut frame).await.is_err() {
            return;
        }
        // Whoever heard it may be gone.
        match frame[0] {
            b'a' => _ = acks.send(Ok(())),
            b'e' => {
                let errno = std::str::from_utf8(&frame[1..]).unwrap().parse().unwrap();
                _ = acks.send(Err(io::Error::from_raw_os_error(errno)));
            }
            _ => {
                let end = frame.iter().position(|byte| *byte == 0).unwrap();
                let from = addresses(std::str::from_utf8(&frame[1..end]).unwrap())[0];
                _ = datagrams.send((Bytes::copy_from_slice(&frame[end + 1..]), from));
            }
        }
    }
}

/// A UDP socket of the agent.
struct Udp {
    writer: OwnedWriteHalf,
    results: mpsc::UnboundedReceiver<io::Result<()>>,
    received: mpsc::UnboundedReceiver<(Bytes, SocketAddr)>,
    local: SocketAddr,
}

impl Datagrams for Udp {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn send_to<'a>(
        &'a mut self,
        datagram: &'a [u8],
        server: SocketAddr,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            let to = format!("{} {}\0", server.ip(), server.port());
            let len = (to.len() + datagram.len()) as u32;
            let frame = [&len.to_be_bytes(), to.as_bytes(), datagram].concat();
            self.writer.write_all(&frame).await?;
            self.results.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?
        })
    }

    fn recv_from(&mut self) -> BoxFuture<'_, io::Result<(Bytes, SocketAddr)>> {
        Box::pin(async move {
            self.received.recv().await.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        })
    }
}
