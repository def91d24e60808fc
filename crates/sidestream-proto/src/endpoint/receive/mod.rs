//! What a peer sends, frame by frame.

mod block;
mod content;
mod heads;

pub(super) use self::block::Block;
pub(super) use self::content::Content;

use super::stream::{Progress, Stream};
use super::{Endpoint, Event, MAX_FRAME_BYTES, MAX_WINDOW, Role};
use crate::http2::{
    ErrorCode, Flags, FrameHead, Kind, Malformed, Payload, Piece, Settings, WindowUpdate, id,
};

/// Makes an error of a stream or of the connection.
const fn fault(code: ErrorCode, what: &'static str) -> Malformed {
    Malformed::new(code, what)
}

const fn protocol(what: &'static str) -> Malformed {
    fault(ErrorCode::PROTOCOL_ERROR, what)
}

const fn calm(what: &'static str) -> Malformed {
    fault(ErrorCode::ENHANCE_YOUR_CALM, what)
}

/// What a stream is to us on which something came.
enum State {
    Open,
    /// Nobody has begun it yet.
    Idle,
    /// It is over; whether by a reset of ours.
    Over {
        by_us: bool,
    },
    /// It is over since long, or was never begun.
    Unknown,
}

impl Endpoint {
    /// Takes a stretch of what came. An error is one of the connection.
    pub(super) fn take(&mut self, piece: Piece) -> Result<(), Malformed> {
        let Some(head) = piece.head() else { return Ok(()) };
        let begins = self.content.is_none();
        if begins {
            self.check_order(head)?;
        }
        match piece {
            Piece::Preface(_) => Ok(()),
            Piece::Frame { head, wire } => {
                let payload = Payload::parse(head, wire.slice(FrameHead::BYTES..))?;
                self.take_frame(head, payload)
            }
            Piece::Part { payload, .. } => {
                if begins {
                    self.begin_content(head)?;
                }
                self.take_content(payload)
            }
        }
    }

    /// Checks that a frame may come now (RFC 9113 §3.4, §4.2, §4.3).
    fn check_order(&mut self, head: FrameHead) -> Result<(), Malformed> {
        if !self.peer.settled && (head.kind != Kind::SETTINGS || head.flags.has(Flags::ACK)) {
            return Err(protocol("something before the first SETTINGS"));
        }
        let block = self.block.as_ref().map(Block::stream);
        let goes_on = head.kind == Kind::CONTINUATION;
        if goes_on && block != Some(head.stream) || !goes_on && block.is_some() {
            return Err(protocol("a field block that is interrupted"));
        }
        if head.length > MAX_FRAME_BYTES {
            return Err(fault(ErrorCode::FRAME_SIZE_ERROR, "a frame longer than announced"));
        }
        Ok(())
    }

    fn take_frame(&mut self, head: FrameHead, payload: Payload) -> Result<(), Malformed> {
        match payload {
            Payload::Headers { fragment } => self.begin_block(head, fragment),
            Payload::Continuation { fragment } => self.continue_block(head, fragment),
            Payload::PushPromise { .. } => Err(protocol("a push, which was ruled out")),
            Payload::Priority | Payload::SettingsAck => self.spend(),
            Payload::RstStream(code) => self.take_reset(head.stream, code),
            Payload::Settings(settings) => {
                self.spend()?;
                self.take_settings(&settings)
            }
            Payload::Ping(opaque) => {
                self.spend()?;
                if head.flags.has(Flags::ACK) {
                    self.take_pong(opaque);
                } else {
                    self.wire.ping_ack(opaque);
                }
                Ok(())
            }
            Payload::GoAway { last, code } => self.take_go_away(last, code),
            Payload::WindowUpdate(WindowUpdate(more)) => {
                self.spend()?;
                self.take_window(head.stream, more)
            }
        }
    }

    /// Counts a frame that brings nothing on.
    fn spend(&mut self) -> Result<(), Malformed> {
        if self.budget.spend() {
            Err(calm("too many frames that bring nothing on"))
        } else {
            Ok(())
        }
    }

    fn state(&self, stream: u32) -> State {
        let ours = stream % 2 == 1;
        let idle = match self.role {
            Role::Client => !ours || stream >= self.next_of_ours,
            Role::Server => !ours || stream > self.last_of_peer,
        };
        if self.streams.contains_key(&stream) {
            State::Open
        } else if idle {
            State::Idle
        } else {
            let ended = self.ended.iter().rev().find(|(ended, _)| *ended == stream);
            ended.map_or(State::Unknown, |(_, by_us)| State::Over { by_us: *by_us })
        }
    }

    fn take_reset(&mut self, stream: u32, code: ErrorCode) -> Result<(), Malformed> {
        match self.state(stream) {
            State::Idle => return Err(protocol("a reset of a stream that was not begun")),
            State::Over { .. } | State::Unknown => return self.spend(),
            State::Open => {}
        }
        self.forget(stream, false);
        self.events.push_back(Event::Reset { stream, code });
        self.count_reset()
    }

    /// Counts a stream of the peer that ended before its time, by its doing.
    fn count_reset(&mut self) -> Result<(), Malformed> {
        if self.role == Role::Server && self.budget.reset() {
            return Err(calm("too many streams that were begun and reset"));
        }
        Ok(())
    }

    /// Resets a stream for what came on it.
    fn refuse(&mut self, stream: u32, fault: Malformed) -> Result<(), Malformed> {
        if self.forget(stream, true).is_none() {
            self.remember(stream, true);
        }
        self.wire.reset(stream, fault.code);
        self.events.push_back(Event::Refused { stream, fields: None, fault });
        self.count_reset()
    }

    fn take_settings(&mut self, settings: &Settings) -> Result<(), Malformed> {
        self.peer.settled = true;
        for setting in &settings.0 {
            let value = setting.value;
            match setting.id {
                id::HEADER_TABLE_SIZE => self.encoder.resize(value as usize),
                id::ENABLE_PUSH if self.role == Role::Client && value != 0 => {
                    return Err(protocol("a server that wants to be pushed to"));
                }
                id::MAX_CONCURRENT_STREAMS => self.peer.max_streams = value,
                id::INITIAL_WINDOW_SIZE => self.move_windows(value)?,
                id::MAX_FRAME_SIZE => self.peer.max_frame_bytes = value as usize,
                id::ENABLE_CONNECT_PROTOCOL if self.role == Role::Client => {
                    if value == 0 && self.peer.extended_connect {
                        return Err(protocol("extended CONNECT is taken back"));
                    }
                    self.peer.extended_connect = value == 1;
                }
                _ => {}
            }
        }
        self.wire.settings_ack();
        Ok(())
    }

    /// Changes what every stream may send (RFC 9113 §6.9.2).
    fn move_windows(&mut self, size: u32) -> Result<(), Malformed> {
        let by = i64::from(size) - i64::from(self.peer.window);
        self.peer.window = size;
        for (stream, it) in &mut self.streams {
            it.window += by;
            if it.window > MAX_WINDOW {
                let what = "an initial window that makes another too large";
                return Err(fault(ErrorCode::FLOW_CONTROL_ERROR, what));
            }
            line_up(*stream, it, &mut self.line);
        }
        Ok(())
    }

    fn take_window(&mut self, stream: u32, more: u32) -> Result<(), Malformed> {
        if stream == 0 {
            self.window += i64::from(more);
            if more == 0 {
                return Err(protocol("a window opened by nothing"));
            }
            if self.window > MAX_WINDOW {
                return Err(fault(ErrorCode::FLOW_CONTROL_ERROR, "a window beyond 2^31-1"));
            }
            return Ok(());
        }
        match self.state(stream) {
            State::Idle => return Err(protocol("a window of a stream that was not begun")),
            State::Over { .. } | State::Unknown => return Ok(()),
            State::Open => {}
        }
        let Some(it) = self.streams.get_mut(&stream) else { return Ok(()) };
        it.window += i64::from(more);
        if more == 0 {
            return self.refuse(stream, protocol("a window opened by nothing"));
        }
        if it.window > MAX_WINDOW {
            let fault = fault(ErrorCode::FLOW_CONTROL_ERROR, "a window beyond 2^31-1");
            return self.refuse(stream, fault);
        }
        line_up(stream, it, &mut self.line);
        Ok(())
    }

    fn take_go_away(&mut self, last: u32, code: ErrorCode) -> Result<(), Malformed> {
        self.spend()?;
        self.peer.going_away = true;
        if self.role == Role::Client {
            while let Some((&stream, _)) = self.streams.last_key_value()
                && stream > last
            {
                self.forget(stream, true);
            }
        }
        self.events.push_back(Event::GoAway { last, code });
        Ok(())
    }

    /// Notes that nothing more comes of a stream.
    fn received_whole(&mut self, stream: u32) {
        if let Some(it) = self.streams.get_mut(&stream) {
            it.received = Progress::Done;
            self.settle(stream);
        }
    }
}

/// Lets a stream take turns again if its window has opened.
fn line_up(stream: u32, it: &mut Stream, line: &mut std::collections::VecDeque<u32>) {
    if it.window > 0 && it.has_something() && !it.in_line {
        it.in_line = true;
        line.push_back(stream);
    }
}
