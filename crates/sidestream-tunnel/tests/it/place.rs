//! Two network namespaces: one for the suite's servers, one for its clients behind a device.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sidestream_capture_test::{Family, Skip};
use sidestream_testkit::{has_ipv6_loopback, is_root};
use sidestream_tun::{Queue, Tun};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

/// Where the suite listens, and what the clients reach through the device.
pub(crate) const SERVER_V4: &str = "203.0.113.1";
pub(crate) const SERVER_V6: &str = "2001:db8::1";
pub(crate) const CLIENT_V4: &str = "198.51.100.2";
pub(crate) const CLIENT_V6: &str = "2001:db8:1::2";

/// Moves the calling thread, and what it starts, to a new network namespace.
pub(crate) fn enter() -> Result<(), Skip> {
    if !is_root() {
        return Err(Skip("only root moves a thread to another network".to_owned()));
    }
    if File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        return Err(Skip("no /dev/net/tun".to_owned()));
    }
    move_to(&unshare());
    ip("link set lo up");
    ip(&format!("addr add {SERVER_V4}/32 dev lo"));
    if has_ipv6_loopback() {
        ip(&format!("-6 addr add {SERVER_V6}/128 dev lo nodad"));
    }
    Ok(())
}

/// A socket that a client wants, and where it is to be had.
type Order = (Family, Type, oneshot::Sender<io::Result<Socket>>);

/// The clients' network namespace: a thread in it makes sockets for whoever asks.
#[derive(Clone)]
pub(crate) struct Clients(Sender<Order>);

impl Clients {
    /// Makes one, with a device over which the servers are reached.
    pub(crate) fn new(mtu: u32, offloads: bool) -> (Self, Queue) {
        let (clients, device) = Self::with(move || {
            move_to(&unshare());
            ip("link set lo up");
            open(mtu, offloads)
        });
        (clients, device.into_queues().remove(0))
    }

    /// Makes one on a thread that is moved there first, and makes what it needs there.
    pub(crate) fn with<T: Send + 'static>(
        prepare: impl FnOnce() -> T + Send + 'static,
    ) -> (Self, T) {
        let (orders, ordered) = channel::<Order>();
        let (prepared, made) = channel();
        std::thread::spawn(move || {
            prepared.send(prepare()).unwrap();
            // A handshake may be on its way into a device that is about to go: a program that
            // another test starts keeps it open for a moment. Such a one gives up within 15 s,
            // unless the kernel's settings are closed to us.
            _ = std::fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "3");
            for (family, kind, to) in ordered {
                // Whoever asked may be gone.
                drop(to.send(socket(family, kind)));
            }
        });
        (Self(orders), made.recv().unwrap())
    }

    /// Has a socket made there.
    pub(crate) async fn socket(self, family: Family, kind: Type) -> io::Result<Socket> {
        let (to, made) = oneshot::channel();
        self.0.send((family, kind, to)).unwrap();
        made.await.unwrap()
    }
}

fn open(mtu: u32, offloads: bool) -> Tun {
    let address = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
    let mut tun = Tun::builder().mtu(mtu).offloads(offloads).address(address(CLIENT_V4), 32);
    tun = tun.route(address(SERVER_V4), 24);
    if has_ipv6_loopback() {
        tun = tun.address(address(CLIENT_V6), 128).route(address(SERVER_V6), 64);
    }
    tun.open().unwrap()
}

fn socket(family: Family, kind: Type) -> io::Result<Socket> {
    let (domain, any) = match family {
        Family::V4 => (Domain::IPV4, "0.0.0.0:0"),
        Family::V6 => (Domain::IPV6, "[::]:0"),
    };
    let protocol = if kind == Type::STREAM { Protocol::TCP } else { Protocol::UDP };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if kind == Type::DGRAM {
        let any: SocketAddr = any.parse().unwrap();
        socket.bind(&any.into())?;
    }
    Ok(socket)
}

/// Moves the calling thread to a network namespace.
pub(crate) fn move_to(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

/// Makes a network namespace by means of a program that holds it until it is open.
pub(crate) fn unshare() -> File {
    let mut program = Command::new("unshare")
        .args(["--net", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (own, its) = (namespace_of("thread-self"), program.id().to_string());
    while namespace_of(&its) == own {
        std::thread::sleep(Duration::from_millis(1));
    }
    let namespace = File::open(format!("/proc/{its}/ns/net")).unwrap();
    drop(program.stdin.take());
    program.wait().unwrap();
    namespace
}

fn namespace_of(pid: &str) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap()
}

pub(crate) fn ip(args: &str) {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
}
