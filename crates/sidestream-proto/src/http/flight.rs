//! An exchange whose request was sent on.

use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::Failure;

use crate::hooks::Asked;

/// The interim responses of an exchange.
#[derive(Debug, Default)]
pub(crate) struct Interim {
    /// How many were told.
    pub(crate) count: u32,
    /// How long these were.
    pub(crate) bytes: usize,
    /// There are others.
    pub(crate) untold: bool,
}

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: ExchangeId,
    pub(crate) server: u32,
    pub(crate) method: Bytes,
    /// The request asks for a tunnel, or for another protocol.
    pub(crate) leaves_http: bool,
    /// The request was sent whole.
    pub(crate) asked: bool,
    /// The response came whole.
    pub(crate) answered: bool,
    /// Something of the final response was sent to the client.
    pub(crate) answering: bool,
    /// Another exchange may follow on the connections.
    pub(crate) persists: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) interim: Interim,
    /// The request as the client sent it, where there are hooks.
    pub(crate) seen: Option<Arc<Asked>>,
    /// The response that a hook gives, as it goes to the client in its turn.
    pub(crate) answer: Option<Bytes>,
    /// The request as it went to a connection that another flow had left, if it may go once more.
    pub(crate) again: Option<Bytes>,
    /// It was sent twice.
    pub(crate) repeated: bool,
}

impl Flight {
    /// The server of a request that went to none, since a hook answers it.
    pub(crate) const NOWHERE: u32 = u32::MAX;

    pub(crate) fn new(id: ExchangeId, server: u32, method: Bytes) -> Self {
        Self {
            id,
            server,
            method,
            leaves_http: false,
            asked: false,
            answered: false,
            answering: false,
            persists: true,
            failure: None,
            interim: Interim::default(),
            seen: None,
            answer: None,
            again: None,
            repeated: false,
        }
    }

    /// Returns why the server may not change the protocol now, if it may not.
    pub(crate) const fn cannot_leave_http(&self) -> Option<&'static str> {
        if !self.leaves_http {
            Some("another protocol begins, for which nobody asked")
        } else if !self.asked {
            Some("another protocol begins in the middle of a request")
        } else {
            None
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.asked && self.answered
    }
}
