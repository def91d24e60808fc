//! Rows of CSV (RFC 4180) by columns of one's choice.

use std::fmt;
use std::str::FromStr;

use sidestream_record::{Exchange, Failure, Flow, wording};

use crate::request::{authority, path};

macro_rules! columns {
    ($($name:ident $text:literal $doc:literal),* $(,)?) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Column {
            $(#[doc = $doc] $name,)*
        }

        impl Column {
            /// Every column, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns its name, which is what heads it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

columns! {
    Client "client" "The address and port that the flow came from.",
    Comment "comment" "What the user noted of it.",
    DurationMs "duration_ms" "How long it took, in milliseconds.",
    Error "error" "Why it did not end well.",
    Exchange "exchange" "The exchange's id.",
    Flow "flow" "The flow's id.",
    Host "host" "The host of the URL, with its port where it has one.",
    Marker "marker" "The marker that the user set.",
    Method "method" "The method.",
    Path "path" "The path of the URL, with its query.",
    Pid "pid" "The process id of the program.",
    Process "process" "The name of the program.",
    RequestBytes "request_bytes" "How many bytes the request's body has.",
    ResponseBytes "response_bytes" "How many bytes the response's body has.",
    Server "server" "The address and port of the server.",
    Started "started" "When the request began, in seconds since 1970.",
    Status "status" "The status of the response.",
    Type "type" "The media type of the response.",
    Url "url" "The URL.",
    Version "version" "The version of HTTP that the client spoke.",
}

/// Why there is no such column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no column {name:?}, but {}", Names)]
pub struct ParseColumnError {
    /// What was asked for.
    pub name: String,
}

struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
        f.write_str(&names.join(", "))
    }
}

impl Column {
    /// What tells most in a table.
    pub const DEFAULT: &[Self] = &[
        Self::Exchange,
        Self::Started,
        Self::Process,
        Self::Pid,
        Self::Method,
        Self::Url,
        Self::Status,
        Self::Type,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::DurationMs,
        Self::Error,
    ];
}

impl FromStr for Column {
    type Err = ParseColumnError;

    fn from_str(text: &str) -> Result<Self, ParseColumnError> {
        let found = Self::ALL.iter().find(|column| column.name() == text.trim());
        found.copied().ok_or_else(|| ParseColumnError { name: text.trim().to_owned() })
    }
}

/// Returns the line that names the columns, with its end.
pub fn csv_head(columns: &[Column]) -> String {
    row(columns.iter().map(|column| column.name().to_owned()))
}

/// Returns the line of an exchange, with its end; `failure` is why it did not end well.
pub fn csv_row(
    columns: &[Column],
    flow: &Flow,
    exchange: &Exchange,
    failure: Option<&Failure>,
) -> String {
    row(columns.iter().map(|column| cell(*column, flow, exchange, failure)))
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let needs = |cell: &str| cell.contains([',', '"', '\r', '\n']);
    let quoted = |cell: String| match needs(&cell) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

fn cell(column: Column, flow: &Flow, exchange: &Exchange, failure: Option<&Failure>) -> String {
    let timing = &exchange.timing;
    let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
    let or_empty = |value: Option<String>| value.unwrap_or_default();
    match column {
        Column::Client => flow.key.client.to_string(),
        Column::Comment => or_empty(exchange.notes.comment.clone()),
        Column::DurationMs => {
            let took = timing.since_start(timing.ended);
            or_empty(took.map(|took| format!("{:.3}", took.as_secs_f64() * 1e3)))
        }
        Column::Error => or_empty(failure.map(ToString::to_string)),
        Column::Exchange => exchange.id.to_string(),
        Column::Flow => flow.id.to_string(),
        Column::Host => authority(&exchange.url).to_owned(),
        Column::Marker => or_empty(exchange.notes.marker.clone()),
        Column::Method => or_empty(request.map(|head| wording::text(&head.method))),
        Column::Path => path(&exchange.url).to_owned(),
        Column::Pid => or_empty(flow.process.as_ref().map(|process| process.pid.to_string())),
        Column::Process => or_empty(flow.process.as_ref().map(|process| process.name.clone())),
        Column::RequestBytes => exchange.request_body.bytes.to_string(),
        Column::ResponseBytes => exchange.response_body.bytes.to_string(),
        Column::Server => {
            flow.servers.last().map_or(flow.key.server, |(_, addr)| *addr).to_string()
        }
        Column::Started => {
            let since = timing.started.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            format!("{}.{:06}", since.as_secs(), since.subsec_micros())
        }
        Column::Status => or_empty(response.map(|head| head.status.to_string())),
        Column::Type => {
            let value = response.and_then(|head| head.fields.get("content-type"));
            or_empty(value.map(|value| wording::text(value)))
        }
        Column::Url => exchange.url.clone(),
        Column::Version => or_empty(request.map(|head| head.version.name().to_owned())),
    }
}
