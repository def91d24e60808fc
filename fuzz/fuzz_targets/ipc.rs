//! Feeds any bytes to the decoder of the helper's messages, cut anyhow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_ipc::{DecodeError, Decoder, Frame, encode};

fuzz_target!(|bytes: &[u8]| {
    let Some((sizes, bytes)) = bytes.split_first_chunk::<4>() else { return };
    let (frames, error) = read(&[bytes]);
    assert_eq!(read(&pieces(bytes, *sizes)), (frames.clone(), error), "cuts change nothing");

    let mut known = frames;
    known.retain(|frame| frame.message.is_some());
    let mut again = Vec::new();
    for message in known.iter().flat_map(|frame| &frame.message) {
        encode(message, &mut again).expect("it came in a frame");
    }
    assert_eq!(read(&[&again]), (known, None), "what was read can be said again");
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

/// What is read of a stream, and what ended it.
fn read(pieces: &[&[u8]]) -> (Vec<Frame>, Option<DecodeError>) {
    let (mut decoder, mut frames) = (Decoder::new(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.poll_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.poll_frame(), Err(error.clone()), "it stays");
                    return (frames, Some(error));
                }
            }
        }
    }
    (frames, None)
}
