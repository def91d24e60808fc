//! Ports of the host that only one of `localhost`'s two addresses has.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};

use sidestream_linux::Options;
use sidestream_testkit::{has_ipv6_loopback, skip};
use socket2::{Domain, Socket, Type};

use crate::relay::{Outcome, PYTHON, able, run, run_beside};

const V4: &str = "127.0.0.1";
const V6: &str = "::1";

/// Says how a connection goes, and waits until it goes in some way.
const LIBRARY: &str = r#"
import errno, socket, sys, time
port = int(sys.argv[1])
def ask(host):
    try:
        s = socket.create_connection((host, port), 20); s.settimeout(20); return s.recv(99).decode()
    except OSError as error: return errno.errorcode[error.errno]
def until(host, answer):
    for _ in range(500):
        if ask(host) == answer: return answer
        time.sleep(0.02)
    return "never " + answer
"#;

/// Holds a port on that address, so that nobody else listens there meanwhile.
fn hold(host: &str, port: u16) -> Socket {
    let addr = SocketAddr::new(host.parse().unwrap(), port);
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).unwrap();
    socket.bind(&addr.into()).unwrap();
    socket
}

/// Holds a port that is free on both addresses.
fn hold_both() -> (Socket, Socket, u16) {
    loop {
        let v4 = hold(V4, 0);
        let port = v4.local_addr().unwrap().as_socket().unwrap().port();
        let addr = SocketAddr::new(V6.parse().unwrap(), port);
        let v6 = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        if v6.bind(&addr.into()).is_ok() {
            return (v4, v6, port);
        }
    }
}

/// Ends what `serve` began; the port stays held.
fn end(held: &Socket) {
    held.shutdown(Shutdown::Both).unwrap();
}

/// Listens on what is held, and says `host` to each who comes.
fn serve(held: &Socket) {
    held.listen(16).unwrap();
    let listener: TcpListener = held.try_clone().unwrap().into();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // `end` was called.
            let Ok(mut stream) = stream else { return };
            // Who has gone again needs no answer.
            _ = stream.write_all(b"host");
        }
    });
}

fn command(script: &str, port: u16) -> Options {
    Options::new([PYTHON, "-c", &format!("{LIBRARY}\n{script}"), &port.to_string()])
}

fn ready(test: &str) -> bool {
    if !has_ipv6_loopback() {
        skip(test, "there is no ::1 here");
        return false;
    }
    able(test)
}

#[track_caller]
fn check(outcome: &Outcome, output: &str, flows: usize) {
    assert_eq!(outcome.output, output);
    assert_eq!(outcome.flows.len(), flows, "{:?}", outcome.flows);
}

const ASK_BOTH: &str = "print(ask('::1'), ask('127.0.0.1'))";

#[test]
pub(crate) fn what_the_host_serves_on_ipv4_only_is_refused_on_ipv6() {
    if !ready("what_the_host_serves_on_ipv4_only_is_refused_on_ipv6") {
        return;
    }
    let (v4, _v6, port) = hold_both();
    serve(&v4);
    let script = format!("{ASK_BOTH}; s = socket.create_connection(('localhost', port), 20)");
    check(&run(command(&script, port)), "ECONNREFUSED host\n", 2);
    end(&v4);
}

#[test]
pub(crate) fn what_the_host_serves_on_ipv6_only_is_refused_on_ipv4() {
    if !ready("what_the_host_serves_on_ipv6_only_is_refused_on_ipv4") {
        return;
    }
    let (_v4, v6, port) = hold_both();
    serve(&v6);
    let script = format!("{ASK_BOTH}; print(ask('127.9.9.9'))");
    check(&run(command(&script, port)), "host ECONNREFUSED\nECONNREFUSED\n", 1);
    end(&v6);
}

#[test]
pub(crate) fn what_the_host_serves_on_neither_address_is_taken_aside() {
    if !ready("what_the_host_serves_on_neither_address_is_taken_aside") {
        return;
    }
    let (_v4, _v6, port) = hold_both();
    check(&run(command(ASK_BOTH, port)), "ECONNRESET ECONNRESET\n", 2);
}

#[test]
pub(crate) fn what_comes_and_goes_on_the_host_is_followed() {
    if !ready("what_comes_and_goes_on_the_host_is_followed") {
        return;
    }
    let (v4, v6, port) = hold_both();
    let control = TcpListener::bind((V4, 0)).unwrap();
    let script = r#"
control = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 20)
def next(): control.sendall(b"."); control.recv(1)
print(ask("::1"))
next(); print(until("::1", "ECONNREFUSED"), ask("127.0.0.1"))
next(); print(until("::1", "host"), ask("127.0.0.1"))
next(); print(until("127.0.0.1", "ECONNREFUSED"), ask("::1"))
"#;
    let mut options = command(script, port);
    options.command.push(control.local_addr().unwrap().port().to_string().into());
    let outcome = run_beside(options, async || {
        tokio::task::block_in_place(|| {
            let (mut control, _) = control.accept().unwrap();
            let changes: [&dyn Fn(); 3] = [&|| serve(&v4), &|| serve(&v6), &|| end(&v4)];
            for change in changes {
                control.read_exact(&mut [0]).unwrap();
                change();
                control.write_all(b".").unwrap();
            }
        });
    });
    let expected = "ECONNRESET\nECONNREFUSED host\nhost host\nECONNREFUSED host\n";
    assert_eq!(outcome.output, expected);
    end(&v6);
}

#[test]
pub(crate) fn what_the_tree_serves_is_reached_whatever_the_host_serves() {
    if !ready("what_the_tree_serves_is_reached_whatever_the_host_serves") {
        return;
    }
    let (v4, v6, port) = hold_both();
    serve(&v4);
    // What listens inside is forwarded, which takes the port on the host.
    drop(v6);
    let script = r#"
s = socket.socket(socket.AF_INET6); s.bind(("::1", port)); s.listen()
c = socket.create_connection(("::1", port), 20); s.accept()[0].sendall(b"tree")
print(c.recv(9).decode(), ask("127.0.0.1"))
"#;
    check(&run(command(script, port)), "tree host\n", 1);
    end(&v4);
}
