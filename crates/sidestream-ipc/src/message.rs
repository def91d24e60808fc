//! What the helper and the proxy say to each other.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sidestream_flow::{FlowKey, Process, Transport};
use sidestream_packet::Batch;

use crate::{Diverted, Level, Notice, PacketTag, VERSION};

/// A message, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// Both: the first message of each side.
    Hello(Hello),
    /// To the helper: capture. The first message after `Hello`, and sent once.
    Start(Start),
    /// To the helper: capture other processes from now on.
    SetSpec(SetSpec),
    /// To the helper: the knock was sent, so the proxy's own process can be told from others.
    Knocked,
    /// To the helper: the proxy is alive and serves flows.
    Beat,
    /// To the helper: end the capture and leave.
    Stop,
    /// To the helper: make a socket in the network namespace of a flow.
    Open(OpenSocket),
    /// To the proxy: the answer to [`Open`](Self::Open), accompanied by the descriptor of a
    /// socket that does not wait and is not connected, unless there is an error.
    Opened {
        /// The number that the proxy gave to the request.
        serial: u64,
        /// The system's number of the reason why there is no socket.
        error: Option<i32>,
    },
    /// To the proxy: open a connection to this address, by which the proxy is known from then on.
    Knock(SocketAddr),
    /// To the proxy: the capture runs.
    Started(Started),
    /// To the proxy: the capture cannot start, or cannot go on.
    Refused(Refused),
    /// To the proxy: the answer to [`SetSpec`](Self::SetSpec).
    SpecSet {
        /// The number that the proxy gave to the request.
        serial: u64,
        /// Why the spec was not taken; the old one holds then.
        error: Option<String>,
    },
    /// To the proxy: a process that flows will name.
    Process(Box<ProcessRecord>),
    /// To the proxy: no flow will name this process again.
    Forget {
        /// The key of its record.
        key: u64,
    },
    /// To the proxy: a flow, accompanied by the descriptor of its socket.
    Flow(Flow),
    /// Either: a datagram of a flow, where it cannot go through the flow's own socket.
    Datagram {
        /// The id of the flow.
        flow: u64,
        /// What was sent; may be empty.
        payload: Bytes,
    },
    /// To the proxy: a flow whose packets follow, where packets are what is captured.
    Diverted(Diverted),
    /// Either: packets of such flows, in their order.
    ///
    /// To the proxy they are better sent by [`encode_packets_head`](crate::encode_packets_head).
    Packets(Batch<PacketTag>),
    /// To the proxy: the program has closed the socket of this UDP flow, or no packet of this
    /// flow will follow.
    Closed {
        /// The id of the flow.
        flow: u64,
    },
    /// To the proxy: something that users may want to know.
    Notice(Notice),
    /// To the proxy: a line of the helper's log.
    Log {
        /// How grave it is.
        level: Level,
        /// The line.
        text: String,
    },
}

impl Message {
    /// Returns how many descriptors accompany the message.
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Flow(_) | Self::Opened { error: None, .. } => 1,
            _ => 0,
        }
    }

    /// Returns the name of its kind, for people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::Closed { .. } => "closed",
            Self::Datagram { .. } => "datagram",
            Self::Diverted(_) => "diverted",
            Self::Flow(_) => "flow",
            Self::Forget { .. } => "forget",
            Self::Hello(_) => "hello",
            Self::Knock(_) => "knock",
            Self::Knocked => "knocked",
            Self::Log { .. } => "log",
            Self::Notice(_) => "notice",
            Self::Open(_) => "open",
            Self::Opened { .. } => "opened",
            Self::Packets(_) => "packets",
            Self::Process(_) => "process",
            Self::Refused(_) => "refused",
            Self::SetSpec(_) => "set spec",
            Self::SpecSet { .. } => "spec set",
            Self::Start(_) => "start",
            Self::Started(_) => "started",
            Self::Stop => "stop",
        }
    }
}

impl From<ProcessRecord> for Message {
    fn from(record: ProcessRecord) -> Self {
        Self::Process(Box::new(record))
    }
}

impl From<OpenSocket> for Message {
    fn from(request: OpenSocket) -> Self {
        Self::Open(request)
    }
}

impl From<Flow> for Message {
    fn from(flow: Flow) -> Self {
        Self::Flow(flow)
    }
}

/// Who speaks, and which version of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version that the sender speaks.
    pub version: u32,
    /// The sender's name and its own version: `sidestream 0.1.0`.
    pub program: String,
}

impl Hello {
    /// Makes the greeting of a program that speaks this crate's version.
    pub fn new(program: impl Into<String>) -> Self {
        Self { version: VERSION, program: program.into() }
    }
}

/// What to capture at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Which processes, in the language of `sidestream-spec`.
    pub spec: String,
    /// Whether connections that are open already are reset, so that they come again.
    pub reset_existing: bool,
}

/// What to capture from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSpec {
    /// A number that the answer carries, so that it can be told which request it is to.
    pub serial: u64,
    /// Which processes, in the language of `sidestream-spec`.
    pub spec: String,
    /// Whether connections that are open already are reset, so that they come again.
    pub reset_existing: bool,
}

/// What a running capture can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Whether flows over IPv6 are captured.
    pub ipv6: bool,
    /// Whether UDP is captured.
    pub udp: bool,
    /// Whether processes of every user are captured, and not of the caller alone.
    pub all_users: bool,
}

/// Why there is no capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What went wrong.
    pub what: String,
    /// What the user can do about it.
    pub remedy: Option<String>,
}

/// A process under the key by which flows and other records name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRecord {
    /// Its key, which is never used for another process.
    pub key: u64,
    /// The key of its parent's record, which was sent before.
    pub parent: Option<u64>,
    /// What is known of it. Its `parent` is not carried: the record's own names it.
    pub process: Process,
}

/// A captured flow, whose socket accompanies the message.
///
/// The socket is an accepted TCP connection, or a UDP socket that is connected to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The helper's own number of the flow.
    pub id: u64,
    /// The program's true endpoint, and the destination that it gave to the kernel.
    pub key: FlowKey,
    /// The key of its process.
    pub process: Option<u64>,
    /// What the spec says of it.
    pub verdict: FlowVerdict,
    /// The source address that the program bound explicitly.
    pub bound: Option<IpAddr>,
    /// The program's `IP_MTU_DISCOVER`, which the upstream socket is to have too.
    pub path_mtu_discovery: u8,
    /// The helper's own number of the program's network namespace, in which the upstream socket is
    /// to be [opened](Message::Open); `None` where it is the proxy's.
    pub net: Option<u32>,
}

/// Which socket is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSocket {
    /// A number that the answer carries, so that it can be told which request it is to.
    pub serial: u64,
    /// The helper's own number of a network namespace, as a flow told it.
    pub net: u32,
    /// What the socket is for.
    pub transport: Transport,
    /// Whether it is for IPv6.
    pub ipv6: bool,
}

/// What the spec says of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowVerdict {
    /// Show it to the user.
    Intercept,
    /// Carry it unseen.
    Pass,
    /// Decide by what is left of the spec once the host's name is known.
    Residual(String),
}
