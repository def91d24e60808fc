//! Localhost, and what the tree itself listens on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use sidestream_flow::Transport;
use sidestream_linux::{Notice, Options};

use crate::relay::{PYTHON, able, eventually, python, run_beside};

/// Serves one connection on the address given: says who it is, and ends.
const SERVER: &str = r#"
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2]))); s.listen()
c, a = s.accept(); c.sendall(("%s:%d" % a).encode()); c.close()
"#;

/// A port that nobody has right now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn server(host: &str, port: u16) -> Options {
    Options::new([PYTHON, "-c", SERVER, host, &port.to_string()])
}

#[test]
fn what_the_tree_listens_on_is_reached_from_inside_without_us() {
    if !able("what_the_tree_listens_on_is_reached_from_inside_without_us") {
        return;
    }
    let script = r#"
import socket
for host in "127.0.0.1", "0.0.0.0":
    s = socket.socket(); s.bind((host, 0)); s.listen()
    c = socket.create_connection(("127.0.0.1", s.getsockname()[1]))
    a = s.accept()[0]; a.sendall(b"inside"); print(c.recv(9).decode())
u = socket.socket(type=socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0)); u.settimeout(20)
socket.socket(type=socket.SOCK_DGRAM).sendto(b"inside", u.getsockname())
print(u.recv(9).decode())
"#;
    let outcome = python(script, &[]);
    assert_eq!(outcome.output, "inside\ninside\ninside\n");
    assert!(outcome.flows.is_empty(), "{:?}", outcome.flows);
}

#[test]
fn what_the_tree_listens_on_is_reached_from_the_host() {
    if !able("what_the_tree_listens_on_is_reached_from_the_host") {
        return;
    }
    let port = free_port();
    let mut said = String::new();
    let mut asked = None;
    let outcome = run_beside(server("127.0.0.1", port), async || {
        tokio::task::block_in_place(|| {
            eventually("a forwarded listener", || {
                assert!(TcpStream::connect(("127.0.0.2", port)).is_err(), "wider than bound");
                let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
                asked = stream.local_addr().ok();
                stream.read_to_string(&mut said).unwrap();
                true
            });
        });
    });
    assert!(outcome.status.success(), "{}", outcome.output);
    // The server sees the very client.
    assert_eq!(said, asked.unwrap().to_string());
    assert!(outcome.notices.is_empty(), "{:?}", outcome.notices);
    // With the tree its listeners are gone.
    eventually("a free port", || TcpListener::bind(("127.0.0.1", port)).is_ok());
}

#[test]
fn a_datagram_service_of_the_tree_is_reached_from_the_host() {
    if !able("a_datagram_service_of_the_tree_is_reached_from_the_host") {
        return;
    }
    // Below the ports that the kernel gives to clients, which are not forwarded.
    let asking = UdpSocket::bind("127.0.0.1:0").unwrap();
    asking.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    let free = |port: &u16| UdpSocket::bind(("0.0.0.0", *port)).is_ok();
    // Far from those of another run of this test.
    let first = 10_000 + (std::process::id() % 2000) as u16 * 10;
    let port = (first..first + 10).find(free).unwrap();
    let script = r#"
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", int(sys.argv[1])))
d = b""
while d != b"done":
    d, a = s.recvfrom(99); s.sendto(("%s:%d" % a).encode(), a)
"#;
    let options = Options::new([PYTHON, "-c", script, &port.to_string()]);
    let mut buf = [0; 99];
    let mut said = None;
    let outcome = run_beside(options, async || {
        tokio::task::block_in_place(|| {
            asking.connect(("127.0.0.1", port)).unwrap();
            eventually("an answer", || {
                // Until it is forwarded, nobody is there.
                _ = asking.send(b"who am I");
                said = asking.recv(&mut buf).ok();
                said.is_some()
            });
            asking.send(b"done").unwrap();
        });
    });
    assert!(outcome.status.success(), "{}", outcome.output);
    let said = str::from_utf8(&buf[..said.unwrap()]).unwrap();
    assert_eq!(said, asking.local_addr().unwrap().to_string());
}

#[test]
fn a_port_that_the_host_holds_is_told_once() {
    if !able("a_port_that_the_host_holds_is_told_once") {
        return;
    }
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = held.local_addr().unwrap();
    let script = "import socket, sys, time\n\
                  s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen()\n\
                  time.sleep(0.5)";
    let outcome = python(script, &[&addr.port().to_string()]);
    assert_eq!(outcome.notices, [Notice::PortTaken { transport: Transport::Tcp, addr }]);
}

#[test]
fn the_host_s_service_is_reached_until_the_tree_has_its_own() {
    if !able("the_host_s_service_is_reached_until_the_tree_has_its_own") {
        return;
    }
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = host.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = host.accept().unwrap();
        stream.write_all(b"host").unwrap();
    });
    let script = r#"
import socket, sys
to = ("127.0.0.1", int(sys.argv[1]))
print(socket.create_connection(to).recv(9).decode())
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(to); s.listen()
c = socket.create_connection(to); s.accept()[0].sendall(b"tree"); print(c.recv(9).decode())
"#;
    let outcome = python(script, &[&addr.port().to_string()]);
    serving.join().unwrap();
    assert_eq!(outcome.output, "host\ntree\n");
    assert_eq!(outcome.flows.len(), 1);
}

/// Has another host ask a server inside, which must see who asks.
pub(crate) fn a_listener_sees_the_other_host(elsewhere: impl Fn(&str) -> Command) {
    let port = free_port();
    let ask = format!("print(read(tcp('198.18.77.1', {port})).decode().split(':')[0])");
    let mut said = String::new();
    let outcome = run_beside(server("0.0.0.0", port), async || {
        tokio::task::block_in_place(|| {
            eventually("an answer to the other host", || {
                let output = elsewhere(&ask).stderr(std::process::Stdio::null()).output().unwrap();
                said = String::from_utf8(output.stdout).unwrap();
                output.status.success()
            });
        });
    });
    assert!(outcome.status.success(), "{}", outcome.output);
    assert_eq!(said, "198.18.77.2\n");
}
