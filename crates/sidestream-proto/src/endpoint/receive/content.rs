//! DATA frames, as they come, and frames of types that are not known.

use bytes::Bytes;

use super::heads::check_end;
use super::{State, fault, protocol};
use crate::endpoint::stream::Progress;
use crate::endpoint::{Endpoint, Event};
use crate::http2::{ErrorCode, Flags, FrameHead, Kind, Malformed};

/// A frame whose payload is not whole yet.
#[derive(Debug)]
pub(in crate::endpoint) struct Content {
    stream: u32,
    /// Its content is given out.
    wanted: bool,
    end: bool,
    /// The first byte is the length of the padding, and is still to come.
    padded: bool,
    /// How many bytes of the payload are still to come, padding included.
    left: u32,
    /// How many of them are padding.
    padding: u32,
    /// How many were not given out.
    unused: u32,
}

impl Endpoint {
    /// Takes the beginning of a frame that comes in parts.
    pub(super) fn begin_content(&mut self, head: FrameHead) -> Result<(), Malformed> {
        let FrameHead { length, stream, flags, .. } = head;
        if head.kind != Kind::DATA {
            // A frame of a type that is not known: it is passed over (RFC 9113 §5.5).
            self.spend()?;
            let skip = Content {
                stream: 0,
                wanted: false,
                end: false,
                padded: false,
                left: length,
                padding: 0,
                unused: 0,
            };
            self.content = Some(skip);
            return Ok(());
        }
        self.room -= i64::from(length);
        if self.room < 0 {
            let what = "more content than the window of the connection lets through";
            return Err(fault(ErrorCode::FLOW_CONTROL_ERROR, what));
        }
        let end = flags.has(Flags::END_STREAM);
        let padded = flags.has(Flags::PADDED);
        if padded && length == 0 {
            return Err(fault(ErrorCode::FRAME_SIZE_ERROR, "padding without its length"));
        }
        let wanted = self.check_content(stream, length)?;
        if length == 0 && !end {
            self.spend()?;
        }
        if wanted {
            self.budget.body(length as usize, false);
        }
        let (left, padding, unused) = (length, 0, 0);
        self.content = Some(Content { stream, wanted, end, padded, left, padding, unused });
        Ok(())
    }

    /// Checks that content may come on that stream, and returns whether anybody wants it.
    fn check_content(&mut self, stream: u32, length: u32) -> Result<bool, Malformed> {
        match self.state(stream) {
            State::Idle => return Err(protocol("content on a stream that was not begun")),
            State::Over { by_us: true } => {
                self.spend()?;
                return Ok(false);
            }
            State::Over { by_us: false } | State::Unknown => {
                self.remember(stream, true);
                self.wire.reset(stream, ErrorCode::STREAM_CLOSED);
                self.count_reset()?;
                return Ok(false);
            }
            State::Open => {}
        }
        let Some(it) = self.streams.get_mut(&stream) else { return Ok(false) };
        let fault = match it.received {
            Progress::Head => protocol("content before the head"),
            Progress::Done => {
                fault(ErrorCode::STREAM_CLOSED, "content on a stream whose sender has ended it")
            }
            Progress::Body if it.room.take(length) => return Ok(true),
            Progress::Body => {
                let what = "more content than the window of the stream lets through";
                fault(ErrorCode::FLOW_CONTROL_ERROR, what)
            }
        };
        self.refuse(stream, fault)?;
        Ok(false)
    }

    /// Takes a part of the payload of the frame that has begun.
    pub(super) fn take_content(&mut self, mut payload: Bytes) -> Result<(), Malformed> {
        let Some(mut frame) = self.content.take() else { return Ok(()) };
        if frame.padded && !payload.is_empty() {
            frame.padded = false;
            frame.padding = u32::from(payload.split_to(1)[0]);
            frame.left -= 1;
            frame.unused += 1;
            if frame.padding > frame.left {
                return Err(protocol("padding longer than the frame"));
            }
            if frame.padding == frame.left && !frame.end {
                self.spend()?;
            }
        }
        // What comes is content up to where the padding begins.
        let part = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let content = part.min(frame.left - frame.padding);
        frame.left -= content;
        payload.truncate(content as usize);
        let padding = part - content;
        frame.left -= padding;
        frame.padding -= padding;
        frame.unused += padding;
        let whole = frame.left == 0 && !frame.padded;
        self.give_out(&mut frame, payload, whole)?;
        if !whole {
            self.content = Some(frame);
            return Ok(());
        }
        if frame.stream == 0 {
            return Ok(());
        }
        self.free(frame.unused);
        if frame.wanted {
            self.open_room(frame.stream);
        }
        Ok(())
    }

    fn give_out(
        &mut self,
        frame: &mut Content,
        bytes: Bytes,
        whole: bool,
    ) -> Result<(), Malformed> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // The stream may have been reset since the frame began.
        let it = if frame.wanted { self.streams.get_mut(&frame.stream) } else { None };
        let Some(it) = it else {
            frame.wanted = false;
            frame.unused += length;
            return Ok(());
        };
        let end = frame.end && whole;
        let left = it.expected.map(|expected| expected.checked_sub(u64::from(length)));
        let checked = match left {
            Some(None) => Err("content longer than its content-length"),
            Some(left) => check_end(left, end),
            None => Ok(None),
        };
        match checked {
            Ok(left) => it.expected = left,
            Err(what) => {
                frame.wanted = false;
                frame.unused += length;
                return self.refuse(frame.stream, protocol(what));
            }
        }
        if length == 0 && !end {
            return Ok(());
        }
        it.room.give_out(length);
        self.unread += length;
        self.events.push_back(Event::Data { stream: frame.stream, bytes, end });
        if end {
            self.received_whole(frame.stream);
        }
        Ok(())
    }
}
