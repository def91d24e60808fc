//! An exchange on its stream.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sidestream_flow::ExchangeId;
use sidestream_record::{Failure, Fields, ResponseHead, Version};

use crate::hooks::{Asked, Want};
use crate::multiplexed::socket::Socket;
use crate::translate::body::Sending;

/// Something of a response that the client has not got yet.
#[derive(Debug)]
pub(super) enum Piece {
    /// A head, and whether nothing follows.
    Head(ResponseHead, bool),
    Data(BytesMut),
    /// Of a WebSocket, and how many bytes of the stream count as consumed with it.
    Socket(Bytes, usize),
    End,
    Trailers(Fields),
    /// Nothing follows that should.
    Failed(Failure),
    /// An answer of our own with that status, and why it is given.
    Refusal(u16, Failure),
}

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) id: ExchangeId,
    pub(super) stream: u32,
    pub(super) method: Bytes,
    pub(super) version: Version,
    /// The request was read whole.
    pub(super) asked: bool,
    /// Another request may follow on the connection.
    pub(super) persists: bool,
    /// The response came whole, or as far as it ever will.
    pub(super) came: bool,
    /// How many interim responses came.
    pub(super) interim: u32,
    /// The response waits until it is resumed.
    pub(super) held: bool,
    /// What hooks want of the response.
    pub(super) want: Want,
    /// It is held until it is whole, for hooks to see.
    pub(super) gathering: bool,
    /// Hooks are asked about it.
    pub(super) judged: bool,
    /// They saw its body.
    pub(super) whole: bool,
    /// How much of its content was not said to be consumed.
    pub(super) owed: usize,
    /// The request goes to no server of HTTP/2: a hook answers it, or named another one.
    pub(super) aside: bool,
    /// What came of the response and was not sent on.
    pub(super) pending: VecDeque<Piece>,
    /// How the body is sent, once the head was.
    pub(super) sending: Option<Sending>,
    /// The response was sent whole.
    pub(super) answered: bool,
    pub(super) failure: Option<Failure>,
    /// The request as the client sent it, where there are hooks.
    pub(super) seen: Option<Arc<Asked>>,
    /// The WebSocket that it is to become, or is, and the key that the client gave.
    pub(super) socket: Socket,
    pub(super) key: Bytes,
}

impl Flight {
    pub(super) fn new(id: ExchangeId, stream: u32, method: Bytes, version: Version) -> Self {
        Self {
            id,
            stream,
            method,
            version,
            asked: false,
            persists: true,
            came: false,
            interim: 0,
            held: false,
            want: Want::Nothing,
            gathering: false,
            judged: false,
            whole: false,
            owed: 0,
            aside: false,
            pending: VecDeque::new(),
            sending: None,
            answered: false,
            failure: None,
            seen: None,
            socket: Socket::None,
            key: Bytes::new(),
        }
    }

    /// Keeps content until it can be sent, and copies it, since a slice may hold much more.
    pub(super) fn keep(&mut self, bytes: &Bytes) {
        if let Some(Piece::Data(kept)) = self.pending.back_mut() {
            kept.extend_from_slice(bytes);
        } else {
            self.pending.push_back(Piece::Data(BytesMut::from(&bytes[..])));
        }
    }

    /// Notes that the rest of the response will not come.
    pub(super) fn fail(&mut self, failure: Failure) {
        if !self.came {
            self.came = true;
            self.pending.push_back(Piece::Failed(failure));
        }
    }
}
