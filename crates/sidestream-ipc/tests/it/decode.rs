//! Frames that are wrong, and frames that are not whole.

use sidestream_ipc::{
    DecodeError, Decoder, EncodeError, Frame, MAX_DESCRIPTORS, MAX_FRAME, MAX_PACKETS, Message,
    PacketTag, Start, encode, encode_packets_head,
};
use sidestream_packet::Batch;

use crate::samples::samples;

/// Puts a length before a body.
fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

fn first(bytes: &[u8]) -> Result<Option<Message>, DecodeError> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    decoder.poll_message()
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    assert_eq!(first(bytes).unwrap_err().to_string(), expected, "{bytes:02x?}");
}

#[test]
fn a_frame_that_is_wrong_says_what_and_where() {
    check(&frame(b""), "the frame at byte 0 is empty");
    check(
        &u32::MAX.to_le_bytes(),
        "the frame at byte 0 says that it has 4294967295 bytes, more than 16777216",
    );
    check(
        &(MAX_FRAME as u32 + 1).to_le_bytes(),
        "the frame at byte 0 says that it has 16777217 bytes, more than 16777216",
    );
    check(
        &frame(&[0x12, 2, 8]),
        "the frame at byte 0 is malformed: failed to decode Protobuf message: \
         Envelope.kind: buffer underflow",
    );
    check(&frame(&[8, 5, 0x32, 0]), "the frame at byte 0 announces 5 descriptors, more than 4");
    check(
        &frame(&[8, 1, 0x32, 0]),
        "the frame at byte 0 announces 1 descriptors, its message takes 0",
    );
    check(&frame(&[0x42, 0]), "the frame at byte 0 has no meaning for the length of an address");
    check(
        &frame(&[0x42, 10, 10, 4, 127, 0, 0, 1, 16, 128, 128, 4]),
        "the frame at byte 0 has no meaning for a port",
    );
    check(&frame(&[8, 1, 0x62, 2, 16, 6]), "the frame at byte 0 lacks the client of a flow");
    check(
        &frame(&[8, 1, 0x62, 2, 16, 7]),
        "the frame at byte 0 has no meaning for the transport of a flow",
    );
    check(&frame(&[0x7a, 0]), "the frame at byte 0 lacks the kind of a notice");
    check(
        &frame(&[0x52, 8, 34, 6, 16, 0xff, 0xff, 0xff, 0xff, 15]),
        "the frame at byte 0 has no meaning for the start of a process",
    );
}

/// So many packets of one byte each.
fn batch(count: usize) -> Batch<PacketTag> {
    let tag = PacketTag::default();
    Batch::of(vec![1; count], std::iter::repeat_n((1, tag), count)).unwrap()
}

#[test]
fn more_packets_than_a_frame_may_have_are_refused_both_ways() {
    let most = Message::Packets(batch(MAX_PACKETS));
    let mut bytes = Vec::new();
    encode(&most, &mut bytes).unwrap();
    assert_eq!(first(&bytes), Ok(Some(most)));

    let count = MAX_PACKETS + 1;
    let (more, refused) = (batch(count), Err(EncodeError::TooManyPackets { count }));
    let mut bytes = Vec::new();
    assert_eq!(encode_packets_head(&more, |tag| *tag, &mut bytes), refused);
    assert_eq!(encode(&Message::Packets(more), &mut bytes), refused);
    assert!(bytes.is_empty());
    // A length of one and a byte for each, in a message whose own lengths take three bytes.
    let varint =
        |len: usize| [len & 0x7f | 0x80, len >> 7 & 0x7f | 0x80, len >> 14].map(|it| it as u8);
    let part = |tag: u8| [&[tag][..], &varint(count), &vec![1; count]].concat();
    let message = [part(10), part(42)].concat();
    let body = [&[0xb2, 1][..], &varint(message.len()), &message].concat();
    check(&frame(&body), "the frame at byte 0 has no meaning for so many packets");
}

#[test]
fn packets_that_do_not_add_up_are_refused() {
    let packets = |message: &[u8]| {
        let mut body = vec![0xb2, 1, u8::try_from(message.len()).unwrap()];
        body.extend_from_slice(message);
        frame(&body)
    };
    let no_meaning = |field: &str| format!("the frame at byte 0 has no meaning for {field}");
    let lengths = no_meaning("the lengths of packets");
    check(&packets(&[10, 2, 2, 1, 42, 2, 1, 2]), &lengths);
    check(&packets(&[10, 1, 1, 42, 2, 1, 2]), &lengths);
    check(&packets(&[10, 6, 1, 0xff, 0xff, 0xff, 0xff, 15, 42, 1, 1]), &lengths);
    check(&packets(&[42, 1, 1]), &lengths);
    check(&packets(&[10, 2, 1, 0, 42, 1, 1]), &no_meaning("a packet without bytes"));
    let number = no_meaning("the number of packets");
    check(&packets(&[10, 1, 1, 18, 2, 0, 0, 42, 1, 1]), &number);
    check(&packets(&[10, 2, 1, 1, 26, 1, 1, 42, 2, 1, 1]), &number);
    check(&packets(&[34, 1, 1]), &number);
    let checksum = no_meaning("the checksum of a packet");
    check(&packets(&[10, 1, 1, 26, 1, 3, 42, 1, 1]), &checksum);
    check(&packets(&[10, 1, 1, 26, 1, 5, 42, 1, 1]), &checksum);
    check(&packets(&[10, 1, 1, 26, 6, 130, 128, 128, 128, 128, 1, 42, 1, 1]), &checksum);
    let segment = no_meaning("the size of a segment");
    check(&packets(&[10, 1, 1, 34, 3, 128, 128, 4, 42, 1, 1]), &segment);
}

#[test]
fn a_wrong_frame_ends_the_stream_for_ever() {
    let mut decoder = Decoder::new();
    decoder.feed(&frame(&[0x32, 0]));
    decoder.feed(&frame(b""));
    decoder.feed(&frame(&[0x32, 0]));
    assert_eq!(decoder.poll_message(), Ok(Some(Message::Beat)));
    for _ in 0..3 {
        assert_eq!(decoder.poll_message(), Err(DecodeError::Empty { offset: 6 }));
        decoder.feed(&frame(&[0x32, 0]));
        assert_eq!(decoder.pending_bytes(), 0);
    }
}

#[test]
fn a_frame_of_the_largest_size_passes_and_a_larger_one_is_not_sent() {
    let start = |len| Message::Start(Start { spec: "a".repeat(len), reset_existing: false });
    // Three times a tag and a length.
    let room = MAX_FRAME - 10;
    let (mut bytes, largest) = (Vec::new(), start(room));
    encode(&largest, &mut bytes).unwrap();
    assert_eq!(bytes.len(), 4 + MAX_FRAME);
    assert_eq!(first(&bytes), Ok(Some(largest)));

    let before = bytes.len();
    let error = encode(&start(room + 1), &mut bytes).unwrap_err();
    assert_eq!(error, EncodeError::TooLong { len: MAX_FRAME + 1 });
    assert_eq!(
        error.to_string(),
        "the message has 16777217 bytes and a frame holds 16777216; shorten the spec"
    );
    assert_eq!(bytes.len(), before);
}

#[test]
fn a_length_takes_no_room_before_its_bytes_come() {
    for len in [MAX_FRAME as u32, MAX_FRAME as u32 + 1, u32::MAX] {
        let measured = allocation_counter::measure(|| {
            let mut decoder = Decoder::new();
            decoder.feed(&len.to_le_bytes());
            assert_eq!(decoder.poll_message().is_ok(), len == MAX_FRAME as u32);
        });
        assert!(measured.bytes_max < 256, "{len}: {measured:?}");
    }
    // Lengths within a frame lie as well: this one of an argument of a process.
    let body = [0x52, 8, 58, 0xff, 0xff, 0xff, 0xff, 15, 1, 2];
    let measured = allocation_counter::measure(|| assert!(first(&frame(&body)).is_err()));
    assert!(measured.bytes_max < 4096, "{measured:?}");
}

#[test]
fn the_room_of_a_large_frame_is_given_back() {
    let spec = "a".repeat(MAX_FRAME - 10);
    let mut bytes = Vec::new();
    encode(&Message::Start(Start { spec, reset_existing: false }), &mut bytes).unwrap();
    let mut decoder = Decoder::new();
    let held = allocation_counter::measure(|| {
        decoder.feed(&bytes);
        drop(decoder.poll_message().unwrap().unwrap());
    });
    assert!(held.bytes_current <= 256 * 1024, "{held:?}");
}

#[test]
fn what_is_cut_off_is_waited_for() {
    for (name, message) in samples() {
        let mut bytes = Vec::new();
        encode(&message, &mut bytes).unwrap();
        for len in 0..bytes.len() {
            let mut decoder = Decoder::new();
            decoder.feed(&bytes[..len]);
            assert_eq!(decoder.poll_message(), Ok(None), "{name} cut at {len}");
            assert_eq!(decoder.pending_bytes(), len);
            decoder.feed(&bytes[len..]);
            assert_eq!(decoder.poll_message(), Ok(Some(message.clone())), "{name} cut at {len}");
            assert_eq!(decoder.pending_bytes(), 0);
        }
    }
}

#[test]
fn what_a_newer_version_adds_is_skipped_and_counted() {
    let unknown: [&[u8]; 4] = [
        // A kind of its own, with descriptors.
        &[8, 2, 0xfa, 1, 3, 1, 2, 3],
        // No kind at all.
        &[8, 0],
        // A notice and a level of its own.
        &[0x7a, 2, 8, 99],
        &[0x92, 1, 2, 8, 99],
    ];
    let mut decoder = Decoder::new();
    for body in unknown {
        decoder.feed(&frame(body));
    }
    // A new field of a known message.
    decoder.feed(&frame(&[0x32, 3, 0xf8, 6, 1]));
    assert_eq!(decoder.poll_frame(), Ok(Some(Frame { message: None, descriptors: 2 })));
    assert_eq!(decoder.poll_message(), Ok(Some(Message::Beat)));
    assert_eq!(decoder.poll_message(), Ok(None));
    assert_eq!(decoder.skipped(), 4);
}

#[test]
fn no_message_takes_more_descriptors_than_a_frame_may_have() {
    for (name, message) in samples() {
        let expected = usize::from(name.starts_with("flow") || name == "opened");
        assert_eq!(message.descriptors(), expected, "{name}");
        assert!(message.descriptors() <= MAX_DESCRIPTORS);
    }
}
