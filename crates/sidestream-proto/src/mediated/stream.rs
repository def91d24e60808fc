//! An exchange on a stream, and what waits in it.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::{Fields, Part};

/// Something that one side sent and the other has not got yet.
#[derive(Debug)]
pub(super) enum Item {
    Head { fields: Fields, end: bool },
    Data { bytes: Bytes, end: bool },
    Trailers(Fields),
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// What waits, in order.
    pub(super) waiting: VecDeque<Item>,
    /// Nothing goes on until the user says so.
    pub(super) held: bool,
    /// The head, of a response the final one, came.
    pub(super) begun: bool,
    /// It came whole.
    pub(super) came: bool,
}

impl Half {
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
    pub(super) request: Half,
    pub(super) response: Half,
}

impl Stream {
    pub(super) fn new(exchange: ExchangeId) -> Self {
        Self { exchange, there: None, request: Half::default(), response: Half::default() }
    }

    pub(super) const fn half(&mut self, part: Part) -> &mut Half {
        match part {
            Part::Request => &mut self.request,
            Part::Response => &mut self.response,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.request.is_over() && self.response.is_over()
    }
}
