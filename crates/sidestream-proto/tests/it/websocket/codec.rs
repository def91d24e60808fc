//! The codec by itself: frames there and back, and the handshake's extensions.

use bytes::Bytes;
use proptest::prelude::*;
use sidestream_proto::websocket::{
    Deflate, Extensions, FrameError, FrameHead, FrameReader, Opcode, Piece, mask,
};
use sidestream_record::Fields;

fn head() -> impl Strategy<Value = FrameHead> {
    let length = prop_oneof![0..200_u64, 65_000..66_000_u64];
    (any::<bool>(), 0..8_u8, 0..16_u8, any::<Option<[u8; 4]>>(), length).prop_map(
        |(fin, rsv, opcode, key, length)| FrameHead {
            fin,
            rsv,
            opcode: Opcode::new(opcode),
            key,
            length,
            padded: false,
        },
    )
}

/// Reads all pieces out of bytes that come cut like this.
fn read(bytes: &[u8], size: usize) -> (Vec<FrameHead>, Vec<u8>, usize) {
    let mut reader = FrameReader::new();
    let (mut heads, mut payload, mut ends) = (Vec::new(), Vec::new(), 0);
    for piece in bytes.chunks(size) {
        let mut buf = Bytes::copy_from_slice(piece);
        while let Some(piece) = reader.poll(&mut buf).unwrap() {
            match piece {
                Piece::Head(head) => heads.push(head),
                Piece::Payload(bytes) => payload.extend_from_slice(&bytes),
                Piece::End => ends += 1,
            }
        }
        assert!(buf.is_empty());
    }
    assert!(reader.unread().is_empty());
    (heads, payload, ends)
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_back(
        heads in prop::collection::vec(head(), 1..6),
        size in prop_oneof![1..20_usize, 1000..100_000_usize],
    ) {
        let (mut wire, mut clear) = (Vec::new(), Vec::new());
        for head in &heads {
            head.encode(&mut wire);
            let payload: Vec<u8> = (0..head.length).map(|at| at as u8).collect();
            let start = wire.len();
            wire.extend_from_slice(&payload);
            if let Some(key) = head.key {
                mask(&mut wire[start..], key, 0);
            }
            clear.extend(payload);
        }
        let count = heads.len();
        prop_assert_eq!(read(&wire, size), (heads, clear, count));
    }

    #[test]
    fn masking_may_be_done_in_stretches_and_undoes_itself(
        payload in prop::collection::vec(any::<u8>(), 0..100),
        key in any::<[u8; 4]>(),
        at in 0..100_usize,
    ) {
        let mut masked = payload.clone();
        let (first, second) = masked.split_at_mut(at.min(payload.len()));
        let offset = first.len() as u64;
        mask(first, key, 0);
        mask(second, key, offset);
        let slow: Vec<u8> =
            payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        prop_assert_eq!(&masked, &slow);
        mask(&mut masked, key, 0);
        prop_assert_eq!(masked, payload);
    }
}

#[test]
fn the_longest_length_is_read_and_one_more_is_an_error() {
    let frame = |length: u64| [&[0x82, 127][..], &length.to_be_bytes()].concat();
    let longest = i64::MAX as u64;
    let head = FrameReader::new().poll(&mut frame(longest).into());
    assert!(matches!(head, Ok(Some(Piece::Head(head))) if head.length == longest));
    let mut reader = FrameReader::new();
    let mut buf = Bytes::from(frame(longest + 1));
    assert_eq!(reader.poll(&mut buf), Err(FrameError::LengthTooLarge));
    assert_eq!(reader.unread(), frame(longest + 1));
}

#[test]
fn extensions_are_read_as_the_response_has_them() {
    let check = |values: &[&'static str], expected: &Extensions| {
        let mut fields = Fields::default();
        values.iter().for_each(|value| fields.push("sec-websocket-EXTENSIONS", *value));
        assert_eq!(&Extensions::agreed(&fields), expected, "{values:?}");
    };
    let deflate = |client, server| Extensions {
        deflate: Some(Deflate {
            client_no_context_takeover: client,
            server_no_context_takeover: server,
        }),
        others: false,
    };
    check(&[], &Extensions::default());
    check(&[""], &Extensions::default());
    check(&["permessage-deflate"], &deflate(false, false));
    check(&["permessage-deflate;client_no_context_takeover"], &deflate(true, false));
    check(&[" , permessage-deflate ; server_max_window_bits=\"10\" "], &deflate(false, false));
    let both = "Permessage-Deflate; Server_No_Context_Takeover; client_no_context_takeover";
    check(&[both], &deflate(true, true));
    check(&["x-webkit-deflate-frame"], &Extensions { deflate: None, others: true });
    check(&["x", both], &Extensions { others: true, ..deflate(true, true) });
}
