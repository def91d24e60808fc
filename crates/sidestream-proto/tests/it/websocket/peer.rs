//! A WebSocket in a play, and what its peers send.

use flate2::{Compress, Compression, FlushCompress};
use sidestream_proto::websocket::{FrameHead, Opcode, mask};

use crate::play::{Play, config};

/// The key of all masked frames here.
const KEY: [u8; 4] = [0xa1, 0x00, 0xff, 0x37];

pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

pub(crate) fn response(extensions: &str) -> String {
    let extensions = match extensions {
        "" => String::new(),
        extensions => format!("Sec-WebSocket-Extensions: {extensions}\r\n"),
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n{extensions}\r\n"
    )
}

/// A play in which a WebSocket has just been opened, with nothing shown yet.
pub(crate) fn opened(extensions: &str) -> Play {
    opened_with(extensions, |_| {})
}

pub(crate) fn opened_with(
    extensions: &str,
    change: impl FnOnce(&mut sidestream_proto::Config),
) -> Play {
    let mut config = config(&crate::play::Ca::new());
    change(&mut config);
    let mut play = Play::with(config, sidestream_flow::Transport::Tcp, 80, false);
    play.open();
    play.client(REQUEST);
    play.server(response(extensions));
    play.skip();
    play.outputs.clear();
    play
}

/// Makes a frame: its first byte, its payload, and whether it is masked.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>, masked: bool) -> Vec<u8> {
    let payload = payload.as_ref();
    let key = masked.then_some(KEY);
    let head = FrameHead {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 7,
        opcode: Opcode::new(first),
        key,
        length: payload.len() as u64,
        padded: false,
    };
    let mut frame = Vec::new();
    head.encode(&mut frame);
    let start = frame.len();
    frame.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut frame[start..], key, 0);
    }
    frame
}

/// A frame of the client.
pub(crate) fn up(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first, payload, true)
}

/// A frame of the server.
pub(crate) fn down(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first, payload, false)
}

/// Compresses messages as RFC 7692 §7.2.1 has it.
pub(crate) struct Deflater(Compress);

impl Deflater {
    pub(crate) fn new() -> Self {
        Self(Compress::new(Compression::best(), false))
    }

    pub(crate) fn message(&mut self, content: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(content.len() + 1024);
        self.0.compress_vec(content, &mut payload, FlushCompress::Sync).unwrap();
        assert!(payload.ends_with(&[0, 0, 0xff, 0xff]), "{payload:?}");
        payload.truncate(payload.len() - 4);
        payload
    }
}
