//! Identity and ownership, asked of this machine about ourselves.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use sidestream_flow::{FlowKey, Transport};
use sidestream_process::{Holders, Sockets, Table, tree};

#[test]
fn this_process_is_known_with_its_parents_up_to_init() {
    let table = Table::open().unwrap();
    let me = table.process(std::process::id()).unwrap();
    assert_eq!(me.path.as_deref(), std::env::current_exe().ok().as_deref());
    assert_eq!(me.cwd.as_deref(), std::env::current_dir().ok().as_deref());
    assert_eq!(me.args, std::env::args().collect::<Vec<_>>());
    assert!(me.user.is_some());
    let age = SystemTime::now().duration_since(me.started.unwrap()).unwrap_or_default();
    assert!(age < Duration::from_secs(24 * 3600), "started {age:?} ago");
    assert_eq!(me.parents().last().unwrap().pid, 1);
}

#[test]
fn what_was_read_is_shared_and_a_missing_pid_is_none() {
    let table = Table::open().unwrap();
    let (one, two) = (table.process(std::process::id()), table.process(std::process::id()));
    assert!(std::sync::Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    assert!(table.process(0).is_none());
    assert!(table.process(u32::MAX).is_none());
}

#[test]
fn a_program_that_replaces_itself_is_read_anew() {
    let table = Table::open().unwrap();
    // The shell answers its first line, and becomes `cat` after the second.
    let mut child = Command::new("sh")
        .args(["-c", "echo here; read line; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut String::new()).unwrap();
    let before = table.process(child.id()).unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"go\nback\n").unwrap();
    std::io::BufRead::read_line(&mut out, &mut String::new()).unwrap();
    let after = table.process(child.id()).unwrap();
    drop(input);
    child.wait().unwrap();
    assert_eq!(before.args[0], "sh");
    assert_eq!(after.args, ["cat"]);
    assert_eq!(after.started, before.started);
    assert_eq!(after.parent.as_ref().unwrap().pid, std::process::id());
}

#[test]
fn the_tree_holds_children() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert!(tree(std::process::id()).contains(&child.id()));
    assert!(tree(child.id()).is_empty());
    drop(child.stdin.take());
    child.wait().unwrap();
}

fn owner(transport: Transport, client: SocketAddr, server: SocketAddr) -> Option<u32> {
    let key = FlowKey { transport, client, server };
    let held = Sockets::open().unwrap().find(&key).unwrap()?;
    Holders::default().find(held.inode, [1, std::process::id()])
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
