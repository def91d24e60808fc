//! SOCKS5 proxies.

use std::future::poll_fn;
use std::net::SocketAddr;

use proptest::prelude::*;
use sidestream_capture::{Dial, Target};
use sidestream_record::{DialFailure, ProxyFailure};
use sidestream_upstream::Datagrams;
use sidestream_upstream::socks5::{
    Command, Handshake, Step, decode_datagram, encode_datagram_header,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use crate::stage::{Script, check_echo, failure, flow, name, proxy, upstream};

const HELLO: (&[u8], &[u8]) = (b"\x05\x01\x00", b"\x05\x00");
const ASK: &[u8] = b"\x05\x01\x00\x03\x06a.test\x00\x50";
const DONE: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

#[tokio::test]
async fn a_name_goes_to_the_proxy_and_the_rest_is_the_servers() {
    let said: Script = vec![HELLO, (ASK, b"\x05\x00\x00\x03\x01x\x00\x00")];
    let addr = proxy(vec![said]).await;
    let dial = upstream(&format!("socks5://{addr}"));
    let dialed = dial.dial_http(&flow(), &name("a.test", 80)).await.unwrap();
    assert!(dialed.stream.socket().is_some(), "the kernel can move its bytes");
    assert_eq!(dialed.via.as_ref().unwrap().forwards, None);
    check_echo(dialed).await;
}

#[tokio::test]
async fn a_password_is_given_where_it_is_asked_for() {
    let said: Script = vec![
        (b"\x05\x02\x00\x02", b"\x05\x02"),
        (b"\x01\x02me\x06secret", b"\x01\x00"),
        (b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50", DONE),
    ];
    let addr = proxy(vec![said]).await;
    let dial = upstream(&format!("socks5://me:secret@{addr}"));
    let target = Target::Addr(([192, 0, 2, 1], 80).into());
    check_echo(dial.dial(&flow(), &target).await.unwrap()).await;
}

/// Has a proxy say that to a request, and returns what it is told as.
async fn told(scripts: Script) -> String {
    let addr = proxy(vec![scripts]).await;
    let failure = failure(&upstream(&format!("socks5://{addr}")), &name("a.test", 80)).await;
    failure.to_string().replace(&addr.to_string(), "PROXY")
}

#[tokio::test]
async fn what_the_proxy_says_of_the_server_is_told_as_the_servers() {
    let refused = |reply: &'static [u8]| told(vec![HELLO, (ASK, reply)]);
    let by_proxy = "the proxy socks5://PROXY did not connect to the server:";
    assert_eq!(refused(b"\x05\x05\x00").await, DialFailure::Refused.to_string());
    assert_eq!(refused(b"\x05\x03\x00").await, DialFailure::Unreachable.to_string());
    assert_eq!(refused(b"\x05\x04\x00").await, "no address is known for a.test");
    assert_eq!(refused(b"\x05\x06\x00").await, DialFailure::TimedOut.to_string());
    assert_eq!(refused(b"\x05\x02\x00").await, format!("{by_proxy} not allowed by its rules"));
    assert_eq!(refused(b"\x05\x01\x00").await, format!("{by_proxy} a general failure"));
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_or_makes_no_sense_is_told_as_that() {
    let unauthorized = "the proxy socks5://PROXY wants a user and password, or others (give \
                        them by --upstream-auth)";
    assert_eq!(told(vec![(HELLO.0, b"\x05\xff")]).await, unauthorized);
    assert_eq!(told(vec![(HELLO.0, b"\x05\x02")]).await, unauthorized);
    let broken = told(vec![(HELLO.0, b"HTTP/1.1 400 Bad Request\r\n\r\n")]).await;
    assert!(broken.starts_with("the proxy socks5://PROXY does not speak its protocol"), "{broken}");
}

/// A SOCKS5 proxy that relays datagrams to itself, and sends them back.
async fn relay() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut control, _) = listener.accept().await.unwrap();
        let mut read = [0; 64];
        control.read_exact(&mut read[..3]).await.unwrap();
        control.write_all(b"\x05\x00").await.unwrap();
        control.read_exact(&mut read[..10]).await.unwrap();
        assert_eq!(&read[..10], b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00");
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port().to_be_bytes();
        control.write_all(b"\x05\x00\x00\x01\x00\x00\x00\x00").await.unwrap();
        control.write_all(&port).await.unwrap();
        let mut datagram = [0; 2000];
        let (len, from) = socket.recv_from(&mut datagram).await.unwrap();
        // Fragments, others' and nonsense are not for the client.
        let others = [&b"\x00\x00\x01"[..], &datagram[3..len]].concat();
        socket.send_to(&others, from).await.unwrap();
        socket.send_to(b"\x00\x00\x00\x01\x09\x09\x09\x09\x00\x35other", from).await.unwrap();
        socket.send_to(b"nonsense", from).await.unwrap();
        socket.send_to(&datagram[..len], from).await.unwrap();
        // It ends with the connection.
        assert_eq!(control.read(&mut read).await.unwrap(), 0);
    });
    addr
}

#[tokio::test]
async fn datagrams_go_through_the_relay_and_no_others_come() {
    let dial = upstream(&format!("socks5://{}", relay().await));
    let target = Target::Addr(([192, 0, 2, 1], 53).into());
    let mut dialed = dial.associate(&flow(), &target).await.unwrap();
    assert_eq!(dialed.addr, ([192, 0, 2, 1], 53).into());
    assert!(dialed.via.is_some());
    poll_fn(|cx| dialed.association.poll_send(cx, b"query")).await.unwrap();
    let received = poll_fn(|cx| dialed.association.poll_recv(cx)).await.unwrap();
    assert_eq!(received.as_deref(), Some(&b"query"[..]));
}

/// Asks for an association with that port through a proxy that carries no datagrams.
async fn past(url: &str, datagrams: Datagrams, port: u16) -> Result<(), DialFailure> {
    let dial = upstream(url).with_datagrams(datagrams);
    let target = Target::Addr(([127, 0, 0, 1], port).into());
    let dialed = dial.associate(&flow(), &target).await?;
    assert_eq!(dialed.via, None);
    Ok(())
}

#[tokio::test]
async fn datagrams_leave_past_the_proxy_only_where_that_was_chosen() {
    let url = "http://127.0.0.1:1";
    let refused =
        || Err(DialFailure::Proxy { proxy: url.into(), failure: ProxyFailure::NoDatagrams });
    assert_eq!(past(url, Datagrams::Dns, 53).await, Ok(()));
    assert_eq!(past(url, Datagrams::Dns, 443).await, refused());
    assert_eq!(past(url, Datagrams::Refuse, 53).await, refused());
    assert_eq!(past(url, Datagrams::Direct, 443).await, Ok(()));
}

#[tokio::test]
async fn a_socks_proxy_without_datagrams_is_asked_once() {
    let associate = b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00";
    let addr = proxy(vec![vec![HELLO, (associate, b"\x05\x07\x00")]]).await;
    let dial = upstream(&format!("socks5://{addr}"));
    let dns = Target::Addr(([127, 0, 0, 1], 53).into());
    for _ in 0..3 {
        assert_eq!(dial.associate(&flow(), &dns).await.unwrap().via, None);
    }
    let other = Target::Addr(([127, 0, 0, 1], 443).into());
    let failed = dial.associate(&flow(), &other).await.map(drop).unwrap_err();
    assert_eq!(failed.to_string(), format!("the proxy socks5://{addr} carries no UDP"));
}

#[test]
fn what_cannot_be_said_is_refused() {
    let long = "a".repeat(256);
    assert!(Handshake::new(Command::Connect, &name(&long, 1), None).is_err());
    assert!(Handshake::new(Command::Connect, &name("", 1), None).is_err());
    let credentials = format!("me:{long}").parse().unwrap();
    let server = name("a.test", 1);
    assert!(Handshake::new(Command::Connect, &server, Some(&credentials)).is_err());
}

fn target() -> impl Strategy<Value = Target> {
    let ip = any::<std::net::IpAddr>();
    prop_oneof![
        (ip, any::<u16>()).prop_map(|(ip, port)| Target::Addr((ip, port).into())),
        ("[!-~]{1,255}", any::<u16>()).prop_map(|(name, port)| Target::Name(name, port)),
    ]
}

proptest! {
    #[test]
    fn the_header_of_a_datagram_says_its_server(server in target(), payload: Vec<u8>) {
        let mut datagram = encode_datagram_header(&server).unwrap();
        datagram.extend_from_slice(&payload);
        prop_assert_eq!(decode_datagram(&datagram), Ok((server, &payload[..])));
    }

    #[test]
    fn any_proxy_is_heard_to_an_end(said: Vec<u8>) {
        let mut handshake =
            Handshake::new(Command::Connect, &name("a.test", 1), None).unwrap();
        let mut rest = &said[..];
        loop {
            let wants = handshake.wants();
            prop_assert!((1..=262).contains(&wants));
            let Some((now, later)) = rest.split_at_checked(wants) else { break };
            rest = later;
            match handshake.handle(now) {
                Ok(Step::Done(_)) | Err(_) => break,
                Ok(_) => {}
            }
        }
    }
}
