//! An exchange on a stream of the client.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sidestream_flow::ExchangeId;
use sidestream_record::{Fields, RequestHead};

use crate::hooks::{Asked, Origin, Want};
use crate::multiplexed::socket::Socket;
use crate::translate::body::Sending;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) exchange: ExchangeId,
    /// The request, until it is made one that the server gets.
    pub(super) request: Option<RequestHead>,
    /// It has no body.
    pub(super) bodiless: bool,
    /// What hooks want of it.
    pub(super) want: Want,
    /// It is held until it is whole, for hooks to see.
    pub(super) gathering: bool,
    /// Hooks are asked about it.
    pub(super) judged: bool,
    /// They saw its body.
    pub(super) whole: bool,
    /// The server that it goes to, if a hook named another one.
    pub(super) to: Option<Origin>,
    pub(super) method: Bytes,
    /// The head of the request as the server gets it.
    pub(super) head: Bytes,
    pub(super) sending: Sending,
    /// The request waits until it is known whether its user may use us.
    pub(super) authenticating: bool,
    /// The request waits until it is resumed.
    pub(super) held: bool,
    /// The connection on which the request was sent.
    pub(super) server: Option<u32>,
    /// What came of the request's body before there was a connection, which is copied, since a
    /// slice may hold much more.
    pub(super) body: BytesMut,
    pub(super) trailers: Fields,
    /// The request came whole.
    pub(super) came: bool,
    /// The request was sent whole.
    pub(super) asked: bool,
    /// Something of the final response was sent to the client.
    pub(super) answering: bool,
    /// The response was sent whole.
    pub(super) answered: bool,
    /// How many interim responses came.
    pub(super) interim: u32,
    /// The request as the client sent it, where there are hooks.
    pub(super) seen: Option<Arc<Asked>>,
    /// How many bytes count as consumed once what waits was sent.
    pub(super) owed: usize,
    /// The WebSocket that it is to become, or is, and the key with which the server is asked.
    pub(super) socket: Socket,
    pub(super) key: String,
}

impl Stream {
    pub(super) fn new(exchange: ExchangeId, request: RequestHead, bodiless: bool) -> Self {
        let socket = Socket::asked(&request);
        let method = request.method.clone();
        Self {
            exchange,
            request: Some(request),
            bodiless,
            want: Want::Nothing,
            gathering: false,
            judged: false,
            whole: false,
            to: None,
            method,
            head: Bytes::new(),
            sending: Sending::Plain,
            authenticating: false,
            held: false,
            server: None,
            body: BytesMut::new(),
            trailers: Fields::default(),
            came: false,
            asked: false,
            answering: false,
            answered: false,
            interim: 0,
            seen: None,
            owed: 0,
            socket,
            key: String::new(),
        }
    }

    /// Returns whether it asked for a WebSocket, and was not answered.
    pub(super) const fn is_opening(&self) -> bool {
        matches!(self.socket, Socket::Asked)
    }

    /// Returns whether it asked for a WebSocket, or is one.
    pub(super) const fn is_socket(&self) -> bool {
        !matches!(self.socket, Socket::None)
    }

    /// Returns whether a request that may have been lost can be sent again without harm
    /// (RFC 9110 §9.2.1).
    pub(super) fn is_safe(&self) -> bool {
        !self.is_socket() && matches!(&self.method[..], b"GET" | b"HEAD" | b"OPTIONS")
    }
}
