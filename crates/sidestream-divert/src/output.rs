//! What a machine asks for.

use std::time::Instant;

use sidestream_flow::FlowKey;
use sidestream_packet::{Batch, Offload};

use crate::{Address, Owner, Question};

/// What is to be done next; see [`Diverter::poll_output`](crate::Diverter::poll_output).
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Find out, and answer by [`handle_answer`](crate::Diverter::handle_answer).
    Ask(Question),
    /// Tell the proxy that no packet of this flow will follow.
    Forget(FlowNumber),
    /// Give these to WinDivert, in one call: packets that are passed as they came, and those that
    /// the proxy sends to programs.
    Inject(Batch<Address>),
    /// Tell whoever wants to know.
    Note(Note),
    /// Tell the proxy of a flow, whose packets follow.
    Opened {
        /// How packets name it.
        flow: FlowNumber,
        /// Between whom it is; the client sends what is diverted.
        key: FlowKey,
        /// Whose it is.
        owner: Owner,
        /// Which way the client's packets go.
        way: Way,
    },
    /// Send these to the proxy, and say by [`handle_taken`](crate::Diverter::handle_taken) when
    /// that is done.
    ToProxy(Batch<Tag>),
    /// There is nothing to do until then, or until something else happens.
    Wait(Option<Instant>),
}

/// Names a diverted flow; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowNumber(pub u64);

/// What is said of a packet to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Whose it is.
    pub flow: FlowNumber,
    /// The state of its checksum. The IPv4 header's is always complete.
    pub offload: Offload,
}

/// Which way a flow's client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From another host to a program here.
    Inbound,
    /// From a program here to another one here.
    Loopback,
    /// From a program here to another host.
    Outbound,
}

/// Something that happened otherwise than was wished; nothing is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// There are too many flows, so this one is passed.
    FlowsFull {
        /// Which.
        key: FlowKey,
    },
    /// A socket that is to be diverted was known too late: its flow is passed to its end.
    Late {
        /// Which flow.
        key: FlowKey,
        /// Whose.
        owner: Owner,
    },
    /// Too much waits already, so this flow is passed without knowing whose it is.
    NoRoom {
        /// Which.
        key: FlowKey,
    },
    /// The number of the process that used a socket was another's when it was looked up: the
    /// socket is passed.
    PidReused {
        /// Which.
        pid: u32,
    },
    /// The proxy is gone, or silent for too long. What it carried was reset, all else is passed.
    ProxyLost {
        /// How many connections were reset.
        reset: usize,
    },
    /// Nobody said in time whose this flow is, so it is passed to its end.
    Unclaimed {
        /// Which.
        key: FlowKey,
        /// How many packets waited.
        packets: usize,
    },
}
