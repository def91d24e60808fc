//! The lines' own types: what stands here is the format.

use std::net::SocketAddr;

use serde::Serialize;

use super::process::Process;
use super::text::Text;

/// A line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) flow: u64,
    pub(super) exchange: Option<u64>,
    pub(super) via: String,
    pub(super) process: Option<Process>,
    pub(super) client: SocketAddr,
    pub(super) server: Option<SocketAddr>,
    pub(super) host: Option<String>,
    pub(super) tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_tls: Option<ServerTls>,
    #[serde(flatten)]
    pub(super) content: Content,
    pub(super) error: Option<Error>,
    pub(super) timing: Timing,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) advice: Vec<Advice>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) defects: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) alterations: Vec<Alteration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notes: Option<Notes>,
}

/// What was noted of an exchange or a flow.
#[derive(Debug, Serialize)]
pub(super) struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) marker: Option<String>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub(super) metadata: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<Replay>,
}

/// What was sent again.
#[derive(Debug, Serialize)]
pub(super) struct Replay {
    pub(super) request: bool,
    pub(super) response: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<u64>,
}

/// What a peer of HTTP/2 advised the other of.
#[derive(Debug, Serialize)]
pub(super) struct Advice {
    pub(super) from: &'static str,
    pub(super) frame: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origins: Option<Vec<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Text>,
}

/// What distinguishes the kinds.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Content {
    Http {
        request: Option<Request>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        interim: Vec<Interim>,
        response: Option<Response>,
    },
    Dns {
        query: Option<Dns>,
        answer: Option<Dns>,
    },
    WebSocket {
        message: Message,
    },
    Flow {
        protocol: Option<&'static str>,
        exchanges: u64,
        bytes_received: u64,
        bytes_sent: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        passed: Option<Passed>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Tls {
    pub(super) version: String,
    pub(super) cipher: String,
    pub(super) group: Option<String>,
    pub(super) resumed: bool,
    pub(super) sni: Option<String>,
    pub(super) alpn: Option<String>,
    pub(super) ja4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<Certificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_certificate: Option<ClientCertificate>,
}

/// What a peer showed.
#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) serial: String,
    pub(super) names: Vec<String>,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) sha256: String,
    /// The SHA-256 of those behind it.
    pub(super) chain: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServerTls {
    #[serde(flatten)]
    pub(super) tls: Tls,
    pub(super) differences: Option<Differences>,
}

/// A word, or what differs.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Differences {
    Same(&'static str),
    List(Vec<Difference>),
}

#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) part: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) withheld: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) added: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) reordered: bool,
}

/// A word, or whose it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ClientCertificate {
    Absent(&'static str),
    Given { subject: String, sha256: String },
}

/// Header fields as pairs, in order.
pub(super) type Headers = Vec<(Text, Text)>;

#[derive(Debug, Serialize)]
pub(super) struct Request {
    pub(super) method: Text,
    pub(super) url: String,
    pub(super) target: Text,
    pub(super) version: &'static str,
    pub(super) headers: Headers,
    pub(super) body_bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) trailers: Headers,
}

#[derive(Debug, Serialize)]
pub(super) struct Interim {
    pub(super) status: u16,
    pub(super) headers: Headers,
}

#[derive(Debug, Serialize)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) reason: Text,
    pub(super) version: &'static str,
    pub(super) headers: Headers,
    pub(super) body_bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) trailers: Headers,
}

#[derive(Debug, Serialize)]
pub(super) struct Dns {
    pub(super) id: u16,
    pub(super) rcode: String,
    pub(super) questions: Vec<Question>,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

#[derive(Debug, Serialize)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) from: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opcode: Option<u8>,
    pub(super) beginning: Text,
    pub(super) bytes: u64,
    pub(super) fragments: u32,
    pub(super) compressed: bool,
    pub(super) encoded: bool,
    pub(super) ended: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) injected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edit: Option<MessageEdit>,
}

#[derive(Debug, Serialize)]
pub(super) struct MessageEdit {
    pub(super) of: u64,
    pub(super) by: String,
    pub(super) what: &'static str,
    pub(super) text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Question {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) class: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) class: String,
    pub(super) ttl: u32,
    pub(super) data: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Error {
    pub(super) message: String,
    pub(super) blame: &'static str,
}

/// Why a flow was passed as it is.
#[derive(Debug, Serialize)]
pub(super) struct Passed {
    pub(super) why: &'static str,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offered: Option<Offered>,
}

/// What a client offered in its ClientHello.
#[derive(Debug, Serialize)]
pub(super) struct Offered {
    pub(super) sni: Option<String>,
    pub(super) alpn: Vec<String>,
    pub(super) ja4: String,
}

/// When it began, and how many microseconds later the rest came.
#[derive(Debug, Serialize)]
pub(super) struct Timing {
    pub(super) started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_us: Option<u64>,
    pub(super) end_us: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Alteration {
    pub(super) what: &'static str,
    pub(super) text: String,
}
