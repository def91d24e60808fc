//! The program that is captured: this executable, started anew. It makes sockets as it is asked
//! to over connections to its unix socket, each of which is served by a thread of its own.
//!
//! The first line of a connection asks; the answer is `ok …` or the number of an error:
//!
//! - `tcp ADDR`: connects; the answer has both addresses, and the socket beside it.
//! - `udp ADDR`: binds; frames for the socket and from it follow, see [`frame`].
//! - `exit ADDR`: has another process connect and end; the answer has its pid.

use std::env;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

const SOCKET: &str = "SIDESTREAM_TEST_CLIENT";
const SERVER: &str = "SIDESTREAM_TEST_CLIENT_CONNECTS";

/// Starts the program; it listens at that path.
pub(crate) fn start(at: &Path) -> Child {
    again().env(SOCKET, at).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// Starts the program in a network namespace of its own.
pub(crate) fn start_elsewhere(at: &Path) -> Child {
    let mut command = Command::new("unshare");
    command.arg("--net").arg(env::current_exe().unwrap());
    plays(&mut command).env(SOCKET, at).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

fn again() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    plays(&mut command);
    command
}

fn plays(command: &mut Command) -> &mut Command {
    command.args(["--exact", "client::plays_its_part", "--nocapture", "--test-threads=1"]);
    command
}

#[test]
fn plays_its_part() {
    if let Ok(server) = env::var(SERVER) {
        drop(TcpStream::connect(server.parse::<SocketAddr>().unwrap()));
    } else if let Some(at) = env::var_os(SOCKET) {
        let listener = UnixListener::bind(at).unwrap();
        for asks in listener.incoming() {
            let asks = asks.unwrap();
            // Whoever asked may have gone.
            thread::spawn(move || drop(serve(&asks)));
        }
    }
}

fn serve(asks: &UnixStream) -> io::Result<()> {
    let line = line(asks)?;
    let (what, addr) = line.trim_end().split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
    let addr = addr.parse().map_err(io::Error::other)?;
    let failed = match what {
        "tcp" => tcp(asks, addr).err(),
        "udp" => udp(asks, addr).err(),
        _ => exit(asks, addr).err(),
    };
    match failed {
        Some(error) => say(asks, &error.raw_os_error().unwrap_or_default().to_string(), None),
        None => Ok(()),
    }
}

/// Reads a line and nothing beyond it.
fn line(mut asks: &UnixStream) -> io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while asks.read_exact(&mut byte).is_ok() && byte != *b"\n" {
        line.push(byte[0]);
    }
    String::from_utf8(line).map_err(io::Error::other)
}

fn say(asks: &UnixStream, words: &str, socket: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let sockets: Vec<_> = socket.into_iter().collect();
    if !sockets.is_empty() {
        beside.push(SendAncillaryMessage::ScmRights(&sockets));
    }
    let words = format!("{words}\n");
    sendmsg(asks, &[IoSlice::new(words.as_bytes())], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn tcp(asks: &UnixStream, server: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    // The kernel forgets the peer of a socket that was reset.
    let ended = |error: io::Error| match error.kind() {
        io::ErrorKind::NotConnected => Errno::CONNRESET.into(),
        _ => error,
    };
    let (local, peer) = (stream.local_addr()?, stream.peer_addr().map_err(ended)?);
    say(asks, &format!("ok {local} {peer}"), Some(stream.as_fd()))
}

fn exit(asks: &UnixStream, server: SocketAddr) -> io::Result<()> {
    let mut child = again().env(SERVER, server.to_string()).stdout(Stdio::null()).spawn()?;
    child.wait()?;
    say(asks, &format!("ok {}", child.id()), None)
}

/// Sends what comes in frames, and gives what is received in frames, until nobody asks.
fn udp(mut asks: &UnixStream, addr: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(addr)?;
    say(asks, &format!("ok {}", socket.local_addr()?), None)?;
    let mut buf = vec![0; 65_536];
    loop {
        let mut both = [PollFd::new(&socket, PollFlags::IN), PollFd::new(asks, PollFlags::IN)];
        poll(&mut both, None)?;
        let [received, asked] = both.map(|fd| !fd.revents().is_empty());
        if received {
            let (len, from) = socket.recv_from(&mut buf)?;
            asks.write_all(&frame(from, &buf[..len]))?;
        }
        if asked {
            let (server, datagram) = take(asks)?;
            socket.send_to(&datagram, server)?;
        }
    }
}

/// Makes a frame of a datagram and whom it goes to or comes from: two lengths of 4 bytes, the
/// address as text, the bytes.
pub(crate) fn frame(addr: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let addr = addr.to_string();
    let lens = [addr.len(), datagram.len()].map(|len| u32::try_from(len).unwrap().to_be_bytes());
    [&lens.concat(), addr.as_bytes(), datagram].concat()
}

/// Takes a frame apart, or fails where nobody asks any more.
fn take(mut asks: &UnixStream) -> io::Result<(SocketAddr, Vec<u8>)> {
    let mut lens = [0; 8];
    asks.read_exact(&mut lens)?;
    let [addr, datagram] = parse_lens(lens);
    let (mut text, mut bytes) = (vec![0; addr], vec![0; datagram]);
    asks.read_exact(&mut text)?;
    asks.read_exact(&mut bytes)?;
    Ok((parse_addr(&text), bytes))
}

/// Returns the lengths of the address and of the datagram in a frame.
pub(crate) fn parse_lens(lens: [u8; 8]) -> [usize; 2] {
    let both = u64::from_be_bytes(lens);
    [(both >> 32) as usize, (both & u64::from(u32::MAX)) as usize]
}

pub(crate) fn parse_addr(text: &[u8]) -> SocketAddr {
    std::str::from_utf8(text).unwrap().parse().unwrap()
}
