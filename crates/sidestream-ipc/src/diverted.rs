//! Flows that come as packets, and their packets.

use sidestream_flow::FlowKey;
use sidestream_packet::Offload;

use crate::{FlowVerdict, Message};

/// A flow that is captured as packets, which follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverted {
    /// The helper's own number of the flow.
    pub id: u64,
    /// Between whom it is; the client sends what is diverted.
    pub key: FlowKey,
    /// The key of its process.
    pub process: Option<u64>,
    /// What the spec says of it.
    pub verdict: FlowVerdict,
    /// Which way its client sends.
    pub direction: Direction,
}

/// Which way a flow's client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From another host to a program here.
    Inbound,
    /// From a program here to another one here.
    Loopback,
    /// From a program here to another host.
    Outbound,
}

/// What is said of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketTag {
    /// The id of its flow; 0 where it is to the helper, who knows by its addresses.
    pub flow: u64,
    /// What its sender left to be done.
    pub offload: Offload,
}

impl From<Diverted> for Message {
    fn from(flow: Diverted) -> Self {
        Self::Diverted(flow)
    }
}
