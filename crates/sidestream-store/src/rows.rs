//! The rows of the lists, as they are handed over.

use rusqlite::Row;
use sidestream_flow::{ExchangeId, FlowId, Transport};

use crate::Seq;

/// The row of an exchange. Its texts are the storage's own: what is kept is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeRow<'a> {
    /// The exchange.
    pub id: ExchangeId,
    /// Its flow.
    pub flow: FlowId,
    /// When it began, in nanoseconds since 1970.
    pub started_ns: i64,
    /// When it was over, likewise.
    pub ended_ns: Option<i64>,
    /// The method, or `DNS`.
    pub method: Option<&'a str>,
    /// The URL, or what a DNS query asks for.
    pub url: Option<&'a str>,
    /// Ten times the version of HTTP, and 0 for DNS; `None` where the row does not tell.
    pub version: Option<u8>,
    /// The content types of the request, each on a line, empty where there is none; `None` where the
    /// row does not tell. Where U+FFFD stands in it, the entries have to tell as well.
    pub request_type: Option<&'a str>,
    /// The status that the client got, or the code of a DNS response.
    pub status: Option<u16>,
    /// From whom.
    pub responder: Responder,
    /// The content types of the response, as those of the request; `None` where there is none, or
    /// the row does not tell.
    pub response_type: Option<&'a str>,
    /// How many bytes of content the client sent.
    pub request_bytes: u64,
    /// How many bytes of content the client got.
    pub response_bytes: u64,
    /// Why it did not end well.
    pub failure: Option<&'a str>,
    /// Its last entry, so far.
    pub last: Seq,
}

/// Who responded in an exchange, as far as its row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Responder {
    /// Nobody.
    Nobody,
    /// A rule, in a server's place. What it sent is not among the bytes of content.
    Rule,
    /// A server.
    Server,
    /// The row does not tell.
    Unknown,
}

/// The row of a flow. Its texts are the storage's own: what is kept is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowRow<'a> {
    /// The flow.
    pub id: FlowId,
    /// When it was captured, in nanoseconds since 1970.
    pub opened_ns: i64,
    /// When it was over, likewise.
    pub closed_ns: Option<i64>,
    /// What it is carried by.
    pub transport: Transport,
    /// The client's address.
    pub client: &'a str,
    /// The server's address.
    pub server: &'a str,
    /// The server's name.
    pub host: Option<&'a str>,
    /// The row of its process.
    pub process: Option<ProcessId>,
    /// How many bytes the client sent.
    pub received: u64,
    /// How many bytes the client got.
    pub sent: u64,
    /// Why it did not end well.
    pub failure: Option<&'a str>,
    /// Its first entry.
    pub first: Seq,
    /// Its last entry; `None` while it is open.
    pub last: Option<Seq>,
    /// The entry up to which it may have told something else of its server, its client and its
    /// protocol; `None` where the row does not tell.
    pub told: Option<Seq>,
}

/// A text in the row of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlowColumn {
    /// The application protocols that client and server agreed on, or the client offered.
    Alpn,
    /// The client's address.
    Client,
    /// The server's name.
    Host,
    /// The fingerprints of the client's ClientHellos.
    Ja4,
    /// The protocol.
    Protocol,
    /// The address of the server that was meant.
    Server,
    /// The addresses of the servers that were reached beside it.
    Servers,
    /// The names that the client asked TLS for.
    Sni,
}

impl FlowColumn {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Alpn => "alpn",
            Self::Client => "client",
            Self::Host => "host",
            Self::Ja4 => "ja4",
            Self::Protocol => "protocol",
            Self::Server => "server",
            Self::Servers => "servers",
            Self::Sni => "sni",
        }
    }
}

/// The row of a process. Its text is the storage's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessRow<'a> {
    /// Its row.
    pub id: ProcessId,
    /// Its id in the system.
    pub pid: u32,
    /// Its name.
    pub name: &'a str,
}

/// The row of a process in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u64);

pub(crate) const EXCHANGES: &str = "SELECT id, flow, started, ended, method, url, version,
     request_type, status, answered, response_type, request_bytes, response_bytes, failure,
     last_seq FROM exchange";
pub(crate) const FLOWS: &str =
    "SELECT id, opened, closed, transport, client, server, host, process,
     received, sent, failure, first_seq, last_seq, told_seq FROM flow";
pub(crate) const PROCESSES: &str = "SELECT id, pid, name FROM process";

pub(crate) fn id(row: &Row<'_>) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(0)?.cast_unsigned())
}

pub(crate) fn exchange<'a>(row: &'a Row<'_>) -> rusqlite::Result<ExchangeRow<'a>> {
    let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let (status, responder) = response(row.get(8)?, row.get(9)?);
    Ok(ExchangeRow {
        id: ExchangeId(number(0)?),
        flow: FlowId(number(1)?),
        started_ns: row.get(2)?,
        ended_ns: row.get(3)?,
        method: text(row, 4)?,
        url: text(row, 5)?,
        version: row.get::<_, Option<i64>>(6)?.and_then(|version| u8::try_from(version).ok()),
        request_type: text(row, 7)?,
        status,
        responder,
        response_type: text(row, 10)?,
        request_bytes: number(11)?,
        response_bytes: number(12)?,
        failure: text(row, 13)?,
        last: Seq(number(14)?),
    })
}

/// Returns what the client got, and from whom: of a server's status, and of that which a rule gave.
fn response(status: Option<u16>, answered: Option<i64>) -> (Option<u16>, Responder) {
    let given = answered.and_then(|given| u16::try_from(given).ok()).filter(|given| *given > 0);
    let responder = match (status, answered) {
        (Some(_), None | Some(0)) => Responder::Server,
        (None, Some(0)) => Responder::Nobody,
        (None, Some(_)) if given.is_some() => Responder::Rule,
        _ => Responder::Unknown,
    };
    (status.or(given), responder)
}

pub(crate) fn flow<'a>(row: &'a Row<'_>) -> rusqlite::Result<FlowRow<'a>> {
    let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let perhaps = |index| row.get::<_, Option<i64>>(index).map(|it| it.map(i64::cast_unsigned));
    let is_udp = text(row, 3)? == Some(Transport::Udp.name());
    Ok(FlowRow {
        id: FlowId(number(0)?),
        opened_ns: row.get(1)?,
        closed_ns: row.get(2)?,
        transport: if is_udp { Transport::Udp } else { Transport::Tcp },
        client: text(row, 4)?.unwrap_or_default(),
        server: text(row, 5)?.unwrap_or_default(),
        host: text(row, 6)?,
        process: perhaps(7)?.map(ProcessId),
        received: perhaps(8)?.unwrap_or_default(),
        sent: perhaps(9)?.unwrap_or_default(),
        failure: text(row, 10)?,
        first: Seq(number(11)?),
        last: perhaps(12)?.map(Seq),
        told: perhaps(13)?.map(Seq),
    })
}

pub(crate) fn process<'a>(row: &'a Row<'_>) -> rusqlite::Result<ProcessRow<'a>> {
    let id = row.get::<_, i64>(0)?.cast_unsigned();
    let name = text(row, 2)?.unwrap_or_default();
    Ok(ProcessRow { id: ProcessId(id), pid: row.get(1)?, name })
}

pub(crate) fn text<'a>(row: &'a Row<'_>, index: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(row.get_ref(index)?.as_str_or_null()?)
}
