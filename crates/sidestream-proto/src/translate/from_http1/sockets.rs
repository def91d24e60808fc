//! Streams that are WebSockets, of which the client's connection is all the other side.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Change, Event, Failure, Part};

use super::FromHttp1;
use super::flight::Piece;
use super::requests::Reading;
use crate::cx::Cx;
use crate::hooks::MessageVerdict;
use crate::http2::ErrorCode;
use crate::websocket::{InjectError, Injection, Passed};

impl FromHttp1 {
    /// Takes one step in what the client says in a WebSocket, and returns whether it did.
    pub(super) fn read_socket(&mut self, cx: &mut Cx) -> Result<bool, Failure> {
        self.reading = Reading::Socket;
        let Some(tap) = self.flights.back_mut().and_then(|it| it.socket.tap()) else {
            return Ok(false);
        };
        let passed = if !self.client.is_empty() {
            tap.pass(Peer::Client, self.client.split().freeze(), cx)
        } else if self.client_ended.is_some() {
            self.reading = Reading::Ended;
            tap.ended(Peer::Client, cx)
        } else {
            return Ok(false);
        };
        self.pass_up(passed, cx)?;
        Ok(true)
    }

    /// Lets go on what the client said in a WebSocket.
    fn pass_up(&mut self, passed: Passed, cx: &mut Cx) -> Result<(), Failure> {
        let Passed { bytes, end, failure, taken: _, lost: _ } = passed;
        let Some(flight) = self.flights.back_mut() else { return Ok(()) };
        if end || !bytes.is_empty() {
            self.server_end.send_data(flight.stream, bytes, end);
        }
        if end {
            (flight.asked, flight.persists) = (true, false);
        }
        failure.map_or(Ok(()), |failure| Err(self.end_socket(failure, cx)))
    }

    /// Takes what the server said in a WebSocket.
    pub(super) fn take_from_socket(&mut self, at: usize, bytes: Bytes, end: bool, cx: &mut Cx) {
        let from = Peer::Server(self.server);
        let Some(tap) = self.flights[at].socket.tap() else { return };
        let mut all = vec![tap.pass(from, bytes, cx)];
        if end {
            all.push(tap.ended(from, cx));
        }
        for passed in all {
            self.pass_down(at, passed, cx);
        }
    }

    /// Lets go on what the server said in a WebSocket.
    fn pass_down(&mut self, at: usize, passed: Passed, cx: &mut Cx) {
        let Passed { bytes, taken, end, failure, lost: _ } = passed;
        let flight = &mut self.flights[at];
        match flight.sending {
            // Most content comes when it can be sent, and is not copied.
            Some(_) if at == 0 && flight.pending.is_empty() => {
                cx.send(Peer::Client, bytes);
                self.server_end.consumed(flight.stream, taken);
            }
            _ => flight.pending.push_back(Piece::Socket(bytes, taken)),
        }
        if end {
            flight.came = true;
            flight.pending.push_back(Piece::End);
            cx.event(Event::PartEnded { exchange: flight.id, part: Part::Response });
        }
        if let Some(failure) = failure {
            let failure = self.end_socket(failure, cx);
            self.flights[at].fail(failure);
        }
    }

    /// Ends a WebSocket with the server, and tells who did, if it was a hook.
    fn end_socket(&mut self, failure: Failure, cx: &mut Cx) -> Failure {
        if let Some(flight) = self.flights.front() {
            if let Failure::Blocked { by } = &failure {
                cx.edited(flight.id, by, Change::Killed);
            }
            self.server_end.reset(flight.stream, ErrorCode::CANCEL);
        }
        failure
    }

    /// Hooks judged a message of the WebSocket. A failure is one of the flow.
    pub(super) fn judged_message(
        &mut self,
        message: MessageId,
        verdict: MessageVerdict,
        cx: &mut Cx,
    ) -> Option<Failure> {
        let at = self
            .flights
            .iter_mut()
            .position(|flight| flight.socket.tap().is_some_and(|tap| tap.is_asked(message)))?;
        let judged = self.flights[at].socket.tap()?.judged(message, verdict, cx);
        let (from, passed) = judged?;
        if from == Peer::Client {
            return self.pass_up(passed, cx).err();
        }
        self.pass_down(at, passed, cx);
        None
    }

    /// Sends a message of the user's own to a peer.
    pub(in crate::translate) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        let at = self.flights.iter().position(|flight| flight.id == exchange);
        let at = at.ok_or(InjectError::NotOpen)?;
        let flight = &mut self.flights[at];
        let over = if to == Peer::Client { flight.came } else { flight.asked };
        let tap = flight.socket.tap().ok_or(InjectError::NotOpen)?;
        if to != Peer::Client && to != tap.place().1 {
            return Err(InjectError::NotOpen);
        }
        if over {
            return Err(InjectError::Closed);
        }
        let (_, bytes) = tap.inject(to, injection, cx)?;
        let passed = Passed { bytes, ..Passed::default() };
        if to == Peer::Client {
            self.pass_down(at, passed, cx);
        } else {
            // What did not fail does not fail here.
            drop(self.pass_up(passed, cx));
        }
        self.flush(cx);
        Ok(())
    }
}
