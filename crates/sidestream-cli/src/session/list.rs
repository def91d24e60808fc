//! `session list`: a line for each exchange, and for each flow that has none.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use jiff::tz::TimeZone;
use serde::Serialize;
use sidestream::filter::{Filter, Selection};
use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::{Finished, Notes, wording};
use sidestream::store::{Listed, Reader};

use super::{each_wanted, is_gone, tell_losses};
use crate::exit::Exit;
use crate::sieve;

/// Everything, as a filter.
const ALL: &str = "~all";

/// Prints the list of a session on standard output, as far as a filter selects it.
///
/// # Errors
///
/// The file is not a session or is damaged; what could be read has been printed.
pub fn list(path: &Path, json: bool, filter: Option<&Filter>) -> anyhow::Result<Exit> {
    let reader = Reader::open(path)?;
    let all = Filter::parse(ALL, SystemTime::UNIX_EPOCH)?;
    let filter = filter.unwrap_or(&all);
    let selection = filter.selection();
    let judged = judged(&reader, filter, &selection)?;
    match print(&reader, json, &selection, judged.as_ref()) {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        printed => printed?,
    }
    tell_losses(&reader)?;
    Ok(Exit::Success)
}

/// The lines of which the records were judged.
#[derive(Debug, Default)]
struct Judged {
    exchanges: HashSet<ExchangeId>,
    flows: HashSet<FlowId>,
}

/// Judges the records of what the tables select; `None` where they tell it all.
fn judged(
    reader: &Reader,
    filter: &Filter,
    selection: &Selection,
) -> anyhow::Result<Option<Judged>> {
    if selection.exchanges.exact && selection.flows.exact {
        return Ok(None);
    }
    let mut judged = Judged::default();
    let Some(span) = reader.span_of_lines(selection)? else { return Ok(Some(judged)) };
    each_wanted(reader, sieve::body_bytes(Some(filter)), span, Some(filter), |finished| {
        if sieve::selects(filter, finished) {
            match finished {
                Finished::Exchange(_, exchange) => _ = judged.exchanges.insert(exchange.id),
                Finished::Flow(flow) => _ = judged.flows.insert(flow.id),
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok(Some(judged))
}

fn print(
    reader: &Reader,
    json: bool,
    selection: &Selection,
    judged: Option<&Judged>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut printed = Ok(());
    reader.list(selection, |line| {
        let is_in = judged.is_none_or(|judged| match line.exchange {
            Some(exchange) => judged.exchanges.contains(&exchange),
            None => judged.flows.contains(&line.flow),
        });
        if is_in {
            printed = if json { write_json(&mut out, &line) } else { write(&mut out, &line) };
        }
        printed.is_ok()
    })?;
    printed?;
    Ok(out.flush()?)
}

fn write(out: &mut impl Write, line: &Listed) -> io::Result<()> {
    let text = |text: &Option<String>| wording::text(text.as_deref().unwrap_or("-").as_bytes());
    let id = line.exchange.map_or_else(|| format!("f{}", line.flow), |id| id.to_string());
    let at = jiff::Timestamp::try_from(line.started).unwrap_or_default();
    let at = at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f");
    let outcome = match (&line.failure, line.status) {
        (Some(failure), _) => wording::text(failure.as_bytes()),
        (None, Some(code)) if line.method.as_deref() == Some("DNS") => wording::rcode(code),
        (None, Some(status)) => status.to_string(),
        (None, None) => "-".into(),
    };
    let took = line.ended.map(|ended| ended.duration_since(line.started).unwrap_or_default());
    let took = took.map_or_else(|| "-".into(), |took| format!("{} ms", took.as_millis()));
    let size = wording::bytes(line.request_bytes.saturating_add(line.response_bytes));
    let (process, method, url) = (text(&line.process), text(&line.method), text(&line.url));
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
struct Line<'a> {
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

fn write_json(out: &mut impl Write, line: &Listed) -> io::Result<()> {
    let time = |at: SystemTime| jiff::Timestamp::try_from(at).unwrap_or_default().to_string();
    let line = Line {
        exchange: line.exchange.map(|id| id.0),
        flow: line.flow.0,
        started: time(line.started),
        ended: line.ended.map(time),
        process: line.process.as_deref(),
        method: line.method.as_deref(),
        url: line.url.as_deref(),
        status: line.status,
        request_bytes: line.request_bytes,
        response_bytes: line.response_bytes,
        failure: line.failure.as_deref(),
        marker: line.marker.as_deref(),
        comment: line.comment.as_deref(),
    };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    out.write_all(&text)
}
