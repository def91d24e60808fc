//! Peers that want us to hold or do too much.

use bytes::Bytes;
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::http2::{ErrorCode, Flags, Kind, PREFACE};

use crate::endpoint::wire::{
    GET, Host, PADDED, block, data, fields, frame, get, head, name, post, reset, settings, window,
};

/// Feeds until the connection is closed, reads nothing of what is sent, and returns after how
/// many times it was, why, and the most that was held.
fn until_closed(
    host: &mut Host,
    mut next: impl FnMut(u32) -> Vec<u8>,
) -> (u32, &'static str, usize) {
    let mut most = 0;
    for count in 1..=200_000 {
        host.feed(next(count));
        most = most.max(host.end.held_bytes());
        for event in host.events() {
            match event {
                Event::Closed(fault) => return (count, name(fault.code), most),
                Event::Data { stream, bytes, .. } => host.end.consumed(stream, bytes.len()),
                _ => {}
            }
        }
    }
    panic!("still open, {most} bytes held");
}

/// The nth stream of a client.
const fn nth(count: u32) -> u32 {
    2 * count - 1
}

#[test]
fn streams_that_are_begun_and_reset_at_once_end_the_connection() {
    let mut host = Host::server();
    let (count, why, most) =
        until_closed(&mut host, |n| [get(nth(n)), reset(nth(n), ErrorCode::CANCEL)].concat());
    assert_eq!((count, why), (1001, "ENHANCE_YOUR_CALM"));
    assert!(most < 1024, "{most}");
}

#[test]
fn a_client_that_cancels_half_of_what_it_asks_for_is_served() {
    let mut host = Host::server();
    for n in (1..100_000).step_by(2) {
        host.feed([get(nth(n)), get(nth(n + 1)), reset(nth(n), ErrorCode::CANCEL)].concat());
        host.end.send_head(nth(n + 1), &fields(&[(":status", "200")]), true);
        host.end.take_wire();
        host.events();
    }
    assert!(!host.end.is_closed());
    assert_eq!(host.end.open_streams(), 0);
}

#[test]
fn streams_that_we_are_made_to_reset_count_as_well() {
    let mut host = Host::server();
    let (count, why, most) =
        until_closed(&mut host, |n| [post(nth(n), &[]), window(nth(n), 0)].concat());
    assert_eq!((count, why), (1001, "ENHANCE_YOUR_CALM"));
    assert!(most < 32 * 1024, "{most}");

    let mut host = Host::server();
    let (count, why, _) = until_closed(&mut host, |n| head(nth(n), 0, &[(":method", "GET")]));
    assert_eq!((count, why), (1001, "ENHANCE_YOUR_CALM"));
}

#[test]
fn streams_beyond_the_announced_number_are_refused() {
    let mut host = Host::server();
    let (count, why, most) = until_closed(&mut host, |n| get(nth(n)));
    assert_eq!((count, why), (1101, "ENHANCE_YOUR_CALM"));
    assert!(most < 32 * 1024, "{most}");
    let frames = host.sent();
    assert_eq!(frames[0], "reset 201 REFUSED_STREAM");
}

#[test]
fn a_field_block_that_does_not_end_is_cut_off() {
    let begin = |n| {
        let kind = if n == 1 { Kind::HEADERS } else { Kind::CONTINUATION };
        move |bytes: usize| frame(kind, 0, 1, vec![0x40; bytes])
    };
    let mut host = Host::server();
    let (count, why, most) = until_closed(&mut host, |n| begin(n)(16_384));
    assert_eq!((count, why), (17, "ENHANCE_YOUR_CALM"));
    assert!(most <= 512 * 1024, "{most}");

    let mut host = Host::server();
    let (count, why, most) = until_closed(&mut host, |n| begin(n)(0));
    assert_eq!((count, why), (129, "ENHANCE_YOUR_CALM"));
    assert!(most < 1024, "{most}");
}

#[test]
fn a_small_block_does_not_become_a_large_list() {
    // One large field in the table, then many references to it.
    let mut bomb = block(&GET);
    let big = "x".repeat(4000 - 32);
    bomb.extend([0x40, 1, b'x', 0x7f]);
    let mut rest = big.len() - 127;
    while rest >= 128 {
        bomb.push(u8::try_from(rest % 128).unwrap() | 0x80);
        rest /= 128;
    }
    bomb.push(u8::try_from(rest).unwrap());
    bomb.extend(big.as_bytes());
    bomb.extend([0xbe; 10_000]);
    let mut host = Host::server();
    let bomb = frame(Kind::HEADERS, Flags::END_HEADERS.0 | 1, 1, bomb);
    let (count, why, most) = until_closed(&mut host, |_| bomb.clone());
    assert_eq!((count, why), (1, "ENHANCE_YOUR_CALM"));
    assert!(most < 1024, "{most}");

    // And many fields that are small.
    let many: Vec<_> = GET.into_iter().chain(std::iter::repeat_n(("a", ""), 1021)).collect();
    let mut host = Host::server();
    let (count, why, _) = until_closed(&mut host, |n| head(nth(n), 1, &many));
    assert_eq!((count, why), (1, "ENHANCE_YOUR_CALM"));
}

#[test]
fn frames_that_bring_nothing_on_end_the_connection_whether_we_answer_them_or_not() {
    let check = |what: &str, next: &dyn Fn(u32) -> Vec<u8>| {
        let mut host = Host::server();
        host.feed(post(1, &[]));
        let (count, why, most) = until_closed(&mut host, next);
        assert_eq!(why, "ENHANCE_YOUR_CALM", "{what}");
        assert!((1990..=2001).contains(&count), "{what}: {count}");
        // The answers to all of them.
        assert!(most < 40 * 1024, "{what}: {most}");
    };
    check("pings", &|_| frame(Kind::PING, 0, 0, [0; 8]));
    check("settings", &|_| settings(&[(4, 1)]));
    check("acknowledged settings", &|_| frame(Kind::SETTINGS, 1, 0, []));
    check("priorities", &|n| frame(Kind::PRIORITY, 0, nth(n), [0; 5]));
    check("windows", &|_| window(0, 1));
    check("windows of a stream", &|_| window(1, 1));
    check("empty content", &|_| data(1, 0, []));
    check("padding alone", &|_| data(1, PADDED, [1, 0]));
    check("unknown frames", &|_| frame(Kind(0xbe), 0, 0, [0; 10]));
    check("farewells", &|_| frame(Kind::GOAWAY, 0, 0, [0; 8]));
}

#[test]
fn a_long_life_with_pings_and_windows_is_served() {
    let mut host = Host::server();
    for n in 1..20_000 {
        host.now += std::time::Duration::from_millis(100);
        host.feed(frame(Kind::PING, 0, 0, [0; 8]));
        host.end.take_wire();
        assert!(!host.end.is_closed(), "after {n}");
    }
    // A download whose every frame is followed by two updates, without any time.
    host.feed(get(1));
    host.end.send_head(1, &fields(&[(":status", "200")]), false);
    for n in 1..20_000 {
        host.end.send_data(1, Bytes::from_static(b"x"), false);
        host.end.take_wire();
        host.feed([window(0, 1), window(1, 1)].concat());
        assert!(!host.end.is_closed(), "after {n}");
    }
}

#[test]
fn windows_that_never_open_hold_no_more_than_was_queued() {
    let mut host = Host::server();
    host.feed(settings(&[(4, 0)]));
    for n in 1..=100 {
        host.feed(get(nth(n)));
        host.end.send_head(nth(n), &fields(&[(":status", "200")]), false);
        host.end.send_data(nth(n), Bytes::from(vec![0; 1000]), true);
    }
    assert_eq!(host.end.queued(1), 1000);
    host.end.take_wire();
    assert_eq!(host.end.held_bytes(), 100_000);
    for n in 1..=100 {
        host.feed(reset(nth(n), ErrorCode::CANCEL));
    }
    host.end.take_wire();
    assert_eq!(host.end.held_bytes(), 0);
}

#[test]
fn content_that_nobody_reads_is_bounded_by_the_windows() {
    let limits = Limits::default();
    let mut host = Host::new(Endpoint::server(limits));
    host.feed([&PREFACE[..], &settings(&[])].concat());
    for n in 1..=100 {
        host.feed(post(nth(n), &[]));
    }
    let mut given = 0;
    // Whatever the windows are: the peer goes on until it is stopped.
    'all: for n in 1..=100 {
        loop {
            host.feed(data(nth(n), 0, vec![0; 16_384]));
            for event in host.events() {
                match event {
                    Event::Data { bytes, .. } => given += bytes.len(),
                    Event::Refused { .. } => continue 'all,
                    _ => {}
                }
            }
            assert!(!host.end.is_closed());
        }
    }
    assert_eq!(given, 100 * 3 * 16_384);
    assert_eq!(host.end.unread() as usize, given);
}
