//! Feeds any bytes to the HTTP/1 readers, cut anyhow; what is taken must be what was sent.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sidestream_proto::http1::{
    BodyReader, Framing, HeadReader, Limits, Piece, request_framing, response_framing,
};

const LIMITS: Limits = Limits { max_head_bytes: 512, max_fields: 8, max_chunk_line_bytes: 32 };

fuzz_target!(|input: (bool, [u8; 4], &[u8])| {
    let (requests, sizes, bytes) = input;
    let mut whole = Messages::new(requests);
    whole.feed(bytes);
    let mut cut = Messages::new(requests);
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = usize::from(*sizes.next().unwrap_or(&1)).clamp(1, rest.len());
        let (segment, later) = rest.split_at(size);
        cut.feed(segment);
        rest = later;
    }
    for it in [&whole, &cut] {
        assert_eq!([&it.wire[..], &it.buf].concat(), bytes, "nothing is lost or changed");
    }
    assert_eq!(cut.heads, whole.heads);
    assert_eq!(cut.data, whole.data);
    assert_eq!(cut.buf, whole.buf);
    assert_eq!(cut.refused, whole.refused);
});

/// One message after the other, as one side of a connection sends them.
struct Messages {
    requests: bool,
    buf: BytesMut,
    reader: HeadReader,
    body: Option<BodyReader>,
    heads: Vec<String>,
    data: Vec<u8>,
    wire: Vec<u8>,
    refused: Option<String>,
}

impl Messages {
    fn new(requests: bool) -> Self {
        let (buf, reader) = (BytesMut::new(), HeadReader::new(LIMITS));
        let (heads, data, wire) = (Vec::new(), Vec::new(), Vec::new());
        Self { requests, buf, reader, body: None, heads, data, wire, refused: None }
    }

    fn feed(&mut self, segment: &[u8]) {
        self.buf.extend_from_slice(segment);
        while self.refused.is_none() {
            let moved = if self.body.is_some() { self.step_body() } else { self.step_head() };
            match moved {
                Ok(true) => {}
                Ok(false) => return,
                Err(reason) => self.refused = Some(reason),
            }
        }
    }

    fn step_head(&mut self) -> Result<bool, String> {
        let framing = if self.requests {
            let parsed = self.reader.poll_request(&mut self.buf).map_err(|it| it.to_string())?;
            let Some(parsed) = parsed else { return Ok(false) };
            self.wire.extend_from_slice(&parsed.raw);
            assert_eq!(parsed.edit().finish(), parsed.raw);
            let _ = parsed.edit().target(b"/").remove("Host").set("X", b"y").finish();
            self.heads.push(format!("{:?} {:?}", parsed.head, parsed.defects));
            request_framing(&parsed.head)
        } else {
            let parsed = self.reader.poll_response(&mut self.buf).map_err(|it| it.to_string())?;
            let Some(parsed) = parsed else { return Ok(false) };
            self.wire.extend_from_slice(&parsed.raw);
            assert_eq!(parsed.edit().finish(), parsed.raw);
            self.heads.push(format!("{:?} {:?}", parsed.head, parsed.defects));
            response_framing(&parsed.head, b"GET")
        };
        let framing = framing.map_err(|it| it.to_string())?;
        assert_ne!(framing, Framing::Length(0), "no length is no body");
        self.body = Some(BodyReader::new(framing, &LIMITS));
        Ok(true)
    }

    fn step_body(&mut self) -> Result<bool, String> {
        let Some(body) = &mut self.body else { return Ok(false) };
        match body.poll(&mut self.buf).map_err(|it| it.to_string())? {
            None => return Ok(false),
            Some(Piece::Data { data, wire }) => {
                assert!(!wire.is_empty(), "a piece takes something");
                self.data.extend_from_slice(&data);
                self.wire.extend_from_slice(&wire);
            }
            Some(Piece::Trailers { fields, wire }) => {
                self.heads.push(format!("{fields:?} {:?}", body.defects()));
                self.wire.extend_from_slice(&wire);
            }
            Some(Piece::End) => self.body = None,
        }
        Ok(true)
    }
}
