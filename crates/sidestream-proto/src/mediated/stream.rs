//! An exchange on a stream, and what waits in it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::{Event, Fields, Part, Point};

use crate::cx::Cx;
use crate::hooks::{Asked, Want};
use crate::multiplexed::socket::Socket;

/// Something that one side sent and the other has not got yet.
#[derive(Debug)]
pub(super) enum Item {
    Head {
        fields: Fields,
        end: bool,
    },
    Data {
        bytes: Bytes,
        end: bool,
        /// How many bytes count as consumed once it goes on: none of what was said to be before.
        count: usize,
    },
    Trailers(Fields),
}

/// Where a request goes that does not go to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// Nowhere: a hook answers it.
    Answered,
    /// To another server, on a connection of its own.
    Detour,
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// What waits, in order.
    pub(super) waiting: VecDeque<Item>,
    /// Nothing goes on until the user says so.
    pub(super) held: bool,
    /// What hooks want of it.
    pub(super) want: Want,
    /// It is held until it is whole, for hooks to see.
    pub(super) gathering: bool,
    /// Hooks are asked about it.
    pub(super) asked: bool,
    /// They saw its body.
    pub(super) whole: bool,
    /// The head, of a response the final one, came.
    pub(super) begun: bool,
    /// It came whole.
    pub(super) came: bool,
}

impl Half {
    /// Holds it, if the user wants that at that point.
    pub(super) fn hold(&mut self, exchange: ExchangeId, point: Point, cx: &mut Cx) {
        if cx.config.hold.contains(&point) {
            self.held = true;
            cx.event(Event::Held { exchange, point });
        }
    }

    /// Returns how many bytes of content wait that were not said to be consumed.
    pub(super) fn uncounted(&self) -> usize {
        let bytes = |item: &Item| match item {
            Item::Data { count, .. } => *count,
            Item::Head { .. } | Item::Trailers(_) => 0,
        };
        self.waiting.iter().map(bytes).sum()
    }

    /// Returns how many bytes of content wait.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |item: &Item| match item {
            Item::Data { bytes, .. } => bytes.len(),
            Item::Head { .. } | Item::Trailers(_) => 0,
        };
        self.waiting.iter().map(bytes).sum()
    }

    pub(super) fn is_over(&self) -> bool {
        self.came && self.waiting.is_empty()
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) exchange: ExchangeId,
    /// Its number at the server, once it was begun there.
    pub(super) there: Option<u32>,
    pub(super) aside: Option<Aside>,
    /// Its request waits until it is known whether its user may use us.
    pub(super) authenticating: bool,
    /// Its answer has no body (RFC 9110 §9.3.2).
    pub(super) is_head: bool,
    /// The request as the client sent it, where there are hooks.
    pub(super) seen: Option<Arc<Asked>>,
    pub(super) request: Half,
    pub(super) response: Half,
    /// The WebSocket that it is to become, or is.
    pub(super) socket: Socket,
}

impl Stream {
    pub(super) fn new(exchange: ExchangeId) -> Self {
        Self {
            exchange,
            there: None,
            aside: None,
            authenticating: false,
            is_head: false,
            seen: None,
            request: Half::default(),
            response: Half::default(),
            socket: Socket::None,
        }
    }

    pub(super) const fn half(&mut self, part: Part) -> &mut Half {
        match part {
            Part::Request => &mut self.request,
            Part::Response => &mut self.response,
        }
    }

    /// Returns how many bytes of content wait because hooks want to see them.
    pub(super) fn held_bytes(&self) -> usize {
        let halves = [&self.request, &self.response];
        halves.into_iter().filter(|half| half.held).map(Half::bytes).sum()
    }

    pub(super) fn method(&self) -> Bytes {
        self.seen.as_ref().map(|seen| seen.head.method.clone()).unwrap_or_default()
    }

    pub(super) fn is_over(&self) -> bool {
        // An answer does not wait for the rest of a request that goes nowhere.
        (self.request.is_over() || self.aside == Some(Aside::Answered)) && self.response.is_over()
    }
}
