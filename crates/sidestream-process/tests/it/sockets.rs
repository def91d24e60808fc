//! Sockets: whose they are, which wait, and how they end.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use sidestream_flow::{FlowKey, Transport};
use sidestream_process::{Connection, DestroyError, Owners, Scope, Sockets, Table};

use crate::child::{Child, is_root};

fn owner(transport: Transport, client: SocketAddr, server: SocketAddr) -> Option<u32> {
    owners(Scope::All).find(&FlowKey { transport, client, server }).unwrap().map(|it| it.pid)
}

fn owners(scope: Scope) -> Owners {
    Owners::new(Sockets::open().unwrap(), Table::open().unwrap(), scope)
}

#[test]
fn the_owner_of_a_connection_is_found_until_it_is_closed() {
    for any in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(any) else { continue };
        let server = listener.local_addr().unwrap();
        let stream = TcpStream::connect(server).unwrap();
        let client = stream.local_addr().unwrap();
        assert_eq!(owner(Transport::Tcp, client, server), Some(std::process::id()));
        drop(stream);
        assert_eq!(owner(Transport::Tcp, client, server), None);
    }
}

#[test]
fn the_owner_of_a_datagram_is_found_connected_or_not() {
    for (bound, server) in [
        ("127.0.0.1:0", "127.0.0.1:9"),
        ("0.0.0.0:0", "127.0.0.1:9"),
        ("[::1]:0", "[::1]:9"),
        ("[::]:0", "[::1]:9"),
        ("[::]:0", "127.0.0.1:9"),
    ] {
        let Ok(socket) = UdpSocket::bind(bound) else { continue };
        let server: SocketAddr = server.parse().unwrap();
        let client = SocketAddr::new(server.ip(), socket.local_addr().unwrap().port());
        assert_eq!(owner(Transport::Udp, client, server), Some(std::process::id()), "{bound}");
        let mapped = bound.starts_with("[::]") && server.is_ipv4();
        if !mapped {
            socket.connect(server).unwrap();
            assert_eq!(owner(Transport::Udp, client, server), Some(std::process::id()), "{bound}");
        }
    }
}

#[test]
fn listeners_are_listed_with_their_scope() {
    let sockets = Sockets::open().unwrap();
    for any in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
        let Ok(tcp) = TcpListener::bind(any) else { continue };
        let addr = tcp.local_addr().unwrap();
        let listeners = sockets.listeners(Transport::Tcp).unwrap();
        let found = listeners.iter().find(|listener| listener.addr == addr).unwrap();
        // The kernel takes an address of its own for IPv6 only; the standard library leaves the
        // unspecified one open to both.
        assert_eq!(found.v6_only, addr.ip() == std::net::Ipv6Addr::LOCALHOST);
        let udp = UdpSocket::bind(any).unwrap();
        let addr = udp.local_addr().unwrap();
        let listeners = sockets.listeners(Transport::Udp).unwrap();
        assert!(listeners.iter().any(|listener| listener.addr == addr), "{addr}");
    }
}

#[test]
fn who_waits_at_an_address_is_found_as_the_kernel_does() {
    let sockets = Sockets::open().unwrap();
    let at = |transport, ip: &str, port| {
        let found = sockets.listener(transport, SocketAddr::new(ip.parse().unwrap(), port));
        found.unwrap().map(|listener| listener.addr)
    };
    for (bound, asked) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("[::]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
    ] {
        let Ok(tcp) = TcpListener::bind(bound) else { continue };
        let addr = tcp.local_addr().unwrap();
        // Connections to it do not stand before it.
        let _client = TcpStream::connect(SocketAddr::new(asked.parse().unwrap(), addr.port()));
        assert_eq!(at(Transport::Tcp, asked, addr.port()), Some(addr), "{bound}");
        drop(tcp);
        assert_eq!(at(Transport::Tcp, asked, addr.port()), None, "{bound}");
        let udp = UdpSocket::bind(bound).unwrap();
        let addr = udp.local_addr().unwrap();
        assert_eq!(at(Transport::Udp, asked, addr.port()), Some(addr), "{bound}");
        drop(udp);
        assert_eq!(at(Transport::Udp, asked, addr.port()), None, "{bound}");
    }
}

/// Opens a connection to a server for each line that it reads, every second one in a child, and
/// says who did and from which port.
const FORKING: &str = "import os, socket, sys
kept = []
def connect():
    sock = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    kept.append(sock)
    print(os.getpid(), sock.getsockname()[1], flush=True)
for number in range(4):
    sys.stdin.readline()
    if number % 2 == 0:
        connect()
    elif os.fork() == 0:
        connect()
        os.read(int(sys.argv[2]), 1)
        os._exit(0)
sys.stdin.readline()";

#[test]
fn a_socket_that_children_share_is_of_the_process_that_opened_it() {
    let name = "a_socket_that_children_share_is_of_the_process_that_opened_it";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let (wait, leave) = std::io::pipe().unwrap();
    let wait_fd = std::os::fd::AsRawFd::as_raw_fd(&wait);
    // Descriptors are closed on exec, so the shell reopens this one by its path.
    let script = format!(
        "exec python3 -c \"$0\" {} 9 9</proc/{}/fd/{wait_fd}",
        server.port(),
        std::process::id()
    );
    let mut command = std::process::Command::new("sh");
    let command = command.args(["-c", &script, FORKING]);
    let Some(mut parent) = Child::start_by(name, command) else { return };
    for scope in [Scope::All, Scope::Below(std::process::id())] {
        let owners = owners(scope);
        let mut opened = Vec::new();
        for number in 0..2 {
            parent.tell("connect");
            let said = parent.line();
            let (pid, port) = said.split_once(' ').unwrap();
            let (pid, port): (u32, u16) = (pid.parse().unwrap(), port.parse().unwrap());
            assert_eq!(pid == parent.pid(), number % 2 == 0, "{said}");
            opened.push((pid, SocketAddr::from(([127, 0, 0, 1], port))));
            // All that were opened before as well, now that children share them.
            for &(pid, client) in &opened {
                let key = FlowKey { transport: Transport::Tcp, client, server };
                let found = owners.find(&key).unwrap().map(|process| process.pid);
                assert_eq!(found, Some(pid), "{scope:?}");
            }
        }
    }
    let elsewhere = owners(Scope::Below(parent.pid()));
    let ours = TcpStream::connect(server).unwrap();
    let client = ours.local_addr().unwrap();
    let key = FlowKey { transport: Transport::Tcp, client, server };
    assert_eq!(elsewhere.find(&key).unwrap(), None);
    drop(leave);
}

/// Connects to an address and says so, then what became of the connection.
const CLIENT: &str = "import socket, sys
family, kind, addr, port = sys.argv[1:]
family = socket.AF_INET6 if family == '6' else socket.AF_INET
kind = socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM
sock = socket.socket(family, kind)
sock.connect((addr, int(port)))
print('connected', flush=True)
try:
    sock.recv(1)
except OSError as error:
    print(type(error).__name__, flush=True)
sys.stdin.readline()";

/// Checks that the connection of a child ends, and one of our own to the same server stays.
#[track_caller]
fn check_reset(family: &str, kind: &str, addr: &str, bound: &str) {
    let name = "the_connections_of_a_process_end_and_no_others";
    let transport = if kind == "tcp" { Transport::Tcp } else { Transport::Udp };
    let (Ok(listener), Ok(receiver)) = (TcpListener::bind(bound), UdpSocket::bind(bound)) else {
        return sidestream_testkit::skip(name, &format!("{bound} cannot be bound"));
    };
    let server = match transport {
        Transport::Tcp => listener.local_addr().unwrap(),
        Transport::Udp => receiver.local_addr().unwrap(),
    };
    let port = server.port().to_string();
    let mut command = std::process::Command::new("python3");
    let command = command.args(["-c", CLIENT, family, kind, addr, &port]);
    let Some(mut child) = Child::start_by(name, command) else { return };
    assert_eq!(child.line(), "connected", "{family} {kind}");
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();

    let sockets = Sockets::open().unwrap();
    let is_theirs = |it: &Connection| holds(child.pid(), it.inode);
    let mut found = sockets.connected(transport).unwrap();
    found.retain(|it| it.remote.port() == server.port() && is_theirs(it));
    let connection = found[0];
    assert_eq!(connection.remote.ip(), addr.parse::<std::net::IpAddr>().unwrap());
    assert_ne!(connection.cookie, [0, 0]);

    let none = sockets.reset(&[child.pid()], |_| false).unwrap();
    assert_eq!(none.sockets, 0);
    match sockets.reset(&[child.pid()], |found| found.transport == transport) {
        Ok(reset) => assert_eq!(reset.sockets, 1),
        Err(error @ DestroyError::Unsupported) => {
            return sidestream_testkit::skip(name, &error.to_string());
        }
        Err(error @ DestroyError::Denied) if !is_root() => {
            return sidestream_testkit::skip(name, &error.to_string());
        }
        Err(error) => panic!("{family} {kind}: {error:?}"),
    }
    assert_eq!(child.line(), "ConnectionAbortedError", "{family} {kind}");
    // It is over already, and that is well.
    sockets.destroy(&connection).unwrap();
    ours.set_nonblocking(true).unwrap();
    let error = ours.peek(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

/// Tells whether a process holds a socket.
fn holds(pid: u32, inode: u32) -> bool {
    let name = format!("socket:[{inode}]");
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|it| it == *name)
}

#[test]
fn the_connections_of_a_process_end_and_no_others() {
    check_reset("4", "tcp", "127.0.0.1", "127.0.0.1:0");
    check_reset("6", "tcp", "::1", "[::1]:0");
    check_reset("6", "tcp", "::ffff:127.0.0.1", "127.0.0.1:0");
    check_reset("4", "udp", "127.0.0.1", "127.0.0.1:0");
    check_reset("6", "udp", "::1", "[::1]:0");
    check_reset("6", "udp", "::ffff:127.0.0.1", "127.0.0.1:0");
}

#[test]
fn the_right_to_end_connections_is_named() {
    let error = std::io::Error::from(DestroyError::Denied);
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("CAP_NET_ADMIN"));
}
