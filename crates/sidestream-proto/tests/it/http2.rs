//! HTTP/2: its frames, and connections that pass as they are sent.

mod advice;
mod frames;
mod holds;
mod passes;
mod sockets;
mod splits;

use bytes::{BufMut as _, Bytes, BytesMut};
use sidestream_flow::{Peer, Transport};
use sidestream_proto::Input;
use sidestream_proto::hpack::Encoder;
use sidestream_proto::http2::{ErrorCode, Flags, FrameHead, Kind, PREFACE, Setting, Settings};
use sidestream_record::Fields;

use crate::play::{Ca, Play, config};

/// Makes a frame.
pub(crate) fn frame(kind: Kind, flags: Flags, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut wire = BytesMut::new();
    FrameHead::new(kind, flags, stream, payload.len()).encode(&mut wire);
    wire.put_slice(payload);
    wire.into()
}

pub(crate) fn data(stream: u32, payload: impl AsRef<[u8]>, end: bool) -> Vec<u8> {
    frame(Kind::DATA, Flags::default().with(Flags::END_STREAM, end), stream, payload.as_ref())
}

pub(crate) fn reset(stream: u32, code: ErrorCode) -> Vec<u8> {
    frame(Kind::RST_STREAM, Flags::default(), stream, &code.0.to_be_bytes())
}

pub(crate) fn go_away(last: u32, code: ErrorCode) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.0.to_be_bytes()].concat();
    frame(Kind::GOAWAY, Flags::default(), 0, &payload)
}

pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let settings = settings.iter().map(|&(id, value)| Setting { id, value }).collect();
    let mut wire = BytesMut::new();
    Settings(settings).encode(&mut wire);
    wire.into()
}

/// One end of a connection, with its field compression.
pub(crate) struct Speaker(Encoder);

impl Speaker {
    pub(crate) fn new() -> Self {
        Self(Encoder::new(4096))
    }

    pub(crate) fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut list = Fields::default();
        for (name, value) in fields {
            list.push(name.as_bytes().to_vec(), value.as_bytes().to_vec());
        }
        let mut block = BytesMut::new();
        self.0.encode(&list, &[], &mut block);
        block.into()
    }

    pub(crate) fn head(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) -> Vec<u8> {
        let flags = Flags::END_HEADERS.with(Flags::END_STREAM, end);
        frame(Kind::HEADERS, flags, stream, &self.block(fields))
    }

    pub(crate) fn get(&mut self, stream: u32, path: &str) -> Vec<u8> {
        let fields = [
            (":method", "GET"),
            (":authority", "a.test"),
            (":scheme", "http"),
            (":path", path),
            ("accept", "*/*"),
        ];
        self.head(stream, &fields, true)
    }

    pub(crate) fn answer(&mut self, stream: u32, status: &str, end: bool) -> Vec<u8> {
        self.head(stream, &[(":status", status), ("server", "x")], end)
    }
}

/// A connection whose two ends know beforehand that they speak HTTP/2.
pub(crate) struct Talk {
    pub(crate) play: Play,
    pub(crate) client: Speaker,
    pub(crate) server: Speaker,
}

impl Talk {
    pub(crate) fn new() -> Self {
        let mut play = Play::with(config(&Ca::new()), Transport::Tcp, 80, false);
        play.open();
        let mut talk = Self { play, client: Speaker::new(), server: Speaker::new() };
        talk.say(Peer::Client, PREFACE);
        talk.say(Peer::Client, settings(&[(3, 100), (4, 6_291_456)]));
        talk.say(Peer::Server(0), settings(&[]));
        talk.play.take_events();
        talk
    }

    /// Lets a peer say something, and checks that the other one hears exactly that.
    pub(crate) fn say(&mut self, peer: Peer, wire: impl AsRef<[u8]>) {
        let wire = Bytes::copy_from_slice(wire.as_ref());
        self.play.quiet_input(Input::Data(peer, wire.clone()));
        let other = if peer == Peer::Client { Peer::Server(0) } else { Peer::Client };
        assert_eq!(Bytes::from(self.play.take_sent(other)), wire, "passed otherwise than sent");
    }

    pub(crate) fn client(&mut self, wire: impl AsRef<[u8]>) {
        self.say(Peer::Client, wire);
    }

    pub(crate) fn server(&mut self, wire: impl AsRef<[u8]>) {
        self.say(Peer::Server(0), wire);
    }

    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        let wire = self.client.get(stream, path);
        self.client(wire);
    }

    pub(crate) fn answer(&mut self, stream: u32, status: &str, end: bool) {
        let wire = self.server.answer(stream, status, end);
        self.server(wire);
    }
}
