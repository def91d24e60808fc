//! What clients ask and what origins serve.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The program that does an ask, on grounds that have programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// curl; what the sim ground writes, too.
    Curl,
    /// Python: `urllib` for HTTP, `websockets` for WebSocket, `socket` for the rest.
    Python,
    /// Node's `fetch`.
    Node,
    /// Java's `HttpClient`.
    Java,
    /// dig.
    Dig,
    /// The lab's own client (`sidestream-lab ask`).
    Lab,
}

/// What a client does, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// One HTTP request.
    Http(HttpAsk),
    /// A WebSocket conversation: every frame is sent, and as many are awaited.
    WebSocket {
        /// The program.
        by: Program,
        /// Where, `ws:` or `wss:`.
        url: String,
        /// What is sent, one after the answer to the other.
        frames: Vec<WsFrame>,
        /// The code that the client closes with.
        close: u16,
    },
    /// A conversation over TCP.
    Tcp {
        /// The program: Python or the lab's own.
        by: Program,
        /// The host's name.
        host: String,
        /// The port.
        port: u16,
        /// What it does, in order.
        steps: Vec<Step>,
    },
    /// Datagrams to one port, each sent when the answer to the last has come.
    Udp {
        /// The program: Python or the lab's own.
        by: Program,
        /// The host's name.
        host: String,
        /// The port.
        port: u16,
        /// What is sent.
        datagrams: Vec<Vec<u8>>,
        /// How long an answer is waited for.
        patience: Duration,
    },
    /// One question to a name server, over UDP.
    Dns {
        /// The program: dig or the lab's own.
        by: Program,
        /// The host that is asked.
        server: String,
        /// The name in question.
        name: String,
    },
}

/// One HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAsk {
    /// The program.
    pub by: Program,
    /// The method.
    pub method: String,
    /// The target, with a scheme; the host is a host of the lab.
    pub url: String,
    /// Further fields, written as they are.
    pub fields: Vec<(String, String)>,
    /// The content, if any.
    pub body: Option<Vec<u8>>,
    /// Asks for HTTP/2: by ALPN over TLS, with prior knowledge else.
    pub http2: bool,
    /// Trusts the proxy's root and the lab's authority; else only the lab's authority.
    pub trusts_proxy: bool,
}

/// A step of a conversation over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends so many bytes of a pattern.
    SendMany(u64),
    /// Waits until so many bytes have come, in all.
    Await(u64),
    /// Waits until the other side has ended.
    AwaitEnd,
    /// Ends its own side.
    End,
    /// Resets the connection.
    Reset,
    /// Does nothing for so long.
    Pause(Duration),
}

/// A WebSocket message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WsFrame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// A port that an origin listens on, and what it does there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serve {
    /// The port; the same for TCP and UDP.
    pub port: u16,
    /// What is served.
    pub service: Service,
    /// TLS in front of it.
    pub tls: Option<ServeTls>,
}

/// What is served on a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// HTTP/1.1 and, by ALPN or prior knowledge, HTTP/2: the same answer to all.
    Http(ServeHttp),
    /// WebSocket: sends every message back, and the close.
    WebSocket,
    /// Follows a script with every connection.
    Tcp(Vec<Step>),
    /// Sends all back; half-closes when the client does.
    Echo,
    /// Sends datagrams back.
    UdpEcho,
    /// A name server that knows the hosts of the lab, and `missing.` not.
    Dns,
    /// Nobody listens: connections are refused.
    Refuse,
    /// Packets are dropped: nothing is answered.
    Silence,
    /// A program of the machine in front of the lab's pages (`nginx`, `dnsmasq`).
    Program(String),
}

/// How HTTP is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServeHttp {
    /// The status.
    pub status: u16,
    /// Fields, written as they are; those that frame the content are added.
    pub fields: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
    /// Content comes in chunks of this size, with trailers after them.
    pub chunks: Option<usize>,
    /// Trailer fields after chunks.
    pub trailers: Vec<(String, String)>,
    /// An interim response (103) before the answer.
    pub early_hints: bool,
    /// How the connection goes on.
    pub close: Close,
}

/// What becomes of a connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// It stays.
    Keep,
    /// It ends after the answer.
    After,
    /// It ends in the middle of the content.
    Middle,
    /// It is reset in the middle of the content.
    Reset,
}

/// The TLS of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServeTls {
    /// A good certificate for the host's name.
    Good,
    /// One that has expired.
    Expired,
    /// One for another name.
    OtherName,
    /// One that no authority issued.
    SelfSigned,
    /// The handshake is refused with an alert.
    Refuses,
    /// Only TLS 1.2.
    Old,
}

impl Default for ServeHttp {
    fn default() -> Self {
        Self {
            status: 200,
            fields: vec![("Content-Type".into(), "text/plain".into())],
            body: b"hello from the origin\n".to_vec(),
            chunks: None,
            trailers: Vec::new(),
            early_hints: false,
            close: Close::Keep,
        }
    }
}

impl HttpAsk {
    /// A `GET` by curl.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self {
            by: Program::Curl,
            method: "GET".into(),
            url: url.into(),
            fields: Vec::new(),
            body: None,
            http2: false,
            trusts_proxy: true,
        }
    }
}
