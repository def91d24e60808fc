//! Heads and trailers, once they are decoded.

use sidestream_record::Fields;

use super::{State, fault, protocol};
use crate::endpoint::rules;
use crate::endpoint::stream::{Progress, Stream};
use crate::endpoint::{Endpoint, Event};
use crate::http2::{ErrorCode, Malformed};

impl Endpoint {
    pub(super) fn take_fields(
        &mut self,
        stream: u32,
        fields: Fields,
        end: bool,
    ) -> Result<(), Malformed> {
        match self.state(stream) {
            State::Idle => self.take_request(stream, fields, end),
            State::Over { by_us: true } => self.spend(),
            State::Over { by_us: false } => {
                Err(fault(ErrorCode::STREAM_CLOSED, "a head on a stream that is over"))
            }
            State::Unknown => Err(protocol("a stream out of order")),
            State::Open => {
                let received = self.streams.get(&stream).map(|stream| stream.received);
                match received {
                    Some(Progress::Head) => self.take_response(stream, fields, end),
                    Some(Progress::Body) => self.take_trailers(stream, fields, end),
                    Some(Progress::Done) | None => {
                        let what = "a head on a stream whose sender has ended it";
                        self.refuse(stream, fault(ErrorCode::STREAM_CLOSED, what))
                    }
                }
            }
        }
    }

    fn take_request(&mut self, stream: u32, fields: Fields, end: bool) -> Result<(), Malformed> {
        self.last_of_peer = stream;
        if self.going_away || self.streams.len() >= self.limits.max_streams as usize {
            self.remember(stream, true);
            self.wire.reset(stream, ErrorCode::REFUSED_STREAM);
            return self.count_reset();
        }
        let checked = rules::request(&fields, self.extended_connect)
            .and_then(|length| check_end(length, end));
        if let Err(what) = checked {
            let fault = protocol(what);
            self.remember(stream, true);
            self.wire.reset(stream, fault.code);
            self.events.push_back(Event::Refused { stream, fields: Some(fields), fault });
            return self.count_reset();
        }
        let mut it = Stream::new(&self.limits, i64::from(self.peer.window));
        it.expected = checked.unwrap_or_default();
        it.received = if end { Progress::Done } else { Progress::Body };
        self.streams.insert(stream, it);
        self.events.push_back(Event::Head { stream, fields, end });
        Ok(())
    }

    fn take_response(&mut self, stream: u32, fields: Fields, end: bool) -> Result<(), Malformed> {
        let bodiless = self.streams.get(&stream).is_some_and(|stream| stream.bodiless);
        let (status, length) = match rules::response(&fields) {
            Ok(says) => says,
            Err(what) => return self.refuse(stream, protocol(what)),
        };
        if status < 200 {
            if end {
                let what = "an interim response that ends its stream";
                return self.refuse(stream, protocol(what));
            }
            self.events.push_back(Event::Head { stream, fields, end });
            // Each of them brings something on, but not more than a frame does.
            return self.spend();
        }
        // Such a response has no content, whatever length it names (RFC 9110 §6.4.1).
        let bodiless = bodiless || matches!(status, 204 | 304);
        // What follows a 2xx to a CONNECT is a tunnel, whatever length it names (§9.3.6).
        let tunnel = self.streams.get(&stream).is_some_and(|stream| stream.connect) && status < 300;
        let expected = match () {
            () if tunnel => None,
            () if bodiless => Some(0),
            () => length,
        };
        if let Err(what) = check_end(expected, end) {
            return self.refuse(stream, protocol(what));
        }
        if let Some(it) = self.streams.get_mut(&stream) {
            it.expected = expected;
            it.received = Progress::Body;
        }
        self.events.push_back(Event::Head { stream, fields, end });
        if end {
            self.received_whole(stream);
        }
        Ok(())
    }

    fn take_trailers(&mut self, stream: u32, fields: Fields, end: bool) -> Result<(), Malformed> {
        let expected = self.streams.get(&stream).and_then(|stream| stream.expected);
        let checked = if end {
            rules::trailers(&fields).and_then(|()| check_end(expected, true))
        } else {
            Err("trailers that do not end their stream")
        };
        if let Err(what) = checked {
            return self.refuse(stream, protocol(what));
        }
        self.events.push_back(Event::Trailers { stream, fields });
        self.received_whole(stream);
        Ok(())
    }
}

/// Checks that content does not end before its announced length has come.
pub(super) fn check_end(expected: Option<u64>, end: bool) -> Result<Option<u64>, &'static str> {
    if end && expected.is_some_and(|left| left > 0) {
        return Err("content shorter than its content-length");
    }
    Ok(expected)
}
