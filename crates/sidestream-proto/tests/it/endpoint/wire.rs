//! Frames made by hand, and an end point that is shown what they do.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::hpack::{Encoder, Indexing};
use sidestream_proto::http2::{
    ErrorCode, Flags, FrameHead, FrameReader, Kind, PREFACE, Payload, Piece, Settings,
};
use sidestream_record::{Fields, wording};

pub(crate) const END: u8 = Flags::END_STREAM.0;
pub(crate) const WHOLE: u8 = Flags::END_HEADERS.0;
pub(crate) const PADDED: u8 = Flags::PADDED.0;
pub(crate) const ACK: u8 = Flags::ACK.0;

pub(crate) fn frame(kind: Kind, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = BytesMut::new();
    FrameHead::new(kind, Flags(flags), stream, payload.len()).encode(&mut out);
    out.extend_from_slice(payload);
    out.to_vec()
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = values
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(Kind::SETTINGS, 0, 0, payload)
}

pub(crate) fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(Kind::WINDOW_UPDATE, 0, stream, more.to_be_bytes())
}

pub(crate) fn reset(stream: u32, code: ErrorCode) -> Vec<u8> {
    frame(Kind::RST_STREAM, 0, stream, code.0.to_be_bytes())
}

pub(crate) fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in list {
        fields.push((*name).to_owned(), (*value).to_owned());
    }
    fields
}

/// A block that refers to no table, so that blocks can be left out.
pub(crate) fn block(list: &[(&str, &str)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    Encoder::new(0).encode(&fields(list), &vec![Indexing::Without; list.len()], &mut out);
    // What it says of its table's size is of no interest here.
    out.iter().copied().skip_while(|byte| *byte & 0xe0 == 0x20).collect()
}

pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/")];

pub(crate) fn head(stream: u32, flags: u8, list: &[(&str, &str)]) -> Vec<u8> {
    frame(Kind::HEADERS, flags | WHOLE, stream, block(list))
}

pub(crate) fn get(stream: u32) -> Vec<u8> {
    head(stream, END, &GET)
}

/// The same with more fields, and a body to come.
pub(crate) fn post(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    let list = [&[(":method", "POST")], &GET[1..], more].concat();
    head(stream, 0, &list)
}

pub(crate) fn data(stream: u32, flags: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(Kind::DATA, flags, stream, bytes)
}

/// An end point, greeted by its peer.
pub(crate) struct Host {
    pub(crate) end: Endpoint,
    pub(crate) now: Instant,
    sent: FrameReader,
}

impl Host {
    pub(crate) fn server() -> Self {
        Self::server_with(Limits::default())
    }

    pub(crate) fn server_with(limits: Limits) -> Self {
        let mut host = Self::new(Endpoint::server(limits));
        host.feed([&PREFACE[..], &settings(&[])].concat());
        host.sent();
        host
    }

    pub(crate) fn client() -> Self {
        let mut host = Self::new(Endpoint::client(Limits::default()));
        host.feed(settings(&[]));
        let preface: usize = PREFACE.len();
        let greeting = host.end.take_wire().concat();
        assert_eq!(greeting[..preface], PREFACE[..]);
        host
    }

    pub(crate) fn new(end: Endpoint) -> Self {
        Self { end, now: Instant::now(), sent: FrameReader::server(u32::MAX) }
    }

    pub(crate) fn feed(&mut self, bytes: impl Into<Bytes>) {
        self.end.feed(bytes.into(), self.now);
    }

    /// Describes the frames that were sent since the last time.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        for piece in self.end.take_wire() {
            self.sent.feed(piece);
        }
        let mut frames = Vec::new();
        while let Ok(Some(piece)) = self.sent.poll() {
            frames.push(describe(&piece));
        }
        frames
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.end.poll_event()).collect()
    }

    /// Describes what came, and what was sent.
    pub(crate) fn outcome(&mut self) -> String {
        let mut lines: Vec<_> = self.events().iter().map(event).collect();
        lines.extend(self.sent().into_iter().map(|frame| format!("< {frame}")));
        lines.join("\n")
    }
}

pub(crate) fn event(event: &Event) -> String {
    let end = |end: &bool| if *end { " end" } else { "" };
    match event {
        Event::Head { stream, fields, end: it } => {
            format!("{stream} head {}{}", list(fields), end(it))
        }
        Event::Data { stream, bytes, end: it } => {
            format!("{stream} data {}{}", bytes.len(), end(it))
        }
        Event::Trailers { stream, fields } => format!("{stream} trailers {}", list(fields)),
        Event::Reset { stream, code } => format!("{stream} reset {}", name(*code)),
        Event::Refused { stream, fault, .. } => {
            format!("{stream} refused, {}: {fault}", name(fault.code))
        }
        Event::GoAway { last, code } => format!("going away after {last}, {}", name(*code)),
        Event::Closed(fault) => format!("closed, {}: {fault}", name(fault.code)),
        other => format!("{other:?}"),
    }
}

fn list(fields: &Fields) -> String {
    let one =
        |name: &[u8], value: &[u8]| format!("{}={}", wording::text(name), wording::text(value));
    fields.iter().map(|field| one(&field.name, &field.value)).collect::<Vec<_>>().join(" ")
}

fn describe(piece: &Piece) -> String {
    let Some(head) = piece.head() else { return "preface".into() };
    let FrameHead { kind, flags, stream, length } = head;
    let end = if flags.has(Flags::END_STREAM) { " end" } else { "" };
    let payload = piece.wire().slice(FrameHead::BYTES..);
    match kind {
        Kind::DATA => format!("data {stream} {length}{end}"),
        Kind::HEADERS => format!("headers {stream}{end}"),
        Kind::CONTINUATION => format!("continuation {stream}"),
        _ => match Payload::parse(head, payload).unwrap() {
            Payload::RstStream(code) => format!("reset {stream} {}", name(code)),
            Payload::Settings(Settings(list)) => {
                let one =
                    |it: &sidestream_proto::http2::Setting| format!(" {}={}", it.id, it.value);
                format!("settings{}", list.iter().map(one).collect::<String>())
            }
            Payload::SettingsAck => "settings ack".into(),
            Payload::Ping(_) => format!("ping {}", flags.0),
            Payload::GoAway { last, code } => format!("goaway {last} {}", name(code)),
            Payload::WindowUpdate(more) => format!("window {stream} +{}", more.0),
            other => format!("{other:?}"),
        },
    }
}

pub(crate) fn name(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NO_ERROR => "NO_ERROR",
        ErrorCode::PROTOCOL_ERROR => "PROTOCOL_ERROR",
        ErrorCode::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
        ErrorCode::STREAM_CLOSED => "STREAM_CLOSED",
        ErrorCode::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
        ErrorCode::REFUSED_STREAM => "REFUSED_STREAM",
        ErrorCode::CANCEL => "CANCEL",
        ErrorCode::INTERNAL_ERROR => "INTERNAL_ERROR",
        ErrorCode::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
        ErrorCode::COMPRESSION_ERROR => "COMPRESSION_ERROR",
        ErrorCode::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
        _ => "another error",
    }
}
