//! An exchange whose request was sent on.

use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::Failure;

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
}

impl Flight {
    pub(crate) fn new(id: ExchangeId, server: u32, method: Bytes) -> Self {
        Self {
            id,
            server,
            method,
            asked: false,
            answered: false,
            answering: false,
            persists: true,
            failure: None,
            interim: Interim::default(),
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.asked && self.answered
    }
}
