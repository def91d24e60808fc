//! The server that programs reach when they are not captured.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

/// What the server says.
pub(crate) const DIRECT: &str = "direct";

/// Starts a server that says a word on each connection and to each datagram, on the same port.
pub(crate) fn start(ip: &str) -> SocketAddr {
    let tcp = TcpListener::bind(format!("{ip}:0")).unwrap();
    let addr = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(addr).unwrap();
    thread::spawn(move || tcp.incoming().for_each(|stream| speak(stream.unwrap())));
    thread::spawn(move || {
        let mut buf = [0; 64];
        loop {
            let (_, from) = udp.recv_from(&mut buf).unwrap();
            udp.send_to(DIRECT.as_bytes(), from).unwrap();
        }
    });
    addr
}

fn speak(mut stream: TcpStream) {
    _ = stream.write_all(DIRECT.as_bytes());
}

/// Starts a server that accepts and says nothing.
pub(crate) fn start_silent() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = tcp.local_addr().unwrap();
    thread::spawn(move || tcp.incoming().map(Result::unwrap).for_each(std::mem::forget));
    addr
}
