//! Bodies as HTTP/1 frames them.

use bytes::{Bytes, BytesMut};
use sidestream_flow::Peer;
use sidestream_record::Fields;

use crate::cx::Cx;
use crate::http1;

/// From here on a chunk is passed on and not copied.
const WORTH_A_SLICE: usize = 2048;

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// As chunks.
    Chunked,
    /// As it is: its length is known, or it ends with the connection, or there is none.
    Plain,
}

impl Sending {
    pub(crate) fn content(self, to: Peer, data: Bytes, cx: &mut Cx) {
        if self == Self::Plain || data.is_empty() {
            cx.send(to, data);
        } else if data.len() < WORTH_A_SLICE {
            let mut chunk = BytesMut::new();
            http1::encode_chunk(&data, &mut chunk);
            cx.send(to, chunk.freeze());
        } else {
            cx.send(to, Bytes::from(format!("{:x}\r\n", data.len())));
            cx.send(to, data);
            cx.send(to, Bytes::from_static(b"\r\n"));
        }
    }

    /// Ends the body, with trailers where there can be some.
    pub(crate) fn end(self, to: Peer, trailers: &Fields, cx: &mut Cx) {
        if self == Self::Chunked {
            let mut last = BytesMut::new();
            http1::encode_last_chunk(trailers, &mut last);
            cx.send(to, last.freeze());
        }
    }
}
