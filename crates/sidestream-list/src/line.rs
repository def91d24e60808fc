//! A line of a list, ready to be drawn.

use std::time::{Duration, SystemTime};

use sidestream_flow::{ExchangeId, FlowId};

/// Which line: that of an exchange, or of a flow that has none.
///
/// They are ordered by flow, and within it by exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it is what a line is found by")]
pub struct LineId {
    /// The flow.
    pub flow: FlowId,
    /// The exchange; `None` for the line of a flow.
    pub exchange: Option<ExchangeId>,
}

/// A line of a list: an exchange, or a flow that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line<'a> {
    /// Which line it is.
    pub id: LineId,
    /// When it began.
    pub started: SystemTime,
    /// When it was over.
    pub ended: Option<SystemTime>,
    /// The process.
    pub process: Option<LineProcess<'a>>,
    /// The method, `DNS`, or the transport of a flow.
    pub method: Option<&'a str>,
    /// The URL, what a DNS query asks for, or the name and address of a flow's server.
    pub url: Option<&'a str>,
    /// The status, or the code of a DNS response.
    pub status: Option<u16>,
    /// How many bytes of content the client sent; of a flow, all bytes.
    pub request_bytes: u64,
    /// How many bytes of content the client got; of a flow, all bytes.
    pub response_bytes: u64,
    /// Why it did not end well.
    pub failure: Option<&'a str>,
}

/// The process of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineProcess<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its id in the system.
    pub pid: u32,
}

impl Line<'_> {
    /// Returns how long it took, once it is over; nothing if the clock was set back.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.ended?.duration_since(self.started).unwrap_or_default())
    }

    /// Returns how many bytes went by, both ways.
    pub const fn bytes(&self) -> u64 {
        self.request_bytes.saturating_add(self.response_bytes)
    }
}
