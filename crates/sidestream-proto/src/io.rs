//! What goes into the machine and what comes out of it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use sidestream_flow::{ExchangeId, FlowId, MessageId, Peer};
use sidestream_record::{DialFailure, DnsMessage, Event, Via};

use crate::Login;
use crate::deferred::{Kept, Share};
use crate::hooks::{MessageQuestion, MessageVerdict, Question, Verdict};

/// Something that happened, told to the machine.
#[derive(Debug)]
pub enum Input {
    /// Whether the user and password are right that [`Output::Authenticate`] asked about.
    Authenticated(ExchangeId, bool),
    /// Bytes came from a peer; of a UDP flow, one datagram.
    Data(Peer, Bytes),
    /// All that was sent to a server is written. It is only of use where [`Conn::paces`] says so.
    ///
    /// [`Conn::paces`]: crate::Conn::paces
    Drained(Peer),
    /// A peer closed its writing half.
    Eof(Peer),
    /// The leaf that [`Output::NeedLeaf`] asked for, or why there is none.
    Leaf(Result<Arc<CertifiedKey>, String>),
    /// A server that [`Output::Open`] asked for was reached.
    Opened {
        /// The server's number.
        server: u32,
        /// The address that answered.
        addr: SocketAddr,
    },
    /// A server that [`Output::Open`] asked for was not reached.
    OpenFailed {
        /// The server's number.
        server: u32,
        /// Why.
        failure: DialFailure,
    },
    /// The connection with a peer broke.
    Reset(Peer),
    /// A server that [`Output::Open`] asked for is there: over a connection that another flow has
    /// left.
    Reused {
        /// The server's number.
        server: u32,
        /// The connection.
        kept: Box<Kept>,
        /// The flow that left it.
        by: FlowId,
    },
    /// A connection with a server that [`Output::Open`] asked for is there that another flow has
    /// left. No other is made before one is asked for again.
    Spare {
        /// The server's number.
        server: u32,
    },
    /// The splice that [`Output::Splice`] asked for is over; both connections are gone.
    Spliced {
        /// How many bytes came from the client meanwhile.
        from_client: u64,
        /// How many bytes came from the server meanwhile, and went to the client.
        from_server: u64,
        /// How it ended.
        end: SpliceEnd,
    },
    /// The user wants to stop: what is under way may end, nothing new begins.
    Stop,
    /// The instant of the last [`Output::Wait`] has come.
    Timeout,
    /// What becomes of a WebSocket message that [`Output::AskMessage`] asked about.
    MessageVerdict(MessageId, Box<MessageVerdict>),
    /// What becomes of a message that [`Output::Ask`] asked about.
    Verdict(ExchangeId, Box<Verdict>),
    /// A server is about to be told of as [`Opened`](Self::Opened) that another proxy leads to.
    Via {
        /// The server's number.
        server: u32,
        /// The proxy.
        via: Via,
    },
}

/// Something that the engine is asked to do.
#[derive(Debug)]
pub enum Output {
    /// Answer a client whose server was not asked for yet, as if that had accepted.
    Accept,
    /// Reset the connection with a peer; a client that was not accepted yet is refused.
    Abort(Peer),
    /// Have hooks judge a message that waits meanwhile, and answer with [`Input::Verdict`]. Other
    /// exchanges go on.
    Ask(Box<Question>),
    /// Have hooks judge a WebSocket message that waits meanwhile, and answer with
    /// [`Input::MessageVerdict`]. What the other side says goes on.
    AskMessage(Box<MessageQuestion>),
    /// Judge a user and a password, where that may take a while, and answer with
    /// [`Input::Authenticated`]. The request that says them waits meanwhile.
    Authenticate(Box<Login>),
    /// Nothing more will come: once what was sent is written, drop every connection.
    Done,
    /// Record an event.
    Event(Event),
    /// Leave a connection with a server to other flows: for them it is what
    /// [`Open`](Self::Open) may be answered with by [`Input::Reused`].
    Keep {
        /// The server's number.
        server: u32,
        /// What goes with it.
        kept: Box<Kept>,
    },
    /// Remember the names of addresses that a DNS answer told, of a flow that is not recorded.
    Learn(DnsMessage),
    /// Issue a leaf and answer with [`Input::Leaf`].
    NeedLeaf(LeafRequest),
    /// Connect to a server and answer with [`Input::Opened`] or [`Input::OpenFailed`].
    Open {
        /// The server's number, by which it is named from now on.
        server: u32,
        /// What to connect to.
        target: Target,
        /// Whether a connection that another flow has left may serve instead.
        share: Share,
    },
    /// Send bytes to a peer; of a UDP flow, one datagram.
    Send(Peer, Bytes),
    /// Close the writing half towards a peer, after all that was sent.
    Shutdown(Peer),
    /// Move all that comes between the client and that server as it is until both have ended, and
    /// answer with [`Input::Spliced`] and nothing else of the two. What was sent before goes first.
    Splice {
        /// The server's number.
        server: u32,
    },
    /// Wait for an input, and if none comes, for that instant.
    Wait(Option<Instant>),
}

/// How a splice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpliceEnd {
    /// Both peers have ended.
    Closed,
    /// The connection with that peer broke, and so the other one was reset.
    Reset(Peer),
    /// The proxy was stopped.
    Stopped,
}

/// What to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The same as a name, for requests of HTTP without TLS, which another proxy on the way may be
    /// given in its own form.
    Http(String, u16),
    /// A name that is looked up, and a port.
    Name(String, u16),
    /// The flow's original destination.
    Original,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(host, port) | Self::Name(host, port) if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Self::Http(host, port) | Self::Name(host, port) => write!(f, "{host}:{port}"),
            Self::Original => f.write_str("original destination"),
        }
    }
}

/// What a leaf certificate is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRequest {
    /// The name that the client asked for, or the address that it dialled.
    pub host: String,
    /// The certificate that the server showed, whose names the leaf should have.
    pub like: Option<CertificateDer<'static>>,
    /// The kind of key that the client takes.
    pub key: LeafKind,
    /// What stands behind the leaf in the chain.
    pub chain: Vec<CertificateDer<'static>>,
}

/// The kind of a leaf's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeafKind {
    /// ECDSA on P-256, wherever the client takes it.
    EcdsaP256,
    /// RSA of 2048 bits, for clients that take no other.
    Rsa2048,
}
