//! A line of a list, printed for people or for programs.

use std::io::{self, Write};
use std::time::SystemTime;

use jiff::tz::TimeZone;
use serde::Serialize;
use sidestream::flow::{ExchangeId, FlowId};
use sidestream::list::Line;
use sidestream::record::{Notes, wording};
use sidestream::store::{Listed, ReadError, Reader};

/// For whom lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    People,
    Programs,
}

/// What is printed of a line.
#[derive(Debug)]
pub(super) struct Printed<'a> {
    exchange: Option<ExchangeId>,
    flow: FlowId,
    started: SystemTime,
    ended: Option<SystemTime>,
    process: Option<String>,
    method: Option<&'a str>,
    url: Option<&'a str>,
    status: Option<u16>,
    request_bytes: u64,
    response_bytes: u64,
    failure: Option<&'a str>,
    marker: Option<String>,
    comment: Option<String>,
}

impl<'a> From<&'a Listed> for Printed<'a> {
    fn from(line: &'a Listed) -> Self {
        Self {
            exchange: line.exchange,
            flow: line.flow,
            started: line.started,
            ended: line.ended,
            process: line.process.clone(),
            method: line.method.as_deref(),
            url: line.url.as_deref(),
            status: line.status,
            request_bytes: line.request_bytes,
            response_bytes: line.response_bytes,
            failure: line.failure.as_deref(),
            marker: line.marker.clone(),
            comment: line.comment.clone(),
        }
    }
}

impl<'a> Printed<'a> {
    /// Takes a line of a list, and what is noted of it.
    ///
    /// # Errors
    ///
    /// The storage cannot be read.
    pub(super) fn of(line: &Line<'a>, reader: &Reader) -> Result<Self, ReadError> {
        let notes = match line.id.exchange {
            Some(exchange) => reader.notes_of_exchange(exchange)?,
            None => reader.notes_of_flow(line.id.flow)?,
        };
        Ok(Self {
            exchange: line.id.exchange,
            flow: line.id.flow,
            started: line.started,
            ended: line.ended,
            process: line.process.map(|process| format!("{}[{}]", process.name, process.pid)),
            method: line.method,
            url: line.url,
            status: line.status,
            request_bytes: line.request_bytes,
            response_bytes: line.response_bytes,
            failure: line.failure,
            marker: notes.marker,
            comment: notes.comment,
        })
    }
}

impl Form {
    pub(super) const fn of(json: bool) -> Self {
        if json { Self::Programs } else { Self::People }
    }

    pub(super) fn write(self, out: &mut impl Write, line: &Printed<'_>) -> io::Result<()> {
        match self {
            Self::People => write(out, line),
            Self::Programs => write_json(out, line),
        }
    }
}

fn write(out: &mut impl Write, line: &Printed<'_>) -> io::Result<()> {
    let text = |text: Option<&str>| wording::text(text.unwrap_or("-").as_bytes());
    let id = line.exchange.map_or_else(|| format!("f{}", line.flow), |id| id.to_string());
    let at = jiff::Timestamp::try_from(line.started).unwrap_or_default();
    let at = at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f");
    let outcome = match (line.failure, line.status) {
        (Some(failure), _) => wording::text(failure.as_bytes()),
        (None, Some(code)) if line.method == Some("DNS") => wording::rcode(code),
        (None, Some(status)) => status.to_string(),
        (None, None) => "-".into(),
    };
    let took = line.ended.map(|ended| ended.duration_since(line.started).unwrap_or_default());
    let took = took.map_or_else(|| "-".into(), |took| format!("{} ms", took.as_millis()));
    let size = wording::bytes(line.request_bytes.saturating_add(line.response_bytes));
    let (process, method, url) = (text(line.process.as_deref()), text(line.method), text(line.url));
    write!(out, "{id:>6}  {at}  {process:16}  {method:7}  {url}  {outcome}  {size}  {took}")?;
    let notes =
        Notes { marker: line.marker.clone(), comment: line.comment.clone(), ..Notes::default() };
    match wording::notes(&notes) {
        Some(notes) => writeln!(out, "  # {notes}"),
        None => writeln!(out),
    }
}

/// A line for programs.
#[derive(Serialize)]
struct Object<'a> {
    exchange: Option<u64>,
    flow: u64,
    started: String,
    ended: Option<String>,
    process: Option<&'a str>,
    method: Option<&'a str>,
    url: Option<&'a str>,
    status: Option<u16>,
    request_bytes: u64,
    response_bytes: u64,
    failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

fn write_json(out: &mut impl Write, line: &Printed<'_>) -> io::Result<()> {
    let time = |at: SystemTime| jiff::Timestamp::try_from(at).unwrap_or_default().to_string();
    let line = Object {
        exchange: line.exchange.map(|id| id.0),
        flow: line.flow.0,
        started: time(line.started),
        ended: line.ended.map(time),
        process: line.process.as_deref(),
        method: line.method,
        url: line.url,
        status: line.status,
        request_bytes: line.request_bytes,
        response_bytes: line.response_bytes,
        failure: line.failure,
        marker: line.marker.as_deref(),
        comment: line.comment.as_deref(),
    };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    out.write_all(&text)
}
