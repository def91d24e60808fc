//! Fragments become the packet they were.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sidestream_packet::{
    Checksum, Defect, Packet, Reassembly, ReassemblyCounts, ReassemblyLimits, build,
};

use crate::arbitrary;
use crate::hand::{extend, seal, udp};

const MTU: u16 = 600;

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a play needs some instant to begin with")]
    Instant::now()
}

fn cut(bytes: &[u8], mtu: u16, id: u32) -> Vec<Vec<u8>> {
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    let mut fragments = Vec::new();
    build::fragment(&packet, mtu, id, |bytes| fragments.push(bytes.to_vec())).unwrap();
    assert!(fragments.iter().all(|it| it.len() <= usize::from(mtu)));
    fragments
}

fn insert(
    reassembly: &mut Reassembly,
    bytes: &[u8],
    now: Instant,
) -> Result<Option<Vec<u8>>, Defect> {
    reassembly.insert(&Packet::parse(bytes, Checksum::Complete)?, now)
}

/// The packet as its fragments tell of it: with an identification, and allowing fragmentation.
fn identified(bytes: &[u8], id: u16) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes[0] >> 4 == 4 {
        bytes[4..6].copy_from_slice(&id.to_be_bytes());
        bytes[6..8].fill(0);
        seal(&mut bytes);
    }
    bytes
}

/// Inserts fragments of one packet that were changed, and tells how that went.
fn check(v4: bool, change: impl FnOnce(&mut Vec<Vec<u8>>), expected: Result<bool, Defect>) {
    let mut fragments = cut(&udp(v4, &[7; 2000]), MTU, 5);
    change(&mut fragments);
    let (mut reassembly, now) = (Reassembly::default(), now());
    let mut whole = Ok(false);
    for fragment in &fragments {
        match insert(&mut reassembly, fragment, now) {
            Ok(packet) => whole = whole.map(|before| before || packet.is_some()),
            Err(defect) => whole = Err(defect),
        }
    }
    assert_eq!(whole, expected, "v4: {v4}");
    let refused = u64::from(expected.is_err());
    assert_eq!(reassembly.counts().refused.total(), refused);
    if expected != Ok(false) {
        assert_eq!(reassembly.len_bytes(), 0, "nothing waits");
    }
}

/// Moves a fragment by that many bytes.
fn shift(fragment: &mut [u8], by: i32) {
    let (at, scale) = if fragment[0] >> 4 == 4 { (6, 8) } else { (42, 1) };
    let place = i32::from(u16::from_be_bytes([fragment[at], fragment[at + 1]]));
    let place = u16::try_from(place + by / scale).unwrap();
    fragment[at..at + 2].copy_from_slice(&place.to_be_bytes());
    seal_header(fragment);
}

/// Says of a fragment whether it is the last.
fn set_more(fragment: &mut [u8], more: bool) {
    let (at, bit) = if fragment[0] >> 4 == 4 { (6, 0x20) } else { (43, 1) };
    fragment[at] = fragment[at] & !bit | if more { bit } else { 0 };
    seal_header(fragment);
}

fn seal_header(fragment: &mut [u8]) {
    if fragment[0] >> 4 == 4 {
        fragment[10..12].fill(0);
        let checksum = sidestream_packet::Sum::default().bytes(&fragment[..20]).checksum();
        fragment[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[test]
fn fragments_that_overlap_refuse_their_packet_also_what_comes_later() {
    for v4 in [true, false] {
        check(v4, |_| {}, Ok(true));
        check(v4, |it| it.reverse(), Ok(true));
        check(v4, |it| shift(&mut it[1], -8), Err(Defect::FragmentOverlap));
        check(v4, |it| shift(&mut it[1], 8), Err(Defect::FragmentOverlap));
        let other = |it: &mut Vec<Vec<u8>>| {
            let mut other = it[1].clone();
            *other.last_mut().unwrap() ^= 1;
            it.insert(1, other);
        };
        check(v4, other, Err(Defect::FragmentOverlap));
    }
}

#[test]
fn the_same_fragment_twice_does_no_harm() {
    for v4 in [true, false] {
        for twice in 0..3 {
            check(v4, |it| it.insert(twice, it[twice].clone()), Ok(true));
            check(v4, |it| it.insert(0, it[twice].clone()), Ok(true));
        }
    }
}

#[test]
fn fragments_must_agree_on_the_end() {
    for v4 in [true, false] {
        check(
            v4,
            |it| {
                set_more(&mut it[1], false);
                it.rotate_left(1);
            },
            Err(Defect::FragmentMismatch),
        );
        check(
            v4,
            |it| {
                set_more(&mut it[1], false);
                it.reverse();
            },
            Err(Defect::FragmentMismatch),
        );
        check(
            v4,
            |it| {
                set_more(&mut it[1], false);
                it.swap(0, 2);
            },
            Err(Defect::FragmentMismatch),
        );
        check(
            v4,
            |it| {
                it.swap(0, 3);
                shift(&mut it[2], 1600);
            },
            Err(Defect::FragmentMismatch),
        );
    }
}

#[test]
fn a_gap_is_waited_for() {
    for v4 in [true, false] {
        for missing in 0..4 {
            check(v4, |it| drop(it.remove(missing)), Ok(false));
        }
    }
}

#[test]
fn packets_are_given_up_by_age() {
    let (mut reassembly, start) = (Reassembly::default(), now());
    let fragments = cut(&udp(true, &[7; 2000]), MTU, 5);
    assert_eq!(reassembly.next_expiry(), None);
    insert(&mut reassembly, &fragments[0], start).unwrap();
    insert(&mut reassembly, &fragments[1], start + Duration::from_secs(29)).unwrap();
    assert_eq!(reassembly.next_expiry(), Some(start + Duration::from_secs(30)));
    reassembly.expire(start + Duration::from_millis(29_999));
    assert_eq!(reassembly.counts().expired, 0);
    reassembly.expire(start + Duration::from_secs(30));
    let expected = ReassemblyCounts { expired: 1, ..ReassemblyCounts::default() };
    assert_eq!((reassembly.counts(), reassembly.len_bytes()), (&expected, 0));
}

#[test]
fn the_oldest_goes_when_too_much_waits() {
    let limits = ReassemblyLimits { max_packets: 3, ..ReassemblyLimits::default() };
    let (mut reassembly, now) = (Reassembly::new(limits), now());
    let packets: Vec<_> = (0..4).map(|id| cut(&udp(false, &[7; 700]), MTU, id)).collect();
    for packet in &packets {
        insert(&mut reassembly, &packet[0], now).unwrap();
    }
    assert_eq!(reassembly.counts().evicted, 1);
    assert!(insert(&mut reassembly, &packets[3][1], now).unwrap().is_some());
    assert!(insert(&mut reassembly, &packets[0][1], now).unwrap().is_none());
}

#[test]
fn no_flood_of_fragments_takes_more_than_its_room() {
    let limits = ReassemblyLimits { max_bytes: 10_000, ..ReassemblyLimits::default() };
    let (mut reassembly, now) = (Reassembly::new(limits), now());
    let packet = udp(false, &[7; 3000]);
    for id in 0..1000 {
        for fragment in cut(&packet, MTU, id).iter().skip(1) {
            insert(&mut reassembly, fragment, now).unwrap();
            assert!(reassembly.len_bytes() <= limits.max_bytes);
        }
    }
    assert!(reassembly.counts().evicted > 900);
}

#[test]
fn a_packet_in_crumbs_is_refused() {
    let (mut reassembly, now) = (Reassembly::default(), now());
    let fragments = cut(&udp(true, &[7; 3000]), 36, 5);
    let results: Vec<_> = fragments
        .iter()
        .map(|it| insert(&mut reassembly, it, now).map(|it| it.is_some()))
        .collect();
    assert_eq!(results[128], Err(Defect::FragmentsTooMany));
    assert!(results[129..].iter().all(|it| *it == Ok(false)));
    assert_eq!(reassembly.counts().late, u64::try_from(results.len() - 129).unwrap());
}

#[test]
fn congestion_on_the_way_of_any_fragment_is_told() {
    let (mut reassembly, now) = (Reassembly::default(), now());
    let mut bytes = udp(true, &[7; 1000]);
    bytes[1] = 2;
    seal(&mut bytes);
    let mut fragments = cut(&bytes, MTU, 5);
    fragments[1][1] = 3;
    seal_header(&mut fragments[1]);
    assert_eq!(insert(&mut reassembly, &fragments[0], now), Ok(None));
    let whole = insert(&mut reassembly, &fragments[1], now).unwrap().unwrap();
    assert_eq!(Packet::parse(&whole, Checksum::Complete).unwrap().ecn(), 3);
}

#[test]
fn headers_before_and_after_the_cut_stay_in_their_place() {
    const EMPTY: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
    let (mut reassembly, now) = (Reassembly::default(), now());
    let bytes = extend(&udp(false, &[7; 2000]), &[(0, EMPTY), (60, EMPTY)]);
    let whole: Vec<_> = cut(&bytes, MTU, 5)
        .iter()
        .filter_map(|it| insert(&mut reassembly, it, now).unwrap())
        .collect();
    assert_eq!(whole, [bytes]);
}

#[test]
fn options_of_ipv4_come_back() {
    let (mut reassembly, now) = (Reassembly::default(), now());
    let mut bytes = udp(true, &[7; 1000]);
    // Record route is of the first fragment alone, router alert of all (RFC 791, RFC 2113).
    bytes.splice(20..20, [7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0]);
    bytes[0] = 0x48;
    let len = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes[6..8].fill(0);
    seal(&mut bytes);
    let fragments = cut(&bytes, MTU, 0);
    assert_eq!(fragments[1][20..32], [1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0]);
    assert_eq!(insert(&mut reassembly, &fragments[1], now), Ok(None));
    assert_eq!(insert(&mut reassembly, &fragments[0], now), Ok(Some(bytes)));
}

proptest! {
    #[test]
    fn fragments_in_any_order_give_the_packet(
        packet in arbitrary::packet(),
        mtu in 100u16..1500,
        id: u16,
        order in any::<u64>(),
    ) {
        let fragments = cut(&packet, mtu, id.into());
        let mut shuffled: Vec<_> = fragments.iter().collect();
        // Any permutation will do, as long as a seed gives it again.
        shuffled.sort_by_cached_key(|it| {
            it.iter().fold(order, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
        });
        let (mut reassembly, now) = (Reassembly::default(), now());
        let whole: Vec<_> = shuffled
            .iter()
            .filter_map(|it| insert(&mut reassembly, it, now).unwrap())
            .collect();
        let expected = if fragments.len() == 1 { packet } else { identified(&packet, id) };
        prop_assert!(Packet::parse(&whole[0], Checksum::Complete).is_ok());
        prop_assert_eq!(whole, [expected]);
        prop_assert_eq!(reassembly.len_bytes(), 0);
    }
}
