//! An exchange on a stream of the client.

use bytes::{Bytes, BytesMut};
use sidestream_flow::ExchangeId;
use sidestream_record::Fields;

use crate::translate::body::Sending;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) exchange: ExchangeId,
    pub(super) method: Bytes,
    /// The head of the request as the server gets it.
    pub(super) head: Bytes,
    pub(super) sending: Sending,
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
}

impl Stream {
    pub(super) fn new(exchange: ExchangeId, method: Bytes, head: Bytes, sending: Sending) -> Self {
        Self {
            exchange,
            method,
            head,
            sending,
            held: false,
            server: None,
            body: BytesMut::new(),
            trailers: Fields::default(),
            came: false,
            asked: false,
            answering: false,
            answered: false,
            interim: 0,
        }
    }

    /// Returns whether a request that may have been lost can be sent again without harm
    /// (RFC 9110 §9.2.1).
    pub(super) fn is_safe(&self) -> bool {
        matches!(&self.method[..], b"GET" | b"HEAD" | b"OPTIONS")
    }
}
