//! How ends are carried from one side to the other.

use std::io::ErrorKind;

use bytes::Bytes;
use sidestream_relay::{Ending, Ends, Relay, Which, relay};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::lab::{Ground, LINKS, Lab, Link, pair, within};

const GROUNDS: [Ground; 3] = [Ground::Sockets, Ground::Streams, Ground::Mixed];

/// Enough that the relay splices.
const MUCH: usize = 300_000;

async fn pass(from: &mut TcpStream, to: &mut TcpStream, len: usize) {
    let sent = vec![7; len];
    let mut received = vec![0; len];
    let (written, read) = tokio::join!(from.write_all(&sent), to.read_exact(&mut received));
    written.unwrap();
    read.unwrap();
}

#[tokio::test]
async fn a_half_close_is_carried_and_the_other_way_goes_on() {
    for ground in GROUNDS {
        for before in [1, MUCH] {
            let mut lab = Lab::on(ground).await;
            within(pass(&mut lab.client, &mut lab.server, before)).await;
            lab.client.shutdown().await.unwrap();
            assert_eq!(within(lab.server.read(&mut [0; 1])).await.unwrap(), 0);
            within(pass(&mut lab.server, &mut lab.client, MUCH)).await;
            lab.server.shutdown().await.unwrap();
            assert_eq!(within(lab.client.read(&mut [0; 1])).await.unwrap(), 0);
            let relayed = lab.relayed().await;
            assert_eq!(relayed.ending, Ending::Closed);
            assert_eq!((relayed.from_a, relayed.from_b), (before as u64, MUCH as u64));
        }
    }
}

async fn is_reset(stream: &mut TcpStream) {
    let error = within(stream.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_of_either_end_is_a_reset_of_the_other() {
    for ground in GROUNDS {
        for before in [1, MUCH] {
            let mut lab = Lab::on(ground).await;
            within(pass(&mut lab.client, &mut lab.server, before)).await;
            let Lab { client, mut server, relaying } = lab;
            client.set_zero_linger().unwrap();
            drop(client);
            is_reset(&mut server).await;
            assert_eq!(within(relaying).await.unwrap().ending, Ending::Reset(Which::A));

            let mut lab = Lab::on(ground).await;
            within(pass(&mut lab.server, &mut lab.client, before)).await;
            let Lab { mut client, server, relaying } = lab;
            server.set_zero_linger().unwrap();
            drop(server);
            is_reset(&mut client).await;
            assert_eq!(within(relaying).await.unwrap().ending, Ending::Reset(Which::B));
        }
    }
}

#[tokio::test]
async fn what_a_server_said_before_it_broke_the_upload_off_is_passed_on() {
    for ground in GROUNDS {
        let Lab { mut client, mut server, relaying } = Lab::on(ground).await;
        within(pass(&mut client, &mut server, MUCH)).await;
        // It answers, and closes with some of the upload unread: that is a reset.
        server.write_all(b"413").await.unwrap();
        client.write_all(b"more").await.unwrap();
        assert_eq!(within(server.peek(&mut [0; 1])).await.unwrap(), 1);
        drop(server);
        let mut answer = [0; 3];
        within(client.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"413");
        assert_eq!(within(relaying).await.unwrap().ending, Ending::Reset(Which::B));
    }
}

#[tokio::test]
async fn what_waits_for_a_slow_client_reaches_it_before_the_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    // Less than what is sent, so that the rest waits in the relay.
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
    let (a, (b, mut server)) = (listener.accept().await.unwrap().0, pair().await);
    let sent = vec![7; 60_000];
    server.write_all(&sent).await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    let relaying = tokio::spawn(relay(a, b));
    let mut received = vec![0; sent.len()];
    within(client.read_exact(&mut received)).await.unwrap();
    assert!(received == sent);
    is_reset(&mut client).await;
    assert_eq!(within(relaying).await.unwrap().ending, Ending::Reset(Which::B));
}

#[tokio::test]
async fn what_came_earlier_goes_first_and_is_not_counted() {
    let ((mut client, a), (b, mut server)) = (pair().await, pair().await);
    let (to_a, to_b) = (Bytes::from_static(b"hello "), Bytes::from_static(b"GET "));
    let mut relay = Relay::new(Link::Socket(a), Link::Opaque(b), LINKS).with_early(to_a, to_b);
    let relaying =
        tokio::spawn(async move { std::future::poll_fn(|cx| relay.poll_relayed(cx)).await });
    client.write_all(b"/").await.unwrap();
    server.write_all(b"you").await.unwrap();
    client.shutdown().await.unwrap();
    server.shutdown().await.unwrap();
    let (mut at_client, mut at_server) = (String::new(), String::new());
    client.read_to_string(&mut at_client).await.unwrap();
    server.read_to_string(&mut at_server).await.unwrap();
    assert_eq!((at_server.as_str(), at_client.as_str()), ("GET /", "hello you"));
    let relayed = within(relaying).await.unwrap();
    assert_eq!((relayed.from_a, relayed.from_b), (1, 3));
}

#[tokio::test]
async fn a_relay_that_is_dropped_closes_both_ends_and_knows_what_it_moved() {
    let ((mut client, a), (b, mut server)) = (pair().await, pair().await);
    let mut relay = Relay::new(a, b, Ends::SOCKETS);
    client.write_all(b"abc").await.unwrap();
    let mut received = [0; 3];
    tokio::select! {
        biased;
        _ = std::future::poll_fn(|cx| relay.poll_relayed(cx)) => panic!("nobody has ended"),
        read = server.read_exact(&mut received) => assert_eq!(read.unwrap(), 3),
    }
    assert_eq!((relay.from_a(), relay.from_b(), relay.is_ending()), (3, 0, false));
    drop(relay);
    assert_eq!(within(client.read(&mut [0; 1])).await.unwrap(), 0);
    assert_eq!(within(server.read(&mut [0; 1])).await.unwrap(), 0);
}

#[tokio::test]
async fn an_end_that_has_ended_before_is_not_read_and_the_other_is_told_once() {
    for is_told in [true, false] {
        let ((mut client, a), (mut b, mut server)) = (pair().await, pair().await);
        let early = if is_told { Bytes::new() } else { Bytes::from_static(b"last words") };
        if is_told {
            b.shutdown().await.unwrap();
        }
        client.shutdown().await.unwrap();
        let relay = Relay::new(a, b, Ends::SOCKETS).with_early(Bytes::new(), early.clone());
        let mut relay = relay.with_ended(Which::A, is_told);
        assert!(relay.is_ending());
        let relaying =
            tokio::spawn(async move { std::future::poll_fn(|cx| relay.poll_relayed(cx)).await });
        let mut received = Vec::new();
        within(server.read_to_end(&mut received)).await.unwrap();
        assert_eq!(received, early);
        within(pass(&mut server, &mut client, MUCH)).await;
        drop(server);
        assert_eq!(within(client.read(&mut [0; 1])).await.unwrap(), 0);
        let relayed = within(relaying).await.unwrap();
        assert_eq!((relayed.from_a, relayed.from_b), (0, MUCH as u64));
        assert_eq!(relayed.ending, Ending::Closed);
    }
}
