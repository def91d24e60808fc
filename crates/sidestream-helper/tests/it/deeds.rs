//! What programs do that is more than one connection.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::actor::tcp;
use crate::proxy::CAPTURED;
use crate::server::DIRECT;

/// How much time passes between two connections of a load: there are 200 a second.
const BETWEEN: Duration = Duration::from_millis(5);

/// More than an event of the kernel holds of them.
const ARGUMENT: usize = 600;

/// Opens many connections at once, then reads each; returns how many the proxy answered.
pub(crate) fn crowd(rest: &str) -> io::Result<String> {
    let (count, server) = numbered::<SocketAddr>(rest);
    let open = |_| TcpStream::connect(server);
    let streams = (0..count).map(open).collect::<io::Result<Vec<_>>>()?;
    let mut captured = 0;
    for mut stream in streams {
        let mut said = String::new();
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.read_to_string(&mut said)?;
        captured += usize::from(said == CAPTURED);
    }
    Ok(captured.to_string())
}

/// Opens many connections at once and holds them for a moment; returns how many were opened and how
/// many milliseconds the slowest took.
pub(crate) fn rush(rest: &str) -> io::Result<String> {
    let (count, server) = numbered::<SocketAddr>(rest);
    let (mut open, mut slowest) = (Vec::new(), Duration::ZERO);
    for _ in 0..count {
        let started = Instant::now();
        open.push(TcpStream::connect_timeout(&server, Duration::from_secs(10))?);
        slowest = slowest.max(started.elapsed());
    }
    Ok(format!("{} {}", open.len(), slowest.as_millis()))
}

/// Runs a program with long arguments many times.
pub(crate) fn execs(rest: &str) -> io::Result<String> {
    let argument = "x".repeat(ARGUMENT);
    for _ in 0..rest.parse().unwrap() {
        Command::new("true").arg(&argument).status()?;
    }
    Ok("done".to_owned())
}

/// Connects one socket to many addresses, one after the other.
pub(crate) fn fill(rest: &str) -> io::Result<UdpSocket> {
    let (count, first) = numbered::<Ipv4Addr>(rest);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    for index in 0..u32::try_from(count).unwrap() {
        socket.connect((Ipv4Addr::from(u32::from(first) + index), 9))?;
    }
    Ok(socket)
}

/// Waits at a socket that everybody may connect to, until the program ends.
pub(crate) fn listen(path: &str) -> io::Result<String> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o777))?;
    thread::spawn(move || listener.incoming().for_each(std::mem::forget));
    Ok("listens".to_owned())
}

/// Connects 200 times a second for so many milliseconds, whether or not earlier connections were
/// answered; tells how many were answered by whom, how many failed, and when the last of these
/// began.
pub(crate) fn load(rest: &str) -> String {
    let (millis, server) = numbered::<SocketAddr>(rest);
    let (started, mut connections) = (Instant::now(), Vec::new());
    while started.elapsed() < Duration::from_millis(millis as u64) {
        let began = started.elapsed().as_millis();
        connections.push((began, thread::spawn(move || tcp(server))));
        thread::sleep(BETWEEN);
    }
    let (mut captured, mut direct, mut failed, mut last_failed) = (0, 0, 0, 0);
    let mut errors = String::new();
    for (began, connection) in connections {
        match connection.join().unwrap() {
            Ok(said) if said.starts_with(CAPTURED) => captured += 1,
            Ok(said) if said.starts_with(DIRECT) => direct += 1,
            other => {
                (failed, last_failed) = (failed + 1, began);
                if failed < 4 {
                    _ = write!(errors, " {other:?}");
                }
            }
        }
    }
    format!("{captured} {direct} {failed} {last_failed}{errors}")
}

/// Connects as a VPN does for what it carries, by a socket with a mark.
pub(crate) fn marked(server: SocketAddr) -> io::Result<String> {
    let kind = socket2::Type::STREAM;
    let socket = socket2::Socket::new(socket2::Domain::for_address(server), kind, None)?;
    socket.set_mark(1)?;
    socket.connect(&server.into())?;
    let (mut stream, mut said) = (TcpStream::from(socket), String::new());
    stream.read_to_string(&mut said)?;
    Ok(said)
}

fn numbered<T: std::str::FromStr<Err: std::fmt::Debug>>(rest: &str) -> (usize, T) {
    let (count, of) = rest.split_once(' ').unwrap();
    (count.parse().unwrap(), of.parse().unwrap())
}
