//! UDP origins.

use std::net::UdpSocket;

use sidestream_testkit::UdpOrigin;

#[test]
fn echoes_and_remembers_each_datagram() {
    let origin = UdpOrigin::echo();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"one", origin.addr()).unwrap();
    let mut buffer = [0; 16];
    let (len, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from), (&b"one"[..], origin.addr()));
    assert_eq!(origin.received(), [(client.local_addr().unwrap(), b"one".to_vec())]);
}

#[test]
fn answers_with_as_many_datagrams_as_the_handler_gives() {
    let origin = UdpOrigin::serve(|datagram, _| vec![datagram.to_vec(), Vec::new()]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"two", origin.addr()).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(client.recv(&mut buffer).unwrap(), 3);
    assert_eq!(client.recv(&mut buffer).unwrap(), 0);
}
