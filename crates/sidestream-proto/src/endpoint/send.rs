//! What an end point is told to send.

use bytes::{Bytes, BytesMut};
use sidestream_record::{Field, Fields};

use super::stream::{Ending, Progress, Stream};
use super::{Endpoint, Role};
use crate::hpack::Indexing;
use crate::http2::ErrorCode;

/// How large a table of fields is kept for the peer, at most.
pub(super) const TABLE_BYTES: usize = 4096;

/// What the ping holds behind the first of two farewells.
const WINDING_DOWN: [u8; 8] = *b"farewell";

/// The highest number of a stream.
const LAST_STREAM: u32 = 0x7fff_ffff;

impl Endpoint {
    /// Returns whether the peer takes another stream of ours at the moment.
    pub fn can_open(&self) -> bool {
        self.can_ever_open() && self.streams.len() < self.peer.max_streams as usize
    }

    /// Returns whether the peer will take another stream of ours, perhaps later.
    pub const fn can_ever_open(&self) -> bool {
        !self.closed && !self.peer.going_away && self.next_of_ours < LAST_STREAM
    }

    /// Begins a stream with a request, if the peer takes it, and returns its number.
    pub fn open(&mut self, fields: &Fields, end: bool) -> Option<u32> {
        if self.role != Role::Client || !self.can_open() {
            return None;
        }
        let stream = self.next_of_ours;
        self.next_of_ours += 2;
        let mut it = Stream::new(&self.limits, i64::from(self.peer.window));
        it.bodiless = fields.get(":method").is_some_and(|method| method == "HEAD");
        it.connect = fields.get(":method").is_some_and(|method| method == "CONNECT");
        it.sent = if end { Progress::Done } else { Progress::Body };
        self.streams.insert(stream, it);
        self.send_fields(stream, fields, end);
        Some(stream)
    }

    /// Sends the head of a response; an interim one (1xx) may stand before the final one.
    ///
    /// A stream that is over, or that has sent its head, is left alone.
    pub fn send_head(&mut self, stream: u32, fields: &Fields, end: bool) {
        let Some(it) = self.streams.get_mut(&stream) else { return };
        if it.sent != Progress::Head {
            return;
        }
        let interim = fields.get(":status").is_some_and(|status| status.starts_with(b"1"));
        if !interim {
            it.sent = if end { Progress::Done } else { Progress::Body };
        }
        self.send_fields(stream, fields, end && !interim);
        self.settle(stream);
    }

    /// Sends content, as soon as the windows allow.
    pub fn send_data(&mut self, stream: u32, bytes: Bytes, end: bool) {
        let ending = if end { Ending::End } else { Ending::Open };
        self.enqueue(stream, bytes, ending);
    }

    /// Sends trailers, after all content.
    pub fn send_trailers(&mut self, stream: u32, fields: Fields) {
        self.enqueue(stream, Bytes::new(), Ending::Trailers(fields));
    }

    /// Returns how many bytes of a stream wait for the windows to open.
    pub fn queued(&self, stream: u32) -> usize {
        self.streams.get(&stream).map_or(0, |stream| stream.queue.len())
    }

    /// Ends a stream before its time.
    pub fn reset(&mut self, stream: u32, code: ErrorCode) {
        if self.forget(stream, true).is_some() {
            self.wire.reset(stream, code);
        }
    }

    /// Ends a stream, as soon as all that waits was sent, of which nothing more is needed: a server
    /// may so answer without the whole request (RFC 9113 §8.1).
    pub fn let_go(&mut self, stream: u32) {
        let Some(it) = self.streams.get_mut(&stream) else { return };
        it.let_go = true;
        self.settle(stream);
    }

    /// Says that soon no further stream of the client is taken: first of all numbers, so that
    /// nothing is left out which is on its way, and once the client has answered a ping behind
    /// that, of those that it has not begun (RFC 9113 §6.8).
    pub fn wind_down(&mut self) {
        if self.role == Role::Server && !self.winding_down && !self.going_away && !self.closed {
            self.winding_down = true;
            self.wire.go_away(LAST_STREAM, ErrorCode::NO_ERROR, "");
            self.wire.ping(WINDING_DOWN);
        }
    }

    /// The peer answered a ping.
    pub(super) fn take_pong(&mut self, opaque: [u8; 8]) {
        if self.winding_down && opaque == WINDING_DOWN {
            self.go_away(ErrorCode::NO_ERROR);
        }
    }

    /// Says that no further stream of the peer is taken; those that have begun go on.
    pub fn go_away(&mut self, code: ErrorCode) {
        if !self.going_away && !self.closed {
            self.going_away = true;
            self.wire.go_away(self.last_of_peer, code, "");
        }
    }

    fn enqueue(&mut self, stream: u32, bytes: Bytes, ending: Ending) {
        let Some(it) = self.streams.get_mut(&stream) else { return };
        if it.sent != Progress::Body || it.ending != Ending::Open {
            return;
        }
        it.ending = ending;
        let mut rest = bytes;
        if it.queue.is_empty() {
            let may = it.window.min(self.window).max(0);
            let now = rest.len().min(usize::try_from(may).unwrap_or(usize::MAX));
            let mut now = rest.split_to(now);
            while !now.is_empty() {
                let piece = now.split_to(now.len().min(self.peer.max_frame_bytes));
                self.put_data(stream, piece, now.is_empty() && rest.is_empty());
            }
        }
        let Some(it) = self.streams.get_mut(&stream) else { return };
        it.queue.extend_from_slice(&rest);
        if it.has_something() && !it.in_line {
            it.in_line = true;
            self.line.push_back(stream);
        }
        self.send_content();
    }

    /// Sends what waits, as far as the windows allow: a frame of each stream in turn.
    pub(super) fn send_content(&mut self) {
        let mut stuck = 0;
        while stuck < self.line.len() {
            let Some(stream) = self.line.pop_front() else { return };
            let Some(it) = self.streams.get_mut(&stream) else { continue };
            let may = it.window.min(self.window).max(0);
            let may = usize::try_from(may).unwrap_or(usize::MAX);
            let bytes = it.queue.len().min(may).min(self.peer.max_frame_bytes);
            if bytes == 0 && !it.queue.is_empty() {
                if it.window <= 0 {
                    // It comes back when its own window opens.
                    it.in_line = false;
                } else {
                    stuck += 1;
                    self.line.push_back(stream);
                }
                continue;
            }
            stuck = 0;
            let piece = it.queue.split_to(bytes).freeze();
            let last = it.queue.is_empty();
            if !piece.is_empty() || it.ending == Ending::End {
                self.put_data(stream, piece, last);
            }
            let Some(it) = self.streams.get_mut(&stream) else { continue };
            if last {
                it.in_line = false;
                self.put_trailers(stream);
            } else {
                self.line.push_back(stream);
            }
        }
    }

    /// Writes a frame of content; `last` if nothing waits behind it.
    fn put_data(&mut self, stream: u32, bytes: Bytes, last: bool) {
        let Some(it) = self.streams.get_mut(&stream) else { return };
        let sent = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        it.window -= sent;
        self.window -= sent;
        self.budget.body(bytes.len(), true);
        let end = last && it.ending == Ending::End;
        if end {
            it.sent = Progress::Done;
            it.ending = Ending::Open;
        }
        self.wire.data(stream, bytes, end);
        if end {
            self.settle(stream);
        }
    }

    fn put_trailers(&mut self, stream: u32) {
        let Some(it) = self.streams.get_mut(&stream) else { return };
        if let Ending::Trailers(fields) = std::mem::replace(&mut it.ending, Ending::Open) {
            it.sent = Progress::Done;
            self.send_fields(stream, &fields, true);
            self.settle(stream);
        }
    }

    fn send_fields(&mut self, stream: u32, fields: &Fields, end: bool) {
        let indexing: Vec<_> = fields.iter().map(indexing).collect();
        let mut block = BytesMut::new();
        self.encoder.encode(fields, &indexing, &mut block);
        self.wire.block(stream, block.freeze(), end, self.peer.max_frame_bytes);
    }

    /// Takes a stream out once both directions are over.
    pub(super) fn settle(&mut self, stream: u32) {
        let Some(it) = self.streams.get(&stream) else { return };
        if it.is_over() {
            self.forget(stream, false);
            self.budget.finished();
        } else if it.let_go && it.sent == Progress::Done {
            self.reset(stream, ErrorCode::NO_ERROR);
        }
    }
}

/// Keeps secrets out of tables, and what is new each time.
fn indexing(field: &Field) -> Indexing {
    match &field.name[..] {
        b"authorization" | b"proxy-authorization" => Indexing::Never,
        b":path" | b"content-length" | b"etag" | b"if-modified-since" | b"if-none-match"
        | b"location" | b"set-cookie" => Indexing::Without,
        _ => Indexing::Incremental,
    }
}
