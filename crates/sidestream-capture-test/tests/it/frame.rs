//! The frames of the fake driver's link.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sidestream_capture_test::fake::frame::{
    Body, DecodeError, Frame, MAX_FRAME, Open, Reason, decode, encode,
};
use sidestream_flow::Transport;

fn addr() -> impl Strategy<Value = SocketAddr> {
    any::<(std::net::IpAddr, u16)>().prop_map(SocketAddr::from)
}

fn open() -> impl Strategy<Value = Body> {
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)];
    (transport, addr(), addr(), any::<u32>(), any::<u32>(), any::<String>()).prop_map(
        |(transport, client, server, pid, parent, path)| {
            Body::Open(Open { transport, client, server, pid, parent, path })
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    prop_oneof![
        Just(Body::Accept),
        any::<u32>().prop_map(Body::Credit),
        bytes().prop_map(Body::Data),
        bytes().prop_map(Body::Datagram),
        Just(Body::Eof),
        open(),
        prop_oneof![
            Just(Reason::Refused),
            Just(Reason::Unreachable),
            Just(Reason::TimedOut),
            Just(Reason::Other)
        ]
        .prop_map(Body::Refuse),
        Just(Body::Reset),
        any::<String>().prop_map(Body::SetSpec),
        Just(Body::SpecSet),
    ]
}

proptest! {
    #[test]
    fn come_out_as_they_went_in_however_they_are_cut(
        frames in proptest::collection::vec((any::<u64>(), body()), 0..8),
        cut in 1..64_usize,
    ) {
        let frames: Vec<_> = frames.into_iter().map(|(flow, body)| Frame { flow, body }).collect();
        let mut bytes = BytesMut::new();
        for frame in &frames {
            encode(frame, &mut bytes).unwrap();
        }
        let (mut buf, mut decoded) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(cut) {
            buf.extend_from_slice(piece);
            while let Some(frame) = decode(&mut buf).unwrap() {
                decoded.push(frame);
            }
        }
        prop_assert_eq!(decoded, frames);
        prop_assert!(buf.is_empty());
    }

    #[test]
    fn garbage_is_refused_or_is_the_only_form_of_a_frame(
        kind in 0..12_u8,
        rest in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let len = u32::try_from(1 + rest.len()).unwrap();
        let mut bytes = BytesMut::from(&[&len.to_be_bytes()[..], &[kind], &rest].concat()[..]);
        let whole = bytes.clone();
        if let Ok(Some(frame)) = decode(&mut bytes) {
            let mut again = BytesMut::new();
            encode(&frame, &mut again).unwrap();
            prop_assert_eq!(again, whole);
        }
    }
}

#[test]
fn bytes_that_are_no_frame_say_what_is_wrong() {
    let check = |bytes: &[u8], expected: DecodeError| {
        assert_eq!(decode(&mut BytesMut::from(bytes)), Err(expected), "{bytes:?}");
    };
    let flow = [0; 8];
    let frame = |kind: u8, payload: &[u8]| {
        let len = u8::try_from(9 + payload.len()).unwrap();
        [&[0, 0, 0, len, kind], &flow[..], payload].concat()
    };
    check(&[0, 0, 0, 8], DecodeError::Short);
    check(&[0, 2, 0, 1], DecodeError::Long { len: MAX_FRAME + 1 });
    check(&[255; 4], DecodeError::Long { len: u32::MAX as usize });
    check(&frame(0, b"x"), DecodeError::Rest { len: 1 });
    check(&frame(1, b"abc"), DecodeError::Short);
    check(&frame(5, &[9]), DecodeError::Unknown { what: "transport", value: 9 });
    check(&frame(5, &[6, 5]), DecodeError::Unknown { what: "family of addresses", value: 5 });
    check(&frame(6, &[4]), DecodeError::Unknown { what: "reason", value: 4 });
    check(&frame(8, &[0xff]), DecodeError::Text);
    check(&frame(10, &[]), DecodeError::Unknown { what: "kind of frame", value: 10 });
}

#[test]
fn a_frame_that_is_too_long_leaves_the_buffer_as_it_was() {
    let mut buf = BytesMut::from(&b"before"[..]);
    let body = Body::Data(Bytes::from(vec![0; MAX_FRAME]));
    let error = encode(&Frame { flow: 1, body }, &mut buf).unwrap_err();
    assert_eq!(error.len, MAX_FRAME + 9);
    assert_eq!(buf, "before");
    let body = Body::Data(Bytes::from(vec![0; MAX_FRAME - 9]));
    assert_eq!(encode(&Frame { flow: 1, body }, &mut buf), Ok(()));
}
