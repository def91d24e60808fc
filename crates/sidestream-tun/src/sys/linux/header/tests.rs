//! Headers read, written and lied about.

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_packet::{Checksum, Offload};

use super::{HeaderError, LEN, encode, parse};

#[track_caller]
fn check(header: [u8; LEN], len: usize, expected: Result<Offload, HeaderError>) {
    assert_eq!(parse(&header, len), expected);
}

fn partial(start: u16, offset: u16) -> Checksum {
    Checksum::Partial { start, offset }
}

/// A packet whose transport begins at `start`, with TCP's length and flags where it has them.
fn packet(version: u8, start: usize, flags: u8, len: usize) -> Vec<u8> {
    let mut packet = vec![0; len];
    packet[0] = version << 4;
    packet[start + 12] = 8 << 4;
    packet[start + 13] = flags;
    packet
}

#[test]
fn what_a_kernel_says_is_read() {
    let whole = |checksum| Ok(Offload { checksum, segment_size: None });
    check([0; LEN], 0, whole(Checksum::Complete));
    check([2, 0, 0, 0, 0, 0, 0, 0, 0, 0], 40, whole(Checksum::Verified));
    check([1, 0, 0, 0, 0, 0, 20, 0, 16, 0], 40, whole(partial(20, 16)));
    // Both at once: the sum is yet to be made.
    check([3, 0, 0, 0, 0, 0, 20, 0, 6, 0], 28, whole(partial(20, 6)));
    let segments = Offload { checksum: partial(40, 16), segment_size: Some(1440) };
    check([1, 4, 72, 0, 0xa0, 5, 40, 0, 16, 0], 9000, Ok(segments));
    check([1, 0x84, 72, 0, 0xa0, 5, 40, 0, 16, 0], 9000, Ok(segments));
}

#[test]
fn lies_are_told_apart() {
    let outside = Err(HeaderError::ChecksumOutside);
    check([1, 0, 0, 0, 0, 0, 20, 0, 16, 0], 37, outside);
    check([1, 0, 0, 0, 0, 0, 255, 255, 255, 255], 65_535, outside);
    check([1, 1, 0, 0, 0, 0, 20, 0, 16, 0], 1500, Err(HeaderError::NoSegmentSize));
    // Fragments of UDP, which nobody agreed on, and what has no meaning at all.
    check([1, 3, 0, 0, 1, 0, 20, 0, 6, 0], 1500, Err(HeaderError::UnknownKind(3)));
    check([0, 0xff, 0, 0, 1, 0, 0, 0, 0, 0], 1500, Err(HeaderError::UnknownKind(255)));
    // An empty one is still a header.
    check([0; LEN], 0, Ok(Offload::default()));
}

/// Writes a header and shows it in hexadecimal digits.
fn written(packet: &[u8], checksum: Checksum, segment_size: Option<u16>) -> String {
    match encode(packet, Offload { checksum, segment_size }) {
        Ok(header) => header.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_sent_is_described() {
    let (v4, v6) = (packet(4, 20, 0x10, 4000), packet(6, 40, 0x10, 4000));
    let cwr = packet(6, 40, 0x90, 4000);
    let cases = [
        ("complete", written(&v4, Checksum::Complete, None)),
        ("verified", written(&v4, Checksum::Verified, None)),
        ("partial", written(&v4, partial(20, 16), None)),
        ("tcp over v4", written(&v4, partial(20, 16), Some(1448))),
        ("tcp over v6", written(&v6, partial(40, 16), Some(1428))),
        ("with cwr", written(&cwr, partial(40, 16), Some(1428))),
        ("udp over v4", written(&v4, partial(20, 6), Some(1200))),
        ("udp over v6", written(&v6, partial(40, 6), Some(1200))),
        ("one segment", written(&v4[..1500], partial(20, 16), Some(1448))),
        ("no size", written(&v4, partial(20, 16), Some(0))),
        ("no partial sum", written(&v4, Checksum::Complete, Some(1448))),
        ("neither tcp nor udp", written(&v4, partial(20, 2), Some(1448))),
        ("no version", written(&[0; 100], partial(20, 16), Some(10))),
        ("sum outside", written(&v4[..30], partial(20, 16), None)),
        ("no payload", written(&v4[..45], partial(20, 16), Some(1448))),
        ("nothing", written(&[], Checksum::Complete, None)),
    ];
    let table: String = cases.iter().map(|(name, said)| format!("{name:20} {said}\n")).collect();
    assert_snapshot!(table);
}

proptest! {
    #[test]
    fn whatever_is_accepted_lies_within_the_packet(header: [u8; LEN], len in 0..70_000_usize) {
        if let Ok(offload) = parse(&header, len) {
            if let Checksum::Partial { start, offset } = offload.checksum {
                prop_assert!(usize::from(start) + usize::from(offset) + 2 <= len);
            }
            prop_assert_ne!(offload.segment_size, Some(0));
        }
    }

    #[test]
    fn what_is_written_is_read_again(
        mut packet in prop::collection::vec(any::<u8>(), 0..400),
        (v6, state) in (any::<bool>(), 0..3),
        (start, offset) in (0..200_u16, prop::sample::select(vec![6, 16, 2])),
        segment_size in prop::option::of(0..300_u16),
    ) {
        if let Some(first) = packet.first_mut() {
            *first = if v6 { 0x60 } else { 0x45 };
        }
        let checksum = match state {
            0 => Checksum::Complete,
            1 => Checksum::Verified,
            _ => partial(start, offset),
        };
        let offload = Offload { checksum, segment_size };
        if let Ok(header) = encode(&packet, offload) {
            let read = parse(&header, packet.len()).unwrap();
            prop_assert_eq!(read.checksum, checksum);
            // A size is dropped only where all the payload fits in one segment.
            let whole = segment_size.is_some_and(|size| packet.len() <= usize::from(size) + 260 + 60);
            prop_assert!(read.segment_size == segment_size || (read.segment_size.is_none() && whole));
        }
    }
}
