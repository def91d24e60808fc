//! The leg towards the server: what comes on streams is recorded, and sent in order.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_record::{
    Event, Failure, Field, Fields, Part, Point, Protocol, ResponseHead, Version,
};

use super::flight::{Flight, Piece};
use super::requests::Reading;
use super::{FromHttp1, MAX_HEAD_BYTES};
use crate::cx::Cx;
use crate::endpoint;
use crate::http::{self, MAX_HEADS};
use crate::http2::ErrorCode;
use crate::multiplexed::head;
use crate::multiplexed::socket::Socket;
use crate::translate::body::Sending;
use crate::translate::response::{self, Asked, Made};
use crate::translate::{failure, malformed, upgrade, words};

impl FromHttp1 {
    /// Takes what the server sent.
    pub(super) fn take_events(&mut self, cx: &mut Cx) {
        let peer = Peer::Server(self.server);
        while let Some(event) = self.server_end.poll_event() {
            match event {
                endpoint::Event::Head { stream, fields, end } => {
                    let at = self.flights.iter().position(|flight| flight.stream == stream);
                    if let Some(at) = at {
                        self.take_head(at, fields, end, cx);
                    }
                }
                endpoint::Event::Data { stream, bytes, end } => {
                    self.take_data(stream, &bytes, end, cx);
                }
                endpoint::Event::Trailers { stream, fields } => {
                    let Some(flight) = self.flight(stream) else { continue };
                    flight.pending.push_back(Piece::Trailers(fields.clone()));
                    flight.came = true;
                    let (exchange, part) = (flight.id, Part::Response);
                    cx.event(Event::Trailers { exchange, part, fields });
                    cx.event(Event::PartEnded { exchange, part });
                    self.gather_response(exchange, cx);
                }
                endpoint::Event::Reset { stream, code } => {
                    let Some(flight) = self.flight(stream) else { continue };
                    // A response that is whole may so end a request that is not (RFC 9113 §8.1).
                    flight.fail(Failure::StreamReset { peer, code: code.0 });
                }
                endpoint::Event::Refused { stream, fault, .. } => {
                    let Some(flight) = self.flight(stream) else { continue };
                    flight.fail(failure(peer, fault));
                }
                endpoint::Event::GoAway { last, code } => {
                    let beyond = |it: &&mut Flight| it.stream > last && !it.aside;
                    for flight in self.flights.iter_mut().filter(beyond) {
                        flight.fail(Failure::GoneAway { peer, code: code.0 });
                    }
                }
                endpoint::Event::Closed(fault) => self.server_gone(&failure(peer, fault)),
            }
        }
    }

    fn flight(&mut self, stream: u32) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.stream == stream)
    }

    pub(super) fn take_head(&mut self, at: usize, fields: Fields, end: bool, cx: &mut Cx) {
        let from = Peer::Server(self.server);
        let flight = &mut self.flights[at];
        let head = match head::response(fields) {
            Ok(head) => head,
            Err(what) => return flight.fail(malformed(from, what)),
        };
        let (exchange, interim) = (flight.id, head.is_interim());
        flight.interim += u32::from(interim);
        if !interim || flight.interim <= MAX_HEADS {
            cx.event(Event::Response { exchange, head: head.clone() });
        }
        if !interim {
            flight.socket.answered(exchange, from, flight.seen.as_ref(), &head, cx);
            if matches!(flight.socket, Socket::None) && flight.key.is_empty() {
                flight.want = cx.want_response(flight.seen.as_deref(), &head);
            }
        }
        let bytes = bytes_of(&head);
        flight.pending.push_back(Piece::Head(head, end));
        if !interim && cx.config.hold.contains(&Point::Response) {
            flight.held = true;
            cx.event(Event::Held { exchange, point: Point::Response });
        }
        let considered = !interim && !flight.held;
        if end {
            flight.came = true;
            cx.event(Event::PartEnded { exchange, part: Part::Response });
        }
        if considered {
            self.consider_response(exchange, cx);
        }
        self.head_bytes += bytes;
        if self.head_bytes > MAX_HEAD_BYTES {
            let what = format!("heads of more than {MAX_HEAD_BYTES} bytes that wait their turn");
            self.server_end.go_away(ErrorCode::ENHANCE_YOUR_CALM);
            self.server_gone(&Failure::Limit { peer: from, what });
        }
    }

    fn take_data(&mut self, stream: u32, bytes: &Bytes, end: bool, cx: &mut Cx) {
        let Some(at) = self.flights.iter().position(|flight| flight.stream == stream) else {
            // What nobody waits for is still to be counted.
            self.server_end.consumed(stream, bytes.len());
            return;
        };
        let flight = &mut self.flights[at];
        if flight.socket.tap().is_some() {
            return self.take_from_socket(at, bytes.clone(), end, cx);
        }
        let (exchange, part) = (flight.id, Part::Response);
        if !bytes.is_empty() {
            cx.event(Event::Body { exchange, part, data: bytes.clone() });
            flight.owed += bytes.len();
            match flight.sending {
                // Most content comes when it can be sent, and is not copied.
                Some(sending) if at == 0 && flight.pending.is_empty() => {
                    sending.content(Peer::Client, bytes.clone(), cx);
                    let owed = std::mem::take(&mut flight.owed);
                    self.server_end.consumed(stream, owed);
                }
                _ => flight.keep(bytes),
            }
        }
        let flight = &mut self.flights[at];
        if end {
            flight.came = true;
            flight.pending.push_back(Piece::End);
            cx.event(Event::PartEnded { exchange, part });
        }
        self.gather_response(exchange, cx);
    }

    /// Sends what can be sent of the first response, and returns whether there was something.
    pub(super) fn answer(&mut self, cx: &mut Cx) -> Result<bool, Failure> {
        let Some(flight) = self.flights.front_mut() else { return Ok(false) };
        if flight.answered {
            if !flight.asked {
                return Ok(false);
            }
            let persists = flight.persists;
            if let Some(Flight { id: exchange, failure, .. }) = self.flights.pop_front() {
                self.end_aside(exchange, cx);
                cx.event(Event::ExchangeEnded { exchange, failure });
            }
            if !persists {
                self.reading = Reading::Ended;
            }
            return Ok(true);
        }
        let stopped = (flight.held || flight.gathering || flight.judged)
            && !matches!(flight.pending.front(), Some(Piece::Head(head, _)) if head.is_interim());
        if stopped {
            return Ok(false);
        }
        let Some(piece) = flight.pending.pop_front() else { return Ok(false) };
        self.send_piece_of_response(piece, cx)?;
        Ok(true)
    }

    fn send_piece_of_response(&mut self, piece: Piece, cx: &mut Cx) -> Result<(), Failure> {
        let last = self.flights.len() == 1
            && (self.stopping || self.server_ended || !self.server_end.can_ever_open());
        let Some(flight) = self.flights.front_mut() else { return Ok(()) };
        let (to, stream) = (Peer::Client, flight.stream);
        match piece {
            Piece::Head(head, end) => {
                self.head_bytes = self.head_bytes.saturating_sub(bytes_of(&head));
                let interim = head.is_interim();
                if interim && flight.version < Version::Http11 {
                    return Ok(());
                }
                if let (Socket::Open(_), false) = (&flight.socket, interim) {
                    cx.send(to, upgrade::response_to_http1(&head, &flight.key));
                    cx.event(Event::Recognized(Protocol::WebSocket));
                    flight.sending = Some(Sending::Plain);
                    self.reading = Reading::Socket;
                    if end {
                        flight.answered = true;
                        cx.shutdown(to, true);
                    }
                    return Ok(());
                }
                let asked = Asked { method: &flight.method, version: flight.version };
                let close = !flight.persists || last;
                let made = match response::to_http1(&head, asked, end, close) {
                    Ok(made) => made,
                    Err(what) => return Err(self.bad_gateway(what, cx)),
                };
                let Made { wire, sending, until_close } = made;
                cx.send(to, wire);
                if !interim {
                    flight.sending = Some(sending);
                    flight.persists &= !until_close && !close;
                    flight.answered = end;
                    if let Reading::Undecided = self.reading {
                        flight.asked = true;
                        self.server_end.send_data(stream, Bytes::new(), true);
                        self.reading = Reading::head(cx);
                    }
                }
            }
            Piece::Data(bytes) => {
                let count = bytes.len().min(flight.owed);
                flight.owed -= count;
                if let Some(sending) = flight.sending {
                    sending.content(to, bytes.freeze(), cx);
                }
                self.server_end.consumed(stream, count);
            }
            Piece::Socket(bytes, count) => {
                cx.send(to, bytes);
                self.server_end.consumed(stream, count);
            }
            Piece::Trailers(fields) => {
                if let Some(sending) = flight.sending {
                    sending.end(to, &words::trailers_to_http1(&fields), cx);
                }
                flight.answered = true;
            }
            Piece::End => {
                if let Some(sending) = flight.sending {
                    sending.end(to, &Fields::default(), cx);
                }
                flight.answered = true;
                if let Socket::Open(_) = flight.socket {
                    cx.shutdown(to, true);
                }
            }
            Piece::Refusal(status, failure) => {
                http::refuse(cx, status, &failure.to_string());
                flight.failure = Some(failure.clone());
                return Err(failure);
            }
            Piece::Failed(failure) => {
                // The client sees what it would have seen: a response that ends, or none.
                cx.shutdown(to, false);
                return Err(flight.failure.get_or_insert(failure).clone());
            }
        }
        Ok(())
    }

    /// The response cannot be expressed.
    fn bad_gateway(&mut self, what: &'static str, cx: &mut Cx) -> Failure {
        let failure = malformed(Peer::Server(self.server), what);
        http::refuse(cx, 502, &failure.to_string());
        if let Some(flight) = self.flights.front() {
            self.server_end.reset(flight.stream, ErrorCode::CANCEL);
        }
        failure
    }
}

/// Returns about how much memory a head takes.
pub(super) fn bytes_of(head: &ResponseHead) -> usize {
    let fields = head.fields.iter();
    fields.map(|field| field.name.len() + field.value.len() + size_of::<Field>()).sum()
}
