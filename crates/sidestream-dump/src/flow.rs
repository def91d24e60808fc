//! What a dump tells of flows.

use std::time::SystemTime;

/// Fields of a head, in order.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A flow as mitmproxy means it: an exchange of HTTP or DNS, a connection, or an association.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Its id, a UUID.
    pub id: String,
    /// When it began.
    pub created: SystemTime,
    /// The connection with the client.
    pub client: Connection,
    /// The connection with the server.
    pub server: Connection,
    /// Why it did not end well.
    pub failure: Option<Failure>,
    /// What the user wrote to it.
    pub comment: String,
    /// How the user marked it: the name of an emoji, such as `:red_circle:`; empty if not at all.
    pub marker: String,
    /// What addons noted. Values that are no text stand as JSON.
    pub metadata: Vec<(String, String)>,
    /// What of it was sent again.
    pub replay: Option<Replayed>,
    /// What went by.
    pub content: Content,
}

/// What of a flow was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a flow has these two parts")]
pub enum Replayed {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// One of the two connections of a flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    /// The id, a UUID.
    pub id: String,
    /// The peer's address.
    pub peer: Option<Endpoint>,
    /// The proxy's address.
    pub local: Option<Endpoint>,
    /// The server's name or address, as the client meant it.
    pub address: Option<Endpoint>,
    /// Whether it is one of datagrams.
    pub is_udp: bool,
    /// Whether TLS was spoken.
    pub is_tls: bool,
    /// The name in the ClientHello.
    pub sni: Option<String>,
    /// The protocol that was agreed on.
    pub alpn: Option<Vec<u8>>,
    /// The cipher suite, as OpenSSL names it.
    pub cipher: Option<String>,
    /// The version of TLS: `TLSv1.3`.
    pub tls_version: Option<String>,
    /// What the peer showed, its own certificate first, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// When it began.
    pub started: Option<SystemTime>,
    /// When it ended.
    pub ended: Option<SystemTime>,
}

/// Why a flow did not end well.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Why.
    pub message: String,
    /// When.
    pub at: SystemTime,
}

/// What went by.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A query and its answer.
    Dns(Box<Dns>),
    /// A request and its response.
    Http(Box<Http>),
    /// A connection.
    Tcp(Vec<Message>),
    /// Datagrams.
    Udp(Vec<Message>),
}

/// A stretch of a stream, or a datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whether it is from the client.
    pub from_client: bool,
    /// The bytes.
    pub data: Vec<u8>,
    /// When.
    pub at: SystemTime,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// The request.
    pub request: Request,
    /// The response.
    pub response: Option<Response>,
    /// The messages of the WebSocket that it opened.
    pub socket: Option<Socket>,
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Vec<u8>,
    /// `http` or `https`; empty for CONNECT.
    pub scheme: Vec<u8>,
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The authority in the request target or `:authority`, or nothing.
    pub authority: Vec<u8>,
    /// The path and query, or `*`.
    pub path: Vec<u8>,
    /// The version: `HTTP/1.1`.
    pub version: Vec<u8>,
    /// The fields.
    pub fields: Fields,
    /// The body, with its content codings; `None` where it is not in the dump.
    pub content: Option<Vec<u8>>,
    /// The trailer fields.
    pub trailers: Option<Fields>,
    /// When it began.
    pub started: SystemTime,
    /// When it was whole.
    pub ended: Option<SystemTime>,
}

/// A response.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: Vec<u8>,
    /// The version: `HTTP/1.1`.
    pub version: Vec<u8>,
    /// The fields.
    pub fields: Fields,
    /// The body, with its content codings; `None` where it is not in the dump.
    pub content: Option<Vec<u8>>,
    /// The trailer fields.
    pub trailers: Option<Fields>,
    /// When it began.
    pub started: SystemTime,
    /// When it was whole.
    pub ended: Option<SystemTime>,
}

/// A WebSocket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Socket {
    /// Its messages.
    pub messages: Vec<SocketMessage>,
    /// Who closed it; `None` where it was not closed.
    pub closed_by_client: Option<bool>,
    /// Why it was closed (RFC 6455 §7.4).
    pub close_code: Option<u16>,
    /// Why, in words.
    pub close_reason: Option<String>,
    /// When it ended.
    pub ended: Option<SystemTime>,
}

/// A message of a WebSocket.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketMessage {
    /// The opcode: 1 for text, 2 for binary.
    pub opcode: u8,
    /// Whether it is from the client.
    pub from_client: bool,
    /// The content.
    pub data: Vec<u8>,
    /// When.
    pub at: SystemTime,
    /// Whether it did not go on.
    pub dropped: bool,
    /// Whether the user sent it.
    pub injected: bool,
}

/// A query and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// The query.
    pub query: DnsMessage,
    /// The answer.
    pub answer: Option<DnsMessage>,
}

/// A message of DNS (RFC 1035 §4).
#[derive(Clone, Debug, PartialEq)]
pub struct DnsMessage {
    /// When it went by.
    pub at: SystemTime,
    /// The id.
    pub id: u16,
    /// Whether it asks.
    pub is_query: bool,
    /// The kind of query.
    pub opcode: u8,
    /// AA, TC, RD, RA.
    pub flags: [bool; 4],
    /// The three bits behind them.
    pub reserved: u8,
    /// The response code.
    pub rcode: u16,
    /// The questions.
    pub questions: Vec<DnsQuestion>,
    /// Answers, authorities, additionals.
    pub sections: [Vec<DnsRecord>; 3],
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name.
    pub name: String,
    /// The number of the type.
    pub kind: u16,
    /// The number of the class.
    pub class: u16,
}

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// The owner's name.
    pub name: String,
    /// The number of the type.
    pub kind: u16,
    /// The number of the class.
    pub class: u16,
    /// For how many seconds it may be cached.
    pub ttl: u32,
    /// The data, as on the wire, names in them uncompressed.
    pub data: Vec<u8>,
}
