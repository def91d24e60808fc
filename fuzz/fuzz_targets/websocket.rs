//! Feeds any bytes to the WebSocket readers, cut anyhow; what is read must be what was sent.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sidestream_proto::websocket::{
    Deflate, Extensions, FrameReader, Item, Limits, MessageReader, Piece, Role, mask,
};

const LIMITS: Limits =
    Limits { max_message_bytes: 256, max_expansion: 1100, expansion_allowance_bytes: 4096 };

fuzz_target!(|input: ([bool; 4], [u8; 4], &[u8])| {
    let ([client, deflate, alone, others], sizes, bytes) = input;
    let extensions = Extensions {
        deflate: deflate.then_some(Deflate {
            client_no_context_takeover: alone,
            server_no_context_takeover: alone,
        }),
        others,
    };
    let role = if client { Role::Client } else { Role::Server };
    check_frames(bytes, sizes);
    let whole = read(MessageReader::new(role, &extensions, LIMITS), &[bytes]);
    let cut = read(MessageReader::new(role, &extensions, LIMITS), &pieces(bytes, sizes));
    assert_eq!(cut, whole);
});

/// Cuts bytes into pieces of these sizes, over and over.
fn pieces(bytes: &[u8], sizes: [u8; 4]) -> Vec<&[u8]> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = usize::from(*sizes.next().unwrap_or(&1)).clamp(1, rest.len());
        let (piece, later) = rest.split_at(size);
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// What is read of a stream, and the bytes that are left where it cannot be read on.
fn read(mut reader: MessageReader, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let (mut items, mut left, mut lost) = (Vec::new(), Vec::new(), false);
    for piece in pieces {
        let mut buf = Bytes::copy_from_slice(piece);
        while !lost {
            match reader.poll(&mut buf) {
                Ok(None) => break,
                Ok(Some(item)) => {
                    check_item(&item);
                    items.push(format!("{item:?}"));
                }
                Err(error) => {
                    items.push(error.to_string());
                    left.extend_from_slice(reader.unread());
                    lost = true;
                }
            }
        }
        left.extend_from_slice(&buf);
    }
    if !lost {
        left.extend_from_slice(reader.unread());
    }
    items.extend(reader.finish().map(|message| format!("{message:?}")));
    (items, left)
}

fn check_item(item: &Item) {
    if let Item::Message(message) = item {
        assert!(message.data.len() <= LIMITS.max_message_bytes);
        assert!(message.dropped == 0 || message.data.len() + 2 >= LIMITS.max_message_bytes);
        assert!(message.fragments > 0);
    }
}

/// Takes the stream apart and puts it together again.
fn check_frames(bytes: &[u8], sizes: [u8; 4]) {
    let (mut reader, mut wire, mut key) = (FrameReader::new(), Vec::new(), None);
    let (mut start, mut padded) = (0, false);
    for piece in pieces(bytes, sizes) {
        let mut buf = Bytes::copy_from_slice(piece);
        loop {
            match reader.poll(&mut buf) {
                Ok(None) => break,
                Ok(Some(Piece::Head(head))) => {
                    head.encode(&mut wire);
                    (start, key) = (wire.len(), head.key);
                    padded |= head.padded;
                }
                Ok(Some(Piece::Payload(payload))) => {
                    let offset = (wire.len() - start) as u64;
                    let at = wire.len();
                    wire.extend_from_slice(&payload);
                    if let Some(key) = key {
                        mask(&mut wire[at..], key, offset);
                    }
                }
                Ok(Some(Piece::End)) => {}
                Err(_lost) => return,
            }
        }
    }
    wire.extend_from_slice(reader.unread());
    assert!(padded || wire == bytes, "nothing is lost or changed");
}
