//! `session show FILE NUMBER`: one exchange, its bodies in whole.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use bytes::{Buf, Bytes};
use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::{Entry, Event, Exchange, Fields, Finished, Flow, Part};
use sidestream::store::{ReadError, Reader};
use sidestream::view::choose;

use crate::args::BodyPart;
use crate::exit::Exit;
use crate::print::{About, Detail, EVENTS, Printer, Style, write_whole};
use crate::proto;
use crate::say::say;
use crate::session::{Damage, each, is_gone, tell_losses};
use crate::settings::Settings;

/// Prints an exchange on standard output, or one of its bodies.
///
/// # Errors
///
/// The file is not a session or is damaged, or the exchange is not in it; what could be read has
/// been printed.
pub fn show(
    path: &Path,
    id: u64,
    part: Option<BodyPart>,
    raw: bool,
    settings: &Settings,
    style: Style,
) -> anyhow::Result<Exit> {
    let reader = Reader::open(path)?;
    let id = ExchangeId(id);
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if raw {
        copy(&mut out, &reader, id, part.unwrap_or(BodyPart::Response))
    } else {
        print(&mut out, &reader, id, part, settings, style)
    };
    let printed = printed.and_then(|damage| out.flush().map(|()| damage).map_err(Into::into));
    let damage = match printed {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        printed => printed?,
    };
    tell_losses(&reader)?;
    Ok(if damage.tell() { Exit::Failure } else { Exit::Success })
}

fn print(
    out: &mut impl Write,
    reader: &Reader,
    id: ExchangeId,
    part: Option<BodyPart>,
    settings: &Settings,
    style: Style,
) -> anyhow::Result<Damage> {
    let schema = settings.schema()?;
    let Found { flow, exchange, messages, damage } = find(reader, id)?;
    if part.is_none() {
        let redact = settings.screen_redact();
        let printer = Printer::new(&mut *out, Detail::Heads, style, redact);
        let mut printer = printer.numbered().with_certificates();
        printer.print(&Finished::Exchange(flow, Box::new(exchange.clone())))?;
    }
    let heads = [
        (BodyPart::Request, exchange.request.as_ref().map(|head| &head.fields)),
        (BodyPart::Response, exchange.response.as_ref().map(|head| &head.fields)),
    ];
    for (which, fields) in heads {
        if part.is_some_and(|part| part != which) || exchange.body(which.into()).bytes == 0 {
            continue;
        }
        if part.is_none() {
            let of = if which == BodyPart::Request { "request" } else { "response" };
            writeln!(out, "    * the body of the {of}:")?;
        }
        let of = schema.as_ref().and_then(|it| proto::message(it, &exchange, which.into()));
        let arrivals = arrivals(reader, &exchange, fields, which.into())?;
        let about = About { fields, of: of.as_ref(), arrivals: &arrivals };
        write_whole(out, style, about, Body::new(reader, id, which.into())?)?;
    }
    if part.is_none() && !messages.is_empty() {
        let redact = settings.screen_redact();
        let mut printer = Printer::new(&mut *out, Detail::Bodies, style, redact).numbered();
        messages.iter().try_for_each(|message| printer.print(message))?;
    }
    Ok(damage)
}

/// How many stretches of a body are told apart by their times; what is beyond came with the last.
const MAX_ARRIVALS: usize = 1_000_000;

/// Lists when the stretches of a body came, if it is one whose view tells that.
fn arrivals(
    reader: &Reader,
    exchange: &Exchange,
    fields: Option<&Fields>,
    part: Part,
) -> anyhow::Result<Vec<(u64, Duration)>> {
    let kind = fields.and_then(|fields| fields.get_all("content-type").next());
    let kind = kind.map(|kind| String::from_utf8_lossy(kind).into_owned());
    let is_told = kind.is_some_and(|kind| choose(Some(&kind), &[]) == EVENTS);
    let Some(span) = reader.span_of_exchange(exchange.id)?.filter(|_| is_told) else {
        return Ok(Vec::new());
    };
    let (mut arrivals, mut end) = (Vec::new(), 0);
    for entry in reader.entries_of(span, of_exchange(exchange.id)) {
        let Entry { at, event, .. } = match entry {
            Err(error @ ReadError::Storage(_)) => return Err(error.into()),
            // Whoever looks for the exchange tells of it.
            Err(_) => continue,
            Ok(entry) => entry,
        };
        let Event::Body { part: of, data, .. } = event else { continue };
        if of != part || arrivals.len() >= MAX_ARRIVALS {
            continue;
        }
        end += data.len() as u64;
        arrivals.extend(exchange.timing.since_start(Some(at)).map(|after| (end, after)));
    }
    Ok(arrivals)
}

fn of_exchange(id: ExchangeId) -> impl Fn(FlowId, Option<ExchangeId>) -> bool {
    move |_, exchange| exchange == Some(id)
}

/// Writes the bytes of a body as they were sent.
fn copy(
    out: &mut impl Write,
    reader: &Reader,
    id: ExchangeId,
    part: BodyPart,
) -> anyhow::Result<Damage> {
    let Found { damage, .. } = find(reader, id)?;
    io::copy(&mut Body::new(reader, id, part.into())?, out)?;
    Ok(damage)
}

/// How many messages of a WebSocket are shown with its exchange.
const MAX_MESSAGES: usize = 10_000;

/// An exchange that was looked for.
struct Found {
    flow: Arc<Flow>,
    exchange: Exchange,
    /// Of the WebSocket that it opened.
    messages: Vec<Finished>,
    /// What could not be read where it stands.
    damage: Damage,
}

/// Looks for an exchange, and the messages of the WebSocket that it opened.
fn find(reader: &Reader, id: ExchangeId) -> anyhow::Result<Found> {
    let mut found = None;
    let mut messages = Vec::new();
    let span = reader.span_of_exchange(id)?;
    let damage = span.map_or(Ok(Damage::default()), |span| {
        each(reader, 0, span, |finished| {
            match finished {
                Finished::Exchange(flow, exchange) if exchange.id == id => {
                    found = Some((Arc::clone(flow), (**exchange).clone()));
                }
                Finished::WebSocket { message, .. }
                    if message.exchange == id && messages.len() < MAX_MESSAGES =>
                {
                    messages.push(finished.clone());
                }
                _ => {}
            }
            Ok(())
        })
    })?;
    match found {
        Some((flow, exchange)) => Ok(Found { flow, exchange, messages, damage }),
        None => {
            damage.refuse()?;
            bail!(
                "no exchange has the number {}; `sidestream session show FILE` prints the number \
                 of each",
                id.0
            )
        }
    }
}

/// A recorded body by its entries, by which damage is found. Stretches that were not recorded are
/// told and passed over; those that are damaged are told by whoever looks for the exchange.
struct Body<'a> {
    entries: Box<dyn Iterator<Item = Result<Entry, ReadError>> + 'a>,
    part: Part,
    offset: u64,
    stretch: Bytes,
}

impl<'a> Body<'a> {
    fn new(reader: &'a Reader, id: ExchangeId, part: Part) -> Result<Self, ReadError> {
        let span = reader.span_of_exchange(id)?;
        let entries = span.map(|span| reader.entries_of(span, of_exchange(id)));
        Ok(Self {
            entries: Box::new(entries.into_iter().flatten()),
            part,
            offset: 0,
            stretch: Bytes::new(),
        })
    }

    /// Fetches the next stretch and returns whether there is one.
    fn fetch(&mut self) -> Result<bool, ReadError> {
        for entry in self.entries.by_ref() {
            match entry.map(|entry| entry.event) {
                Ok(Event::Body { part, data, .. }) if part == self.part && !data.is_empty() => {
                    self.offset += data.len() as u64;
                    self.stretch = data;
                    return Ok(true);
                }
                Ok(Event::BodyDropped { part, bytes, .. }) if part == self.part => {
                    say(format_args!("{bytes} bytes from {} on were not recorded", self.offset));
                    self.offset = self.offset.saturating_add(bytes);
                }
                Err(error @ ReadError::Storage(_)) => return Err(error),
                _ => {}
            }
        }
        Ok(false)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.stretch.is_empty() && !buffer.is_empty() {
            if !self.fetch().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let read = self.stretch.len().min(buffer.len());
        self.stretch.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

impl From<BodyPart> for Part {
    fn from(part: BodyPart) -> Self {
        match part {
            BodyPart::Request => Self::Request,
            BodyPart::Response => Self::Response,
        }
    }
}
