//! Prints flows for people: a line for each exchange, with `-v` its heads, with `-vv` its
//! bodies.

mod body;
mod details;
mod lines;
mod style;

use std::io::{self, Write};

use sidestream::record::wording::{self, Line};
use sidestream::record::{
    Exchange, Finished, Flow, Message, Notes, WebSocketKind, WebSocketMessage,
};

use sidestream::view::Schema;

use crate::outcome::outcome;
use crate::redact::Redact;

pub(crate) use body::EVENTS;
pub use body::{About, write_whole};
pub use lines::Lines;
pub use style::{Color, Style};

/// How much is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing.
    Quiet,
    /// A line for each exchange.
    #[default]
    Lines,
    /// The heads of its messages as well.
    Heads,
    /// The beginnings of the bodies as well, made readable.
    Bodies,
    /// These as they were sent.
    Sent,
}

impl Detail {
    /// Returns how many bytes of each body are printed.
    pub const fn body_bytes(self) -> usize {
        match self {
            Self::Bodies | Self::Sent => body::MAX_BYTES,
            _ => 0,
        }
    }
}

/// Prints what is finished.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    detail: Detail,
    style: Style,
    redact: Redact,
    columns: Columns,
    numbered: bool,
    certificates: bool,
    schema: Option<Schema>,
}

/// How wide the first columns are: as the widest cell so far, within reason.
#[derive(Debug, Default)]
struct Columns {
    process: usize,
    verb: usize,
    object: usize,
}

const MAX_PROCESS: usize = 24;
const MAX_VERB: usize = 7;
const MAX_OBJECT: usize = 64;

impl<W: Write> Printer<W> {
    /// Prints to `out`.
    pub fn new(out: W, detail: Detail, style: Style, redact: Redact) -> Self {
        Self {
            out,
            detail,
            style,
            redact,
            columns: Columns::default(),
            numbered: false,
            certificates: detail >= Detail::Bodies,
            schema: None,
        }
    }

    /// Puts the number of each exchange before its line.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.numbered = true;
        self
    }

    /// Shows the certificates of peers, whatever the detail.
    #[must_use]
    pub fn with_certificates(mut self) -> Self {
        self.certificates = true;
        self
    }

    /// Shows protocol buffers by these definitions.
    #[must_use]
    pub fn knowing(mut self, schema: Option<Schema>) -> Self {
        self.schema = schema;
        self
    }

    /// Prints one finished thing, if it is of interest.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn print(&mut self, finished: &Finished) -> io::Result<()> {
        if self.detail == Detail::Quiet {
            return Ok(());
        }
        // Written at once, so that what the command prints does not come in between.
        let mut text = Vec::new();
        match finished {
            Finished::Exchange(flow, exchange) if self.shows_exchange(exchange) => {
                let mut told = exchange.clone();
                told.failure = outcome(flow, exchange).cloned();
                self.number(&mut text, Some(exchange.id.0))?;
                self.line(&mut text, &wording::exchange(flow, &told))?;
                self.notes(&mut text, &exchange.notes)?;
                details::exchange(&mut text, self.details(), flow, exchange)?;
            }
            Finished::Flow(flow) if self.shows_flow(flow) => {
                self.number(&mut text, None)?;
                self.line(&mut text, &wording::flow(flow))?;
                self.notes(&mut text, &flow.notes)?;
                details::flow(&mut text, self.details(), flow)?;
            }
            Finished::Message(flow, message) if self.detail >= Detail::Bodies => {
                self.message(&mut text, flow, message)?;
            }
            Finished::WebSocket { flow, url, message, at: _ } if self.shows_web_socket(message) => {
                self.number(&mut text, Some(message.exchange.0))?;
                self.line(&mut text, &wording::web_socket(flow, url, message))?;
                if self.detail >= Detail::Bodies {
                    let shown = &message.data[..message.data.len().min(body::MAX_BYTES)];
                    let encoded = self.detail == Detail::Sent || message.encoded;
                    match encoded {
                        true => body::write_sent(&mut text, shown, message.bytes())?,
                        false => body::write(
                            &mut text,
                            self.style,
                            About::default(),
                            shown,
                            message.bytes(),
                        ),
                    }
                }
            }
            _ => return Ok(()),
        }
        self.out.write_all(&text)?;
        self.out.flush()
    }

    /// Returns how much it prints.
    pub const fn detail(&self) -> Detail {
        self.detail
    }

    /// Returns where it prints to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn details(&self) -> details::Details<'_> {
        let Self { detail, style, .. } = *self;
        let (redact, schema) = (&self.redact, self.schema.as_ref());
        details::Details { detail, style, redact, schema, certificates: self.certificates }
    }

    /// A tunnel that was opened is of no interest beside what goes through it.
    fn shows_exchange(&self, exchange: &Exchange) -> bool {
        self.detail >= Detail::Heads || !is_open_tunnel(exchange) || !exchange.notes.is_empty()
    }

    /// A flow whose exchanges were printed needs no line of its own.
    fn shows_flow(&self, flow: &Flow) -> bool {
        flow.exchanges == 0
            || flow.data_bytes != [0; 2]
            || !flow.notes.is_empty()
            || (self.detail >= Detail::Heads
                && (flow.failure().is_some() || !flow.advice.is_empty()))
    }

    /// Signs of life are of no interest beside what an application sends.
    fn shows_web_socket(&self, message: &WebSocketMessage) -> bool {
        let is_sign_of_life = matches!(message.kind, WebSocketKind::Ping | WebSocketKind::Pong);
        self.detail >= Detail::Heads || !is_sign_of_life
    }

    fn number(&self, text: &mut Vec<u8>, number: Option<u64>) -> io::Result<()> {
        match number {
            _ if !self.numbered => Ok(()),
            Some(number) => {
                write!(text, "{}  ", self.style.paint(Color::Dim, &format!("{number:>5}")))
            }
            None => write!(text, "{:>5}  ", ""),
        }
    }

    fn line(&mut self, text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
        let Line { process, verb, object, outcome, failed, size, time } = line;
        let columns = &mut self.columns;
        let process = column(process, &mut columns.process, MAX_PROCESS);
        let verb = column(verb, &mut columns.verb, MAX_VERB);
        let object = column(object, &mut columns.object, MAX_OBJECT);
        let style = self.style;
        let outcome_color = if *failed { Color::Red } else { status_color(outcome) };
        write!(text, "{}  ", style.paint(Color::Dim, &process))?;
        write!(text, "{}  {object}", style.paint(Color::Bold, &verb))?;
        let outcome = printable(outcome);
        let rest = [
            style.paint(outcome_color, &outcome),
            style.paint(Color::Plain, size),
            style.paint(Color::Dim, time),
        ];
        for cell in rest.iter().filter(|cell| !cell.is_empty()) {
            write!(text, "  {cell}")?;
        }
        writeln!(text)
    }

    /// Writes what the user noted, which is looked for whatever else is shown.
    fn notes(&self, text: &mut Vec<u8>, notes: &Notes) -> io::Result<()> {
        let Some(notes) = wording::notes(notes) else { return Ok(()) };
        writeln!(text, "    {}", self.style.paint(Color::Yellow, &format!("# {notes}")))
    }

    fn message(&mut self, text: &mut Vec<u8>, flow: &Flow, message: &Message) -> io::Result<()> {
        let line = Line {
            process: wording::process(flow.process.as_deref()),
            verb: flow.key.transport.name().to_ascii_uppercase(),
            object: flow.key.server.to_string(),
            outcome: format!("from the {}", message.from),
            size: wording::bytes(message.data.len() as u64),
            ..Line::default()
        };
        self.number(text, None)?;
        self.line(text, &line)?;
        let shown = &message.data[..message.data.len().min(body::MAX_BYTES)];
        body::write_sent(text, shown, message.data.len() as u64)
    }
}

/// Returns whether the exchange is a CONNECT that succeeded.
fn is_open_tunnel(exchange: &Exchange) -> bool {
    let connects = exchange.request.as_ref().is_some_and(|head| &head.method[..] == b"CONNECT");
    let opened = exchange.response.as_ref().is_some_and(|head| (200..300).contains(&head.status));
    connects && opened && exchange.failure.is_none()
}

/// Returns the color of a status code; an answer of another kind has none.
fn status_color(outcome: &str) -> Color {
    let code = outcome.split(' ').next().unwrap_or_default();
    match code.parse::<u16>() {
        Ok(200..300) => Color::Green,
        Ok(100..400) => Color::Cyan,
        _ => Color::Plain,
    }
}

/// Escapes what would disturb a terminal: names and addresses come from peers.
fn printable(text: &str) -> String {
    wording::text(text.as_bytes())
}

/// Pads a cell to the width of its column, which grows with it up to `max`.
fn column(cell: &str, width: &mut usize, max: usize) -> String {
    let cell = printable(cell);
    *width = (*width).max(cell.chars().count().min(max));
    format!("{cell:width$}", width = *width)
}
