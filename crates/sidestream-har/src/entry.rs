//! One entry of an archive: a request, its response, and when they went by.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When the request began.
    pub started: SystemTime,
    /// What was asked.
    pub request: Request,
    /// What was answered; `None` where no response came.
    pub response: Option<Response>,
    /// How long the parts took.
    pub timings: Timings,
    /// The server's address.
    pub server: Option<IpAddr>,
    /// What names the connection.
    pub connection: Option<String>,
    /// The messages of the WebSocket that the exchange opened.
    pub messages: Vec<SocketMessage>,
    /// Who asked.
    pub process: Option<Process>,
    /// Why it did not end well, if it did not.
    pub failure: Option<String>,
    /// What the user noted of it.
    pub comment: Option<String>,
    /// What the program that wrote the archive has to say of it.
    pub remarks: Option<String>,
}

/// A field of a head, a cookie, a part of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value. Bytes that are no UTF-8 stand as the characters of Latin-1 that they would be.
    pub value: String,
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The version, as in `HTTP/1.1`; empty where it is not known.
    pub version: String,
    /// The fields of the head, in order.
    pub fields: Vec<Field>,
    /// The body.
    pub body: Body,
    /// What a form held, where the archive tells that apart from the body.
    pub params: Vec<Param>,
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The version, as in `HTTP/1.1`; empty where it is not known.
    pub version: String,
    /// The fields of the head, in order.
    pub fields: Vec<Field>,
    /// The body.
    pub body: Body,
}

/// A body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The content, without content codings (RFC 9110 §8.4); `None` where it is not in the archive.
    pub content: Option<Vec<u8>>,
    /// How many bytes of content there are, without codings.
    pub bytes: Option<u64>,
    /// How many bytes it had as it was transferred, with its codings.
    pub transferred: Option<u64>,
    /// The media type.
    pub media_type: String,
    /// What is to be said of it.
    pub comment: Option<String>,
}

/// A part of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its value, or the content of its file.
    pub value: Option<String>,
    /// The name of the file that was sent.
    pub file_name: Option<String>,
    /// The file's media type.
    pub content_type: Option<String>,
}

/// How long the parts of an exchange took; `None` where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for a connection.
    pub blocked: Option<Duration>,
    /// Looking the name up.
    pub dns: Option<Duration>,
    /// Connecting, TLS included.
    pub connect: Option<Duration>,
    /// Agreeing on TLS.
    pub ssl: Option<Duration>,
    /// Sending the request.
    pub send: Option<Duration>,
    /// Waiting for the response.
    pub wait: Option<Duration>,
    /// Receiving the response.
    pub receive: Option<Duration>,
}

impl Timings {
    /// Returns how long all of it took; that of TLS is part of connecting.
    pub fn total(&self) -> Duration {
        let Self { blocked, dns, connect, ssl: _, send, wait, receive } = self;
        let parts = [blocked, dns, connect, send, wait, receive];
        parts.into_iter().flatten().fold(Duration::ZERO, |sum, part| sum.saturating_add(*part))
    }
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the server.
    Received,
    /// From the client.
    Sent,
}

/// A message of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketMessage {
    /// Which way it went.
    pub direction: Direction,
    /// When.
    pub at: SystemTime,
    /// Its opcode (RFC 6455 §5.2): 1 for text, 2 for binary.
    pub opcode: u8,
    /// Its content. Of a close, the code comes first, as on the wire.
    pub data: Vec<u8>,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The executable.
    pub path: Option<String>,
    /// The user's name, or number where it has none.
    pub user: Option<String>,
    /// The container's name, or id where it has none.
    pub container: Option<String>,
}
