//! Any packets that are right.

use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_packet::TcpFlags;
use sidestream_packet::build::{self, Echo, TcpHeader};

use crate::hand::{addr, end};

/// Any flags that some TCP sends.
pub(crate) fn flags() -> impl Strategy<Value = TcpFlags> {
    any::<u16>()
        .prop_map(|bits| TcpFlags(bits & 0x1ff))
        .prop_filter("possible", |it| it.is_possible())
}

pub(crate) fn payload(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

/// Options of a few kinds, padded.
pub(crate) fn options() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![
        Just(&[][..]),
        Just(&[2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0][..]),
        Just(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2][..]),
        Just(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2][..]),
    ]
}

/// Any TCP packet.
pub(crate) fn tcp() -> impl Strategy<Value = Vec<u8>> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u16>(), 1..=u16::MAX);
    (any::<bool>(), numbers, flags(), options(), payload(3000)).prop_map(
        |(v4, (sequence, acknowledgment, window, port), flags, options, payload)| {
            let fields = TcpHeader { sequence, acknowledgment, flags, window, options };
            let mut bytes = Vec::new();
            build::tcp(&mut bytes, end(v4, 1, port), end(v4, 2, 443), &fields, &payload).unwrap();
            bytes
        },
    )
}

/// Any UDP packet.
pub(crate) fn udp() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<u16>(), 1..=u16::MAX, payload(3000)).prop_map(
        |(v4, source, destination, payload)| {
            let mut bytes = Vec::new();
            build::udp(&mut bytes, end(v4, 1, source), end(v4, 2, destination), &payload).unwrap();
            bytes
        },
    )
}

/// Any echo.
pub(crate) fn echo() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<bool>(), any::<(u16, u16)>(), payload(3000)).prop_map(
        |(v4, asks, ids, payload)| {
            let kind = if asks { Echo::Request } else { Echo::Reply };
            let mut bytes = Vec::new();
            build::echo(&mut bytes, addr(v4, 1), addr(v4, 2), kind, ids, &payload).unwrap();
            bytes
        },
    )
}

/// Any packet that is whole.
pub(crate) fn packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![tcp(), udp(), echo()]
}
