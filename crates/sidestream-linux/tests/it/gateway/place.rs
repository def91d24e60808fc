//! Three network namespaces: of the servers and the test itself, of a gateway, of its clients.
//!
//! ```text
//!   client 198.51.100.2 ─── lan ─── gateway 198.51.100.1        servers 203.0.113.1
//! ```
//!
//! What the gateway yields is served where the servers are, so the two need no link.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sidestream_capture_test::{Family, Skip};
use sidestream_testkit::{has_ipv6_loopback, is_root};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

/// The gateway's interface towards its clients.
pub(crate) const LAN: &str = "lan";
/// Where the suite listens.
pub(crate) const SERVER_V4: &str = "203.0.113.1";
pub(crate) const SERVER_V6: &str = "2001:db8::1";

/// Moves the calling thread, and what it starts, to a new network namespace, the servers'.
pub(crate) fn enter() -> Result<(), Skip> {
    if !is_root() {
        return Err(Skip("only root moves a thread to another network".to_owned()));
    }
    move_to(&new_namespace());
    ip("link set lo up");
    ip(&format!("addr add {SERVER_V4}/32 dev lo"));
    if has_ipv6_loopback() {
        ip(&format!("-6 addr add {SERVER_V6}/128 dev lo nodad"));
    }
    Ok(())
}

/// The gateway's network namespace.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<File>);

impl Gateway {
    /// Does something there, and comes back.
    pub(crate) fn within<T>(&self, body: impl FnOnce() -> T) -> T {
        let here = File::open("/proc/thread-self/ns/net").unwrap();
        move_to(&self.0);
        let done = body();
        move_to(&here);
        done
    }
}

/// A socket that a client wants, and where it is to be had.
type Order = (Family, Type, oneshot::Sender<io::Result<Socket>>);

/// The clients' network namespace: a thread in it makes sockets for whoever asks.
#[derive(Clone)]
pub(crate) struct Clients(Sender<Order>);

impl Clients {
    /// Makes one that reaches everybody by way of a gateway.
    pub(crate) fn new() -> (Self, Gateway) {
        let gateway = Gateway(Arc::new(new_namespace()));
        (gateway.within(Self::behind), gateway)
    }

    fn behind() -> Self {
        ip("link set lo up");
        // What it does not take it would pass on, and says that it cannot.
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        let clients = new_namespace();
        let path = format!("/proc/{}/fd/{}", std::process::id(), clients.as_raw_fd());
        ip(&format!("link add name {LAN} type veth peer name eth0 netns {path}"));
        ip(&format!("link set {LAN} up"));
        ip(&format!("addr add 198.51.100.1/24 dev {LAN}"));
        if has_ipv6_loopback() {
            ip(&format!("-6 addr add 2001:db8:1::1/64 dev {LAN} nodad"));
        }
        let (orders, ordered) = channel::<Order>();
        let (ready, is_ready) = channel();
        std::thread::spawn(move || {
            move_to(&clients);
            ip("link set lo up");
            ip("link set eth0 up");
            ip("addr add 198.51.100.2/24 dev eth0");
            ip("route add default via 198.51.100.1");
            if has_ipv6_loopback() {
                ip("-6 addr add 2001:db8:1::2/64 dev eth0 nodad");
                ip("-6 route add default via 2001:db8:1::1");
            }
            ready.send(()).unwrap();
            for (family, kind, to) in ordered {
                // Whoever asked may be gone.
                drop(to.send(socket(family, kind)));
            }
        });
        is_ready.recv().unwrap();
        Self(orders)
    }

    /// Has a socket made there.
    pub(crate) async fn socket(self, family: Family, kind: Type) -> io::Result<Socket> {
        let (to, made) = oneshot::channel();
        self.0.send((family, kind, to)).unwrap();
        made.await.unwrap()
    }
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

fn move_to(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

/// Makes a network namespace by means of a program that holds it until it is open.
fn new_namespace() -> File {
    let mut program = Command::new("unshare")
        .args(["--net", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (own, its) = (namespace_of("thread-self"), program.id().to_string());
    while namespace_of(&its) == own {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let namespace = File::open(format!("/proc/{its}/ns/net")).unwrap();
    drop(program.stdin.take());
    program.wait().unwrap();
    namespace
}

fn namespace_of(pid: &str) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap()
}

pub(crate) fn ip(args: &str) -> String {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
