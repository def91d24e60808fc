//! The HTTP/1 codec: what it passes, what it refuses, and that it changes nothing.

mod bodies;
pub(crate) mod cases;
mod connection;
mod cuts;
mod differences;
mod edits;
mod framing;
mod limits;
mod sniff;

use bytes::{Bytes, BytesMut};
use sidestream_proto::http1::{
    BodyError, BodyReader, Defect, Framing, HeadError, HeadReader, Limits, Piece, Smuggling,
    request_framing, response_framing,
};
use sidestream_record::Fields;

/// Who sends a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    Client,
    /// In answer to a request of that method.
    Server(&'static str),
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq)]
enum Refusal {
    Head(HeadError),
    Framing(Smuggling),
    Body(BodyError),
}

/// What was read of one message.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read {
    /// The head as it prints for programmers.
    head: Option<String>,
    framing: Option<Framing>,
    defects: Vec<Defect>,
    data: Vec<u8>,
    trailers: Option<Fields>,
    refusal: Option<Refusal>,
    ended: bool,
    /// The bytes that were taken, as they were sent.
    wire: Vec<u8>,
    /// The bytes that were left in the buffer.
    rest: Vec<u8>,
    /// What the body says when the connection ends.
    at_eof: Option<Result<(), BodyError>>,
}

/// Reads one message that comes whole.
fn read(sender: Sender, bytes: &[u8]) -> Read {
    read_cut(sender, bytes, &[], Limits::default())
}

/// Reads one message that comes in segments of these sizes, over and over.
fn read_cut(sender: Sender, bytes: &[u8], sizes: &[usize], limits: Limits) -> Read {
    let mut reading = Reading::new(sender, limits);
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let (segment, later) = rest.split_at(size);
        reading.feed(segment);
        rest = later;
    }
    let read = reading.finish();
    assert_eq!([&read.wire[..], &read.rest].concat(), bytes, "nothing is lost or changed");
    read
}

/// Drives the readers as a relay would.
struct Reading {
    sender: Sender,
    limits: Limits,
    buf: BytesMut,
    heads: HeadReader,
    body: Option<BodyReader>,
    read: Read,
}

impl Reading {
    fn new(sender: Sender, limits: Limits) -> Self {
        let (buf, heads) = (BytesMut::new(), HeadReader::new(limits));
        Self { sender, limits, buf, heads, body: None, read: Read::default() }
    }

    fn feed(&mut self, segment: &[u8]) {
        self.buf.extend_from_slice(segment);
        while self.read.refusal.is_none() && !self.read.ended {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(refusal) => self.read.refusal = Some(refusal),
            }
        }
    }

    fn finish(mut self) -> Read {
        if let Some(body) = &mut self.body {
            self.read.defects.extend_from_slice(body.defects());
            if self.read.refusal.is_none() {
                self.read.at_eof = Some(body.finish_at_eof());
            }
        }
        self.read.rest = self.buf.to_vec();
        self.read
    }

    /// Takes a head or a piece, and returns whether there was one.
    fn step(&mut self) -> Result<bool, Refusal> {
        let Some(body) = &mut self.body else { return self.step_head() };
        match body.poll(&mut self.buf).map_err(Refusal::Body)? {
            None => return Ok(false),
            Some(Piece::Data { data, wire }) => {
                assert!(!wire.is_empty(), "a piece takes something");
                self.read.data.extend_from_slice(&data);
                self.read.wire.extend_from_slice(&wire);
            }
            Some(Piece::Trailers { fields, wire }) => {
                self.read.trailers = Some(fields);
                self.read.wire.extend_from_slice(&wire);
            }
            Some(Piece::End) => self.read.ended = true,
        }
        Ok(true)
    }

    fn step_head(&mut self) -> Result<bool, Refusal> {
        let (framing, text, raw, defects) = match self.sender {
            Sender::Client => {
                let parsed = self.heads.poll_request(&mut self.buf).map_err(Refusal::Head)?;
                let Some(parsed) = parsed else { return Ok(false) };
                let text = format!("{:?}", parsed.head);
                (request_framing(&parsed.head), text, parsed.raw, parsed.defects)
            }
            Sender::Server(asked) => {
                let parsed = self.heads.poll_response(&mut self.buf).map_err(Refusal::Head)?;
                let Some(parsed) = parsed else { return Ok(false) };
                let text = format!("{:?}", parsed.head);
                (response_framing(&parsed.head, asked.as_bytes()), text, parsed.raw, parsed.defects)
            }
        };
        self.take_head(text, &raw, defects);
        let framing = framing.map_err(Refusal::Framing)?;
        self.read.framing = Some(framing);
        self.body = Some(BodyReader::new(framing, &self.limits));
        Ok(true)
    }

    fn take_head(&mut self, text: String, raw: &Bytes, defects: Vec<Defect>) {
        self.read.head = Some(text);
        self.read.wire.extend_from_slice(raw);
        self.read.defects = defects;
    }
}
