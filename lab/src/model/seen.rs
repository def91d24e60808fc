//! What each of the three saw: the client, the proxy and the origin.

use serde::{Deserialize, Serialize};

/// What a client was told to do, in words, and what it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The host.
    pub host: String,
    /// What it did, for people: `curl GET http://origin/hello`.
    pub did: String,
    /// What it got.
    pub got: Answer,
}

/// What a client got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status of an HTTP response, or of the handshake of a WebSocket.
    pub status: Option<u16>,
    /// The version that was spoken, `HTTP/1.1` or `HTTP/2`.
    pub version: Option<String>,
    /// Fields of the response, as they came, without `Date`.
    pub fields: Vec<(String, String)>,
    /// All content, or what came over TCP; messages or datagrams one after the other.
    pub content: Vec<u8>,
    /// What went wrong, in the words of [`Trouble`].
    pub trouble: Option<Trouble>,
    /// What the program said besides, for people who look for a failure; in no transcript.
    pub said: String,
}

/// What can go wrong for a client, whatever its words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Nobody listens there.
    Refused,
    /// There is no way there.
    Unreachable,
    /// The connection was reset.
    Reset,
    /// The connection ended too early.
    CutShort,
    /// It took too long.
    TimedOut,
    /// The certificate is not trusted.
    Untrusted,
    /// TLS failed otherwise.
    Tls,
    /// There is no such name.
    NoName,
    /// The program was killed.
    Killed,
    /// Anything else.
    Other,
}

/// A line of the proxy: an exchange, a WebSocket, a question, or a flow of something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSeen {
    /// The `kind` of the JSON line.
    pub kind: String,
    /// The name of the executable that caused it, without its folder and a version's end
    /// (`python3`, not `python3.11`); on sim that of the program which the ask names.
    pub process: Option<String>,
    /// Host of the lab and port, `origin:80`.
    pub server: String,
    /// What was asked: `GET http://origin/hello HTTP/1.1`, the name in question, or nothing.
    pub asked: Option<String>,
    /// What was answered: `200 HTTP/1.1`, `101`, addresses, or nothing.
    pub answered: Option<String>,
    /// Bytes of content up and down.
    pub bytes: (u64, u64),
    /// Whether TLS was read: `read`, `passed`, or nothing where there was none.
    pub tls: Option<String>,
    /// The failure's message and blame, with names for addresses.
    pub error: Option<String>,
    /// Defects and alterations.
    pub notes: Vec<String>,
}

/// A connection, or an association, that an origin saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginSeen {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub transport: String,
    /// The server name and the protocol that were agreed on in TLS: `TLS 1.3 origin h2`.
    pub tls: Option<String>,
    /// First lines of requests, questions, or the first bytes.
    pub first: Vec<String>,
    /// Bytes that came and that were sent, inside of TLS; for HTTP/2 and WebSocket, where framing
    /// and fields are each program's own, those of content and messages alone.
    pub bytes: (u64, u64),
    /// How the client's side ended; always [`Ended::Open`] for `udp`.
    pub ended: Ended,
}

/// How a connection ended, as the origin saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The peer ended its side first.
    ByPeer,
    /// The origin ended it first.
    ByOrigin,
    /// It was reset by the peer.
    Reset,
    /// TLS was not agreed on.
    NoHandshake,
    /// It was open to the end.
    Open,
}
