//! The codec of frames.

use bytes::Bytes;
use proptest::prelude::*;
use sidestream_proto::http2::{
    ErrorCode, Flags, FrameHead, FrameReader, Kind, PREFACE, Payload, Piece, ReadError, Settings,
};

use super::frame;

fn check(kind: Kind, flags: Flags, stream: u32, payload: &[u8], wrong: Option<ErrorCode>) {
    let head = FrameHead::new(kind, flags, stream, payload.len());
    let parsed = Payload::parse(head, Bytes::copy_from_slice(payload));
    assert_eq!(parsed.err().map(|malformed| malformed.code), wrong, "{head:?} {payload:?}");
}

#[test]
fn sizes_and_places_are_checked() {
    use ErrorCode as Code;
    let (none, size, protocol) =
        (Flags::default(), Some(Code::FRAME_SIZE_ERROR), Some(Code::PROTOCOL_ERROR));
    check(Kind::PING, none, 0, &[0; 8], None);
    check(Kind::PING, none, 0, &[0; 7], size);
    check(Kind::PING, none, 1, &[0; 8], protocol);
    check(Kind::SETTINGS, none, 0, &[0, 3, 0, 0, 0, 1], None);
    check(Kind::SETTINGS, none, 0, &[0, 3, 0, 0, 0], size);
    check(Kind::SETTINGS, none, 3, &[], protocol);
    check(Kind::SETTINGS, Flags::ACK, 0, &[0; 6], size);
    check(Kind::SETTINGS, none, 0, &[0, 2, 0, 0, 0, 2], protocol);
    check(Kind::SETTINGS, none, 0, &[0, 4, 0x80, 0, 0, 0], Some(Code::FLOW_CONTROL_ERROR));
    check(Kind::SETTINGS, none, 0, &[0, 5, 0, 0, 0x3f, 0xff], protocol);
    check(Kind::SETTINGS, none, 0, &[0, 5, 0, 0, 0x40, 0], None);
    check(Kind::SETTINGS, none, 0, &[0, 5, 1, 0, 0, 0], protocol);
    check(Kind::SETTINGS, none, 0, &[0xab, 0xcd, 1, 0, 0, 0], None);
    check(Kind::RST_STREAM, none, 1, &[0; 4], None);
    check(Kind::RST_STREAM, none, 1, &[0; 5], size);
    check(Kind::RST_STREAM, none, 0, &[0; 4], protocol);
    check(Kind::WINDOW_UPDATE, none, 0, &[0; 4], None);
    check(Kind::WINDOW_UPDATE, none, 9, &[0; 3], size);
    check(Kind::PRIORITY, none, 1, &[0; 5], None);
    check(Kind::PRIORITY, none, 1, &[0; 4], size);
    check(Kind::PRIORITY, none, 0, &[0; 5], protocol);
    check(Kind::GOAWAY, none, 0, &[0; 12], None);
    check(Kind::GOAWAY, none, 0, &[0; 7], size);
    check(Kind::HEADERS, none, 0, &[], protocol);
    check(Kind::HEADERS, Flags::PADDED, 1, &[], size);
    check(Kind::HEADERS, Flags::PADDED, 1, &[1], protocol);
    check(Kind::HEADERS, Flags::PADDED, 1, &[1, 0], None);
    check(Kind::HEADERS, Flags::PRIORITY, 1, &[0; 4], size);
    check(Kind::PUSH_PROMISE, none, 1, &[0; 3], size);
    check(Kind::CONTINUATION, none, 0, &[], protocol);
}

#[test]
fn settings_keep_their_order_and_the_last_value_holds() {
    let payload = [0, 4, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 7];
    let settings = Settings::parse(&payload).unwrap();
    let ids: Vec<_> = settings.0.iter().map(|setting| setting.id).collect();
    assert_eq!(ids, [4, 1, 4]);
    assert_eq!(settings.get(4), Some(7));
    assert_eq!(settings.get(3), None);
    let mut wire = bytes::BytesMut::new();
    settings.encode(&mut wire);
    assert_eq!(wire[9..], payload);
}

#[test]
fn a_frame_that_is_needed_whole_has_a_bound() {
    let mut reader = FrameReader::server(100);
    reader.feed(frame(Kind::HEADERS, Flags::default(), 1, &[0; 101])[..9].to_vec().into());
    assert_eq!(reader.poll(), Err(ReadError::TooLong { kind: 1, length: 101 }));
    let mut reader = FrameReader::server(100);
    reader.feed(frame(Kind::DATA, Flags::default(), 1, &[0; 101]).into());
    assert!(matches!(reader.poll(), Ok(Some(Piece::Part { .. }))));
}

#[test]
fn another_preface_is_none() {
    let mut reader = FrameReader::client(100);
    reader.feed(Bytes::from_static(b"PRI * HTTP/2.0\r\n\r\nSX"));
    assert_eq!(reader.poll(), Err(ReadError::Preface));
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let one = (0u8..12, any::<u8>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(kind, flags, stream, payload)| {
            frame(Kind(kind), Flags(flags), stream & 0x7fff_ffff, &payload)
        });
    prop::collection::vec(one, 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn the_pieces_are_the_stream_wherever_it_is_cut(
        frames in frames(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let wire = [&PREFACE[..], &frames].concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let mut reader = FrameReader::client(100);
        let (mut pieces, mut content) = (Vec::new(), Vec::new());
        for cut in cuts.windows(2) {
            reader.feed(Bytes::copy_from_slice(&wire[cut[0]..cut[1]]));
            while let Some(piece) = reader.poll().unwrap() {
                pieces.extend_from_slice(piece.wire());
                if piece.is_last() {
                    content.push(piece.head());
                }
            }
        }
        prop_assert_eq!(&pieces, &wire);
        prop_assert!(reader.is_between_frames());
        let mut rest = &wire[PREFACE.len()..];
        let mut heads = vec![None];
        while let Some(head) = FrameHead::parse(rest) {
            heads.push(Some(head));
            rest = &rest[FrameHead::BYTES + head.length as usize..];
        }
        prop_assert_eq!(content, heads);
    }
}
