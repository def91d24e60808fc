//! DNS over TCP as it is answered inside.

use std::net::SocketAddr;
use std::sync::Arc;

use sidestream::capture::{Dial, Direct, Stream, Target};
use sidestream::record::DialFailure;
use sidestream::{Inside, Resolvers};
use sidestream_testkit::DnsOrigin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::names::flow;
use super::{authority, query, site};

/// Connects with what answers for the machine's resolvers.
async fn dial(resolvers: &[SocketAddr]) -> Result<Box<dyn Stream>, DialFailure> {
    let own = "10.11.0.1:53".parse::<SocketAddr>().unwrap();
    let inside = Inside::new(Arc::new(Direct::default()), site(&authority()))
        .with_addresses(&[own.ip()])
        .with_resolvers(Resolvers::fixed(resolvers.to_vec()));
    let dialed = inside.dial(&flow(own), &Target::Addr(own)).await?;
    assert!(resolvers.contains(&dialed.addr), "told is who is asked");
    Ok(dialed.stream)
}

/// A port of loopback on which nobody listens.
fn closed() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

/// Reads an answer; gives its number, how it went, and how many answers are in it.
async fn answer(stream: &mut Box<dyn Stream>) -> (u16, u8, u8) {
    let mut message = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut message).await.unwrap();
    (u16::from_be_bytes([message[0], message[1]]), message[3] & 0xf, message[7])
}

#[tokio::test]
async fn queries_in_whatever_pieces_are_answered_by_whom_they_concern() {
    let origin = DnsOrigin::serve(&[("example.test", [192, 0, 2, 7].into())]);
    let mut stream = dial(&[closed(), origin.addr()]).await.unwrap();
    let names = ["example.test", "sidestream.internal", "nowhere.test", "SideStream.Internal"];
    let asked = (1..).zip(names).flat_map(|(id, name)| framed(&query(id, name)));
    let asked: Vec<_> = asked.collect();
    // The first query and a half at once, then octet by octet.
    let (first, rest) = asked.split_at(50);
    stream.write_all(first).await.unwrap();
    for octet in rest {
        stream.write_all(&[*octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answers = Vec::new();
    for _ in names {
        answers.push(answer(&mut stream).await);
    }
    answers.sort_unstable();
    assert_eq!(answers, [(1, 0, 1), (2, 0, 1), (3, 3, 0), (4, 0, 1)]);
    assert_eq!(origin.queries().len(), 2);
    // Who ends is let go.
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn where_no_resolver_accepts_a_connection_is_refused() {
    assert_eq!(dial(&[]).await.err(), Some(DialFailure::Refused));
    assert_eq!(dial(&[closed(), closed()]).await.err(), Some(DialFailure::Refused));
}

#[tokio::test]
async fn what_is_no_query_goes_no_further() {
    let origin = DnsOrigin::serve(&[]);
    let mut stream = dial(&[origin.addr()]).await.unwrap();
    let mut response = query(1, "sidestream.internal");
    response[2] |= 0x80;
    for garbage in [&b""[..], b"x", &response] {
        stream.write_all(&framed(garbage)).await.unwrap();
    }
    stream.write_all(&framed(&query(2, "sidestream.internal")[..20])).await.unwrap();
    assert_eq!(answer(&mut stream).await, (2, 1, 0));
    assert_eq!(origin.queries(), []);
    // A message that never comes whole ends with its connection.
    stream.write_all(&[0xff, 0xff, 0]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}
