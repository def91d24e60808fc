//! `export`: writes what a session holds in forms that other programs read.

mod bodies;
mod forms;
mod gather;
mod output;
mod pcapng;
mod select;

use std::io::Write;
use std::path::Path;

use sidestream::export::Column;
use sidestream::har::{self, Creator};
use sidestream::record::{Finished, Part};
use sidestream::store::{Reader, Span};

use crate::args::{ExportArgs, ExportFormat};
use crate::dump::Streams;
use crate::exit::Exit;
use crate::json::JsonWriter;
use crate::outcome::outcome;
use crate::say::say;
use crate::session::is_gone;
use crate::settings::Settings;

use bodies::Bodies;
use forms::{Raw, Words};
use gather::{Gathered, Gatherer};
use output::Output;
use select::Selection;
pub use select::{Asked, parse};

/// Exports what is asked for.
///
/// # Errors
///
/// The session cannot be opened, or the output cannot be written. What
/// is damaged in a session is told, the rest exported, and the exit status is not that of success.
pub fn export(args: &ExportArgs, settings: &Settings) -> anyhow::Result<Exit> {
    if !args.columns.is_empty() && args.format != ExportFormat::Csv {
        say("--columns is for csv");
        return Ok(Exit::Usage);
    }
    let reader = Reader::open(&args.session)?;
    if let Some(output) = args.output.as_deref().filter(|output| is_same(output, &args.session)) {
        anyhow::bail!("{} is the session itself; choose another file", output.display());
    }
    let selection = Selection::make(args.filter.as_ref(), &reader)?;
    let mut out = Output::open(args.output.as_deref(), args.force)?;
    let mut state = State { reader: &reader, complete: true };
    let written = write(&mut state, args, settings, &selection, &mut out);
    let name = out.name();
    let kept = match written {
        Ok(()) => out.keep().map_err(Into::into),
        Err(error) => {
            out.discard();
            Err(error)
        }
    };
    match kept {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        Err(error) if is_full(&error) => {
            return Err(error.context(format!("cannot write all of it to {name}")));
        }
        kept => kept?,
    }
    Ok(if state.complete { Exit::Success } else { Exit::Failure })
}

/// Returns whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let paths = [one, other].map(|path| std::fs::canonicalize(path).ok());
    paths[0].is_some() && paths[0] == paths[1]
}

/// Returns whether there is no room for more.
fn is_full(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind as Kind;
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| {
        matches!(cause.kind(), Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge)
    })
}

/// The session that is read, and whether all of it could be.
struct State<'a> {
    reader: &'a Reader,
    complete: bool,
}

impl State<'_> {
    /// Tells of what is not in the export as it should be.
    fn lack(&mut self, words: impl std::fmt::Display) {
        say(words);
        self.complete = false;
    }
}

fn write(
    state: &mut State<'_>,
    args: &ExportArgs,
    settings: &Settings,
    selection: &Selection,
    out: &mut Output,
) -> anyhow::Result<()> {
    match args.format {
        ExportFormat::Csv => csv(state, &args.columns, selection, out),
        ExportFormat::Har => archive(state, selection, out),
        ExportFormat::Jsonl => {
            let mut writer = JsonWriter::new(out, settings.json_redact());
            each(state, |_, finished| match finished {
                finished if selection.takes(finished) => Ok(writer.write(finished)?),
                _ => Ok(()),
            })
        }
        ExportFormat::Mitmproxy => dump(state, selection, out),
        ExportFormat::Pcapng => pcapng::export(state, selection, out),
        ExportFormat::Raw => raw(state, selection, &[Part::Request, Part::Response], out),
        ExportFormat::RawRequest => raw(state, selection, &[Part::Request], out),
        ExportFormat::RawResponse => raw(state, selection, &[Part::Response], out),
        ExportFormat::Curl => words(state, Words::CURL, selection, out),
        ExportFormat::Fetch => words(state, Words::FETCH, selection, out),
        ExportFormat::Httpie => words(state, Words::HTTPIE, selection, out),
        ExportFormat::Python => words(state, Words::PYTHON, selection, out),
        ExportFormat::Wget => words(state, Words::WGET, selection, out),
    }
}

fn archive(state: &mut State<'_>, selection: &Selection, out: &mut Output) -> anyhow::Result<()> {
    let creator = Creator { name: "Sidestream", version: env!("CARGO_PKG_VERSION") };
    let mut writer = har::Writer::new(out, creator)?;
    gathered(state, selection, |state, gathered| {
        let Gathered { flow, exchange, messages, left_out } = &gathered;
        let mut bodies = Bodies { state, exchange };
        let bodies = [Part::Request, Part::Response].map(|part| bodies.decoded(part));
        let [Ok(request), Ok(response)] = bodies else {
            let [request, response] = bodies;
            request?;
            response?;
            return Ok(());
        };
        if *left_out > 0 {
            state.lack(format_args!("exchange {}: {left_out} messages left out", exchange.id));
        }
        let failure = outcome(flow, exchange);
        let entry = har::entry(flow, exchange, failure, [request, response], messages);
        entry.map_or(Ok(()), |entry| Ok(writer.write(&entry)?))
    })?;
    writer.finish()?;
    Ok(())
}

fn dump(state: &mut State<'_>, selection: &Selection, out: &mut Output) -> anyhow::Result<()> {
    let mut gatherer = Gatherer::default();
    let mut streams = Streams::default();
    each(state, |state, finished| {
        let whole = gatherer.take(finished);
        for whole in whole.into_iter().filter(|it| selection.has(it.exchange.id)) {
            let Gathered { flow, exchange, messages, left_out } = &whole;
            let mut bodies = Bodies { state, exchange };
            let request = bodies.whole(Part::Request)?;
            let response = bodies.whole(Part::Response)?;
            if *left_out > 0 {
                state.lack(format_args!("exchange {}: {left_out} messages left out", exchange.id));
            }
            let failure = outcome(flow, exchange).map(ToString::to_string);
            let bodies = [request, response];
            let made = crate::dump::exchange(flow, exchange, failure, bodies, messages);
            for lack in made.lacks {
                state.lack(format_args!("exchange {}: {lack}", exchange.id));
            }
            made.flow.map_or(Ok(()), |flow| out.write_all(&sidestream::dump::write(&flow)))?;
        }
        if let Some((flow, left_out)) = streams.take(finished).filter(|_| selection.takes(finished))
        {
            if left_out > 0 {
                state.lack(format_args!("{left_out} bytes of a stream left out"));
            }
            out.write_all(&sidestream::dump::write(&flow))?;
        }
        Ok(())
    })
}

fn csv(
    state: &mut State<'_>,
    columns: &[Column],
    selection: &Selection,
    out: &mut Output,
) -> anyhow::Result<()> {
    let columns = if columns.is_empty() { Column::DEFAULT } else { columns };
    out.write_all(sidestream::export::csv_head(columns).as_bytes())?;
    each(state, |_, finished| {
        let Finished::Exchange(flow, exchange) = finished else { return Ok(()) };
        if exchange.request.is_none() || !selection.takes(finished) {
            return Ok(());
        }
        let failure = outcome(flow, exchange);
        let row = sidestream::export::csv_row(columns, flow, exchange, failure);
        Ok(out.write_all(row.as_bytes())?)
    })
}

fn words(
    state: &mut State<'_>,
    words: Words,
    selection: &Selection,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut words = words;
    each(state, |state, finished| match finished {
        Finished::Exchange(_, exchange) if selection.takes(finished) => {
            words.write(state, exchange, out)
        }
        _ => Ok(()),
    })
}

fn raw(
    state: &mut State<'_>,
    selection: &Selection,
    parts: &[Part],
    out: &mut Output,
) -> anyhow::Result<()> {
    each(state, |state, finished| match finished {
        Finished::Exchange(_, exchange) if selection.takes(finished) => {
            Raw { state, exchange }.write(parts, out)
        }
        _ => Ok(()),
    })
}

/// Reads on, and hands over exchanges of HTTP with the messages of their WebSockets.
fn gathered(
    state: &mut State<'_>,
    selection: &Selection,
    mut see: impl FnMut(&mut State<'_>, Gathered) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut gatherer = Gatherer::default();
    each(state, |state, finished| {
        let whole = gatherer.take(finished);
        whole
            .into_iter()
            .filter(|it| selection.has(it.exchange.id))
            .try_for_each(|it| see(state, it))
    })
}

/// Reads on, and hands over what is finished; what is damaged is told and passed over.
fn each<'a>(
    state: &mut State<'a>,
    mut see: impl FnMut(&mut State<'a>, &Finished) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for finished in state.reader.finished(Span::ALL, 0) {
        match finished {
            Ok(finished) => see(state, &finished)?,
            Err(error) => state.lack(format_args!("{:#}", anyhow::Error::new(error))),
        }
    }
    Ok(())
}
