//! WebSockets in streams, many of them, that never end what they begin.

use sidestream_flow::Peer;

use super::frames::{begun, check_reads_on};
use super::{Attacked, MIB, SERVER, holds_at_most};
use crate::http2::{Speaker, data};
use crate::websocket::peer::{Deflater, up};

/// Opens so many WebSockets, the first in stream 1.
fn open(attacked: &mut Attacked, client: &mut Speaker, count: u32) {
    let asks = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "a.test"),
    ];
    let deflate = ("sec-websocket-extensions", "permessage-deflate");
    let mut server = Speaker::new();
    for stream in streams(count) {
        attacked.pass(Peer::Client, client.head(stream, &asks, false));
        attacked.pass(SERVER, server.head(stream, &[(":status", "200"), deflate], false));
    }
}

fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

#[test]
fn two_hundred_messages_without_end_are_not_all_kept() {
    holds_at_most(24 * MIB, || {
        let (mut attacked, mut client) = begun();
        open(&mut attacked, &mut client, 200);
        for round in 0..16 {
            let frame = up(if round == 0 { 0x01 } else { 0x00 }, vec![b'x'; 16 * 1024]);
            for stream in streams(200) {
                attacked.pass(Peer::Client, data(stream, &frame, false));
            }
        }
        check_reads_on(&mut attacked, &mut client, 401);
    });
}

#[test]
fn what_five_hundred_websockets_need_to_inflate_is_not_kept_for_all() {
    holds_at_most(24 * MIB, || {
        let (mut attacked, mut client) = begun();
        open(&mut attacked, &mut client, 500);
        let frame = up(0xc1, Deflater::new().message(b"hello"));
        for stream in streams(500) {
            attacked.pass(Peer::Client, data(stream, &frame, false));
        }
        check_reads_on(&mut attacked, &mut client, 1001);
    });
}
