//! Blocks and what stands in them.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sidestream_pcapng::{Interface, Packet, Writer};

use crate::reader::{blocks, options, outline, packet};

fn begun(interfaces: &[Interface<'_>]) -> Writer<Vec<u8>> {
    Writer::new(Vec::new(), "test", interfaces).unwrap()
}

#[test]
fn every_block_has_its_form() {
    let mut capture = begun(&[
        Interface { name: "client", description: "between clients and us" },
        Interface { name: "server", description: "between us and servers" },
    ]);
    capture.name([192, 0, 2, 1].into(), &["a.test", "", "nul\0", "b.test"]).unwrap();
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    capture.name(v6, &["six.test"]).unwrap();
    capture.name(v6, &[]).unwrap();
    capture.secrets("CLIENT_RANDOM 01 02\n").unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let first = Packet { interface: 0, at, bytes: b"odd", sent: None, comments: &["one", "two"] };
    capture.packet(&first).unwrap();
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let second =
        Packet { interface: 1, at: before, bytes: b"even", sent: Some(true), comments: &[] };
    capture.packet(&second).unwrap();
    capture.packet(&Packet { sent: Some(false), ..second }).unwrap();
    capture.packet(&Packet { sent: None, ..second }).unwrap();
    assert_snapshot!(outline(&capture.finish().unwrap()), @r#"
    section 1a2b3c4d 1.0  4:"test"
    interface link 101 2:"client" 3:"between clients and us" 9:"\\t"
    interface link 101 2:"server" 3:"between us and servers" 9:"\\t"
    names 1:"\\xc0\\x00\\x02\\x01a.test\\x00b.test\\x00"
    names 2:" \\x01\\r\\xb8\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01six.test\\x00"
    secrets TLSK "CLIENT_RANDOM 01 02\\n"
    packet 0 1700000000123456789 odd 1:"one" 1:"two"
    packet 1 0 even 2:"\\x02\\x00\\x00\\x00"
    packet 1 0 even 2:"\\x01\\x00\\x00\\x00"
    packet 1 0 even
    "#);
}

#[test]
fn a_capture_is_the_same_on_every_machine() {
    let mut capture = begun(&[Interface { name: "a", description: "b" }]);
    let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(0x0102_0304_0506_0708);
    let packet = Packet { interface: 0, at, bytes: b"abcde", sent: None, comments: &["c"] };
    capture.packet(&packet).unwrap();
    let bytes = capture.finish().unwrap();
    let lines: Vec<String> = bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    assert_snapshot!(lines.join("\n"), @"
    0a 0d 0d 0a 28 00 00 00 4d 3c 2b 1a 01 00 00 00
    ff ff ff ff ff ff ff ff 04 00 04 00 74 65 73 74
    00 00 00 00 28 00 00 00 01 00 00 00 30 00 00 00
    65 00 00 00 00 00 00 00 02 00 01 00 61 00 00 00
    03 00 01 00 62 00 00 00 09 00 01 00 09 00 00 00
    00 00 00 00 30 00 00 00 06 00 00 00 34 00 00 00
    00 00 00 00 04 03 02 01 08 07 06 05 05 00 00 00
    05 00 00 00 61 62 63 64 65 00 00 00 01 00 01 00
    63 00 00 00 00 00 00 00 34 00 00 00
    ");
}

#[test]
fn a_comment_that_is_too_long_ends_with_a_whole_character() {
    let mut capture = begun(&[Interface { name: "a", description: "b" }]);
    let comment = format!("x{}", "é".repeat(40_000));
    let at = SystemTime::UNIX_EPOCH;
    let long = Packet { interface: 0, at, bytes: &[], sent: None, comments: &[&comment] };
    capture.packet(&long).unwrap();
    let bytes = capture.finish().unwrap();
    let block = &blocks(&bytes)[2];
    let (.., options) = packet(block);
    assert_eq!(options, [(1, &comment.as_bytes()[..65_535])]);
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        packets in vec((any::<u32>(), any::<u64>(), vec(any::<u8>(), 0..80), option::of(any::<bool>()), vec("[^\0]{0,20}", 0..3)), 0..8),
        secrets in "[ -~\n]{0,80}",
        names in vec("[a-z.]{1,12}", 1..4),
    ) {
        let mut capture = begun(&[]);
        for (interface, at, bytes, sent, comments) in &packets {
            let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(*at);
            let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
            let packet = Packet { interface: *interface, at, bytes, sent: *sent, comments: &comments };
            capture.packet(&packet).unwrap();
        }
        capture.secrets(&secrets).unwrap();
        let said: Vec<&str> = names.iter().map(String::as_str).collect();
        capture.name([1, 2, 3, 4].into(), &said).unwrap();
        let bytes = capture.finish().unwrap();
        let blocks = blocks(&bytes);
        prop_assert_eq!(blocks.len(), packets.len() + 3);
        for (block, (interface, at, bytes, sent, comments)) in blocks[1..].iter().zip(&packets) {
            let flags = sent.map(|sent| if sent { 2_u32 } else { 1 }.to_le_bytes());
            let said = comments.iter().map(|comment| (1, comment.as_bytes()));
            let said: Vec<_> = said.chain(flags.iter().map(|flags| (2, &flags[..]))).collect();
            prop_assert_eq!(packet(block), (*interface, *at, &bytes[..], said));
        }
        let kept = &blocks[packets.len() + 1];
        prop_assert_eq!(&kept.body[8..8 + secrets.len()], secrets.as_bytes());
        let [(1, record)] = options(blocks[packets.len() + 2].body)[..] else { panic!("no name") };
        let said: String = names.iter().map(|name| format!("{name}\0")).collect();
        prop_assert_eq!(record, [&[1, 2, 3, 4], said.as_bytes()].concat());
    }
}
