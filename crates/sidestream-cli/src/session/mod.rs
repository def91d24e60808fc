//! `session show` and its like: what a session file holds, and what is made of it.

mod change;
mod damage;
mod follow;
mod grep;
mod line;
mod list;
mod mark;
mod verify;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use sidestream::filter::Filter;
use sidestream::record::Finished;
use sidestream::store::{Reader, Span};

use crate::exit::Exit;
use crate::json::JsonWriter;
use crate::print::{Printer, Style};
use crate::say::say;
use crate::settings::Settings;
use crate::sieve;

pub(crate) use change::note_text;
pub use change::{compact, index, merge, trim};
pub(crate) use damage::Damage;
pub use follow::follow;
pub use grep::grep;
pub use list::{list, list_by};
pub use mark::mark;
pub use verify::verify;

/// Prints the flows of a session on standard output, as they would have been printed live: those
/// that the filter of the settings selects.
///
/// # Errors
///
/// The file is not a session or cannot be read; what could be has been printed. What is damaged in
/// it is told, the rest printed, and the exit status is not that of success.
pub fn show(path: &Path, json: bool, settings: &Settings, style: Style) -> anyhow::Result<Exit> {
    let reader = Reader::open(path)?;
    let filter = settings.filter.as_ref();
    let out = BufWriter::new(io::stdout().lock());
    let shown = if json {
        let mut writer = JsonWriter::new(out, settings.json_redact());
        let shown = selected(&reader, 0, filter, |finished| writer.write(finished));
        shown.and_then(|damage| writer.flush().map(|()| damage).map_err(Into::into))
    } else {
        let keep = settings.detail.body_bytes();
        let redact = settings.screen_redact();
        let printer = Printer::new(out, settings.detail, style, redact).numbered();
        let mut printer = printer.knowing(settings.schema()?);
        let shown = selected(&reader, keep, filter, |finished| printer.print(finished));
        shown.and_then(|damage| printer.into_inner().flush().map(|()| damage).map_err(Into::into))
    };
    let damage = match shown {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        shown => shown?,
    };
    tell_losses(&reader)?;
    Ok(if damage.tell() { Exit::Failure } else { Exit::Success })
}

/// Hands over what a filter selects, with so many bytes of each body.
fn selected(
    reader: &Reader,
    keep: usize,
    filter: Option<&Filter>,
    mut see: impl FnMut(&Finished) -> io::Result<()>,
) -> anyhow::Result<Damage> {
    let Some(filter) = filter else {
        return each(reader, keep, Span::ALL, see);
    };
    let Some(span) = reader.span(&filter.selection())? else { return Ok(Damage::default()) };
    let seen = sieve::body_bytes(Some(filter)).max(keep);
    each_wanted(reader, seen, span, Some(filter), |finished| {
        if sieve::selects(filter, finished) { see(&sieve::cut(finished, keep)) } else { Ok(()) }
    })
}

/// Reads on, and hands over what is finished; what is damaged is passed over, and returned.
pub(crate) fn each(
    reader: &Reader,
    keep: usize,
    span: Span,
    see: impl FnMut(&Finished) -> io::Result<()>,
) -> anyhow::Result<Damage> {
    each_wanted(reader, keep, span, None, see)
}

/// Does the same, and leaves out what a filter does not select as far as that can be looked up.
pub(crate) fn each_wanted(
    reader: &Reader,
    keep: usize,
    span: Span,
    filter: Option<&Filter>,
    mut see: impl FnMut(&Finished) -> io::Result<()>,
) -> anyhow::Result<Damage> {
    let wanted = filter.map(|filter| reader.wanted(filter)).transpose()?.flatten();
    let entries = match &wanted {
        Some(wanted) => reader.wanted_entries(span, wanted),
        None => reader.without_wire(span),
    };
    let mut damage = Damage::default();
    for finished in reader.finishing(entries, span.is_to_the_end(), keep) {
        match finished {
            Ok(finished) => see(&finished)?,
            Err(error) => damage.add(error)?,
        }
    }
    Ok(damage)
}

pub(crate) fn tell_losses(reader: &Reader) -> anyhow::Result<()> {
    let contents = reader.contents()?;
    if contents.lost_entries > 0 {
        say(format_args!("{} events were not recorded", contents.lost_entries));
    }
    if contents.dropped_bytes > 0 {
        say(format_args!("{} bytes of content were not recorded", contents.dropped_bytes));
    }
    if !contents.closed {
        say("the recording is under way, or was killed");
    }
    Ok(())
}

/// Whoever closes the other end, as `head` does, has seen enough.
pub(crate) fn is_gone(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
