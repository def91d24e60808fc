//! `session show FILE NUMBER`: one exchange, its bodies in whole.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use sidestream::flow::ExchangeId;
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
        let part = part.unwrap_or(BodyPart::Response);
        copy(&mut out, Body::new(&reader, id, part.into())).map(|()| Damage::default())
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
        write_whole(out, style, about, Body::new(reader, id, which.into()))?;
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
    for entry in reader.entries(span) {
        let Entry { at, event, .. } = entry?;
        let Event::Body { exchange: id, part: of, data } = event else { continue };
        if id != exchange.id || of != part || arrivals.len() >= MAX_ARRIVALS {
            continue;
        }
        end += data.len() as u64;
        arrivals.extend(exchange.timing.since_start(Some(at)).map(|after| (end, after)));
    }
    Ok(arrivals)
}

/// Writes the bytes of a body as they were sent.
fn copy(out: &mut impl Write, mut body: Body<'_>) -> anyhow::Result<()> {
    io::copy(&mut body, out)?;
    Ok(())
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

/// A recorded body, of which stretches that were not recorded are told and passed over.
struct Body<'a>(sidestream::store::BodyReader<'a>);

impl<'a> Body<'a> {
    const fn new(reader: &'a Reader, id: ExchangeId, part: Part) -> Self {
        Self(reader.body(id, part))
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let error = match self.0.read(buffer) {
                Ok(read) => return Ok(read),
                Err(error) => error,
            };
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ReadError>());
            let Some(ReadError::Dropped { offset, bytes }) = cause else { return Err(error) };
            say(format_args!("{bytes} bytes from {offset} on were not recorded"));
        }
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
