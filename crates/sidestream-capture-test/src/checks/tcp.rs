//! What a TCP flow carries: bytes, ends, resets, refusals.

use std::io;

use sidestream_capture::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::bed::{Bed, or_fail, pattern, reset};
use crate::{Config, Family, Ground};

/// Bytes arrive as they were written, both ways and in turns, in small and in odd pieces.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn relays_tcp_both_ways(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    relays(&bed, Family::V4).await;
}

/// Carries bytes both ways over one connection.
pub(super) async fn relays(bed: &Bed<'_>, family: Family) {
    let (mut client, mut server) = bed.pair(family).await;
    assert_eq!(bed.relay.flows().len(), 1, "one connection is one flow");
    for (seed, len) in [(1, 1), (2, 2), (3, 1_000), (4, 16_384), (5, 65_537), (6, 1)] {
        let bytes = pattern(seed, len);
        bed.carries("to the server", &mut client.stream, &mut server, &bytes).await;
        bed.carries("to the client", &mut server, &mut client.stream, &bytes).await;
    }
    let pieces = pattern(7, 9_973);
    let write = async {
        for piece in pieces.chunks(97) {
            server.write_all(piece).await?;
        }
        io::Result::Ok(())
    };
    or_fail(bed, "cannot write in pieces", bed.within("writing in pieces", write).await);
    let mut read = vec![0; pieces.len()];
    let got = bed.within("reading pieces", client.stream.read_exact(&mut read)).await;
    or_fail(bed, "cannot read what was written in pieces", got);
    assert!(read == pieces, "pieces written one after the other came out of order");
}

/// The end of one direction leaves the other open, whichever side ends first.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn carries_half_close_each_way(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);

    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("to the server", &mut client.stream, &mut server, b"request").await;
    or_fail(&bed, "the client cannot half-close", client.stream.shutdown().await);
    bed.ends("server", &mut server).await;
    bed.carries("after the client's end", &mut server, &mut client.stream, b"response").await;
    drop(server);
    bed.ends("client", &mut client.stream).await;

    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("to the client", &mut server, &mut client.stream, b"greeting").await;
    or_fail(&bed, "the server cannot half-close", server.shutdown().await);
    bed.ends("client", &mut client.stream).await;
    bed.carries("after the server's end", &mut client.stream, &mut server, b"farewell").await;
    drop(client);
    bed.ends("server", &mut server).await;
}

/// A reset is seen as a reset by the other side, also after a half-close.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn carries_a_reset_each_way(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    for half_closed in [false, true] {
        let (mut client, mut server) = bed.pair(Family::V4).await;
        bed.carries("to the server", &mut client.stream, &mut server, b"request").await;
        if half_closed {
            or_fail(&bed, "the server cannot half-close", server.shutdown().await);
            bed.ends("client", &mut client.stream).await;
        }
        client.stream.reset();
        bed.is_reset("server", &mut server).await;

        let (mut client, mut server) = bed.pair(Family::V4).await;
        bed.carries("to the server", &mut client.stream, &mut server, b"request").await;
        if half_closed {
            or_fail(&bed, "the client cannot half-close", client.stream.shutdown().await);
            bed.ends("server", &mut server).await;
        }
        reset(server);
        bed.is_reset("client", &mut client.stream).await;
    }
}

/// A client whose server refuses sees what the capabilities say.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn shows_a_refusal_as_its_capabilities_say(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    let ip = bed.ground.server_ip(Family::V4).expect("every ground has IPv4");
    // Bound and not listening: the port refuses and nobody else can take it.
    let refusing = TcpSocket::new_v4().expect("the machine has sockets");
    refusing.bind((ip, 0).into()).expect("the ground's server address is here");
    let server = refusing.local_addr().expect("a bound socket has an address");

    let connected = bed.within("the refusal", bed.ground.connect(server)).await;
    match (bed.capabilities.refusal, connected) {
        (Refusal::Same, Err(error)) => {
            let kind = error.kind();
            assert_eq!(kind, io::ErrorKind::ConnectionRefused, "the client saw: {error}");
        }
        (Refusal::Same, Ok(_)) => bed.fail("the client was connected to a server that refuses"),
        (_, Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {}
        (_, Err(error)) => bed.fail(&format!("the client saw {error}, not a reset")),
        (_, Ok(mut client)) => bed.is_reset("client", &mut client.stream).await,
    }
    // A driver that accepts first may yield the flow later than its client is connected, but no
    // later than it is refused.
    assert_eq!(bed.relay.flows().len(), 1, "a refused connection is a flow, too");
    // One flow's refusal is nobody else's.
    relays_one(&bed).await;
}

async fn relays_one(bed: &Bed<'_>) {
    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("after a refusal", &mut client.stream, &mut server, b"still here").await;
}
