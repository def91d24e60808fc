//! What the peers advise each other of: gathered from its frames, bounded, and told.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Advice, Advised, Event};

use crate::cx::Cx;
use crate::http2::{ErrorCode, FrameHead, MAX_ADVICE_BYTES, Malformed, parse_advice};

/// How much advice is told of one stream.
pub(super) const MAX_ADVICE_OF_STREAM: u32 = 16;

/// How much advice is told that concerns no open stream, and how much waits for its stream.
const MAX_ADVICE: usize = 100;

/// How many frames that cannot be read are told of one connection.
const MAX_DEFECTS: u32 = 16;

/// A frame that is read whole, though it comes in parts.
#[derive(Debug, Default)]
pub(super) struct Gathered(BytesMut);

impl Gathered {
    /// Takes more of a frame's payload, and reads the frame if it was the last.
    pub(super) fn take(
        &mut self,
        head: FrameHead,
        from_client: bool,
        payload: &[u8],
        last: bool,
    ) -> Option<Result<Advice, Malformed>> {
        let fits = head.length <= MAX_ADVICE_BYTES;
        if fits {
            self.0.extend_from_slice(payload);
        }
        if !last {
            return None;
        }
        // Taken whole: what is kept of it holds no larger buffer.
        let whole = Bytes::copy_from_slice(&std::mem::take(&mut self.0));
        let too_long = Malformed::new(ErrorCode::FRAME_SIZE_ERROR, TOO_LONG);
        Some(if fits { parse_advice(head, from_client, whole) } else { Err(too_long) })
    }
}

const TOO_LONG: &str = "a frame of advice that is too long to be read";

/// What was told, and what waits for its stream.
#[derive(Debug, Default)]
pub(super) struct Counsel {
    /// Of streams that have not begun.
    early: HashMap<u32, Vec<Advised>>,
    waiting: usize,
    told: usize,
    defects: u32,
}

/// The stream that advice is about, as far as there is one.
#[derive(Debug)]
pub(super) enum About<'a> {
    /// The connection, or a stream that is over.
    Connection,
    /// A stream that may begin.
    Later(u32),
    /// A stream that is open, with how much was told of it.
    Open(ExchangeId, &'a mut u32),
}

impl Counsel {
    /// Tells of advice, or keeps it until its stream begins.
    pub(super) fn give(&mut self, about: About<'_>, advised: Advised, cx: &mut Cx) {
        match about {
            About::Open(exchange, told) => tell_of(exchange, told, advised, cx),
            About::Later(stream) if self.waiting < MAX_ADVICE => {
                self.waiting += 1;
                self.early.entry(stream).or_default().push(advised);
            }
            About::Connection | About::Later(_) => self.tell(advised, cx),
        }
    }

    /// Tells what waited for a stream, and returns about how many bytes that takes.
    pub(super) fn begun(
        &mut self,
        stream: u32,
        exchange: ExchangeId,
        told: &mut u32,
        cx: &mut Cx,
    ) -> usize {
        let Some(list) = self.early.remove(&stream) else { return 0 };
        self.waiting -= list.len();
        let bytes = list.iter().map(|advised| advised.advice.bytes()).sum();
        list.into_iter().for_each(|advised| tell_of(exchange, told, advised, cx));
        bytes
    }

    /// Tells what waited for streams that do not begin.
    pub(super) fn end(&mut self, cx: &mut Cx) {
        let mut early: Vec<_> = std::mem::take(&mut self.early).into_iter().collect();
        early.sort_by_key(|(stream, _)| *stream);
        self.waiting = 0;
        early.into_iter().flat_map(|(_, list)| list).for_each(|advised| self.tell(advised, cx));
    }

    /// Tells of a frame that was passed unread.
    pub(super) fn defect(&mut self, from: Peer, malformed: Malformed, cx: &mut Cx) {
        self.defects = self.defects.saturating_add(1);
        let what = match self.defects.cmp(&MAX_DEFECTS) {
            std::cmp::Ordering::Less => format!("HTTP/2: {}", malformed.what),
            std::cmp::Ordering::Equal => "HTTP/2: more malformed advice than is told".into(),
            std::cmp::Ordering::Greater => return,
        };
        cx.event(Event::Defect { exchange: None, from, what });
    }

    fn tell(&mut self, advised: Advised, cx: &mut Cx) {
        self.told += 1;
        let from = advised.from;
        cx.event(match self.told.cmp(&MAX_ADVICE) {
            std::cmp::Ordering::Less => {
                Event::Advised { exchange: None, advised: Box::new(advised) }
            }
            std::cmp::Ordering::Equal => too_much(None, from),
            std::cmp::Ordering::Greater => return,
        });
    }
}

fn tell_of(exchange: ExchangeId, told: &mut u32, advised: Advised, cx: &mut Cx) {
    *told = told.saturating_add(1);
    let from = advised.from;
    cx.event(match (*told).cmp(&MAX_ADVICE_OF_STREAM) {
        std::cmp::Ordering::Less => {
            Event::Advised { exchange: Some(exchange), advised: Box::new(advised) }
        }
        std::cmp::Ordering::Equal => too_much(Some(exchange), from),
        std::cmp::Ordering::Greater => return,
    });
}

fn too_much(exchange: Option<ExchangeId>, from: Peer) -> Event {
    Event::Defect { exchange, from, what: "HTTP/2: more advice than is told".into() }
}
