//! `session grep`: where a regular expression is found in bodies and messages.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use sidestream::filter::{Expr, Pattern, Row, Subject, Term, Text};
use sidestream::record::{Finished, Part, wording};
use sidestream::store::{self, Reader};

use super::{is_gone, selected, tell_losses};
use crate::exit::Exit;
use crate::print::{Color, Style};
use crate::sieve;

/// How much of a line stands before a match and behind it, in bytes.
const AROUND: usize = 80;

/// How much of a match is printed, in bytes.
const MATCH: usize = 200;

/// Prints each line in which an expression is found, below the exchange that it belongs to; with
/// `list`, these alone. Fails if there is none.
///
/// # Errors
///
/// The file is not a session or cannot be read; what could be has been printed. What is damaged in
/// it is told, the rest searched, and the exit status is not that of success.
pub fn grep(
    path: &Path,
    pattern: &Pattern,
    within: Option<Expr>,
    list: bool,
    style: Style,
) -> anyhow::Result<Exit> {
    let reader = Reader::open(path)?;
    let has_it = Expr::Term(Term::Text(Text::Body, pattern.clone()));
    let filter = sieve::filter(Some(match within {
        Some(within) => Expr::And(vec![within, has_it]),
        None => has_it,
    }));
    let out = BufWriter::new(io::stdout().lock());
    let mut printer = Printer { out, pattern, list, style, found: false };
    let printed = selected(&reader, sieve::BODY_BYTES, filter.as_ref(), |it| printer.print(it))
        .and_then(|damage| printer.out.flush().map(|()| damage).map_err(Into::into));
    let damage = match printed {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        printed => printed?,
    };
    tell_losses(&reader)?;
    // It may stand in what is damaged too.
    let is_damaged = damage.tell();
    Ok(if printer.found && !is_damaged { Exit::Success } else { Exit::Failure })
}

struct Printer<'a, W> {
    out: W,
    pattern: &'a Pattern,
    list: bool,
    style: Style,
    found: bool,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, finished: &Finished) -> io::Result<()> {
        let Some(row) = Row::of(finished).map(|row| row.decoding(&store::decode)) else {
            return Ok(());
        };
        self.found = true;
        writeln!(self.out, "{}", heading(finished))?;
        if self.list {
            return Ok(());
        }
        for (part, name) in [(Part::Request, "request"), (Part::Response, "response")] {
            if let Some(content) = row.content(part) {
                self.lines(name, &content)?;
            }
        }
        Ok(())
    }

    /// Prints the lines of a message in which it is found, once each.
    fn lines(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let Self { out, pattern, style, .. } = self;
        let (mut line, mut counted) = (1, 0);
        let mut printed = None;
        for found in pattern.find_iter(content) {
            let breaks = |from: usize, to: usize| {
                content[from..to].iter().filter(|byte| **byte == b'\n').count()
            };
            line += breaks(counted, found.start);
            counted = found.start;
            if printed.replace(line) == Some(line) {
                continue;
            }
            let begin = content[..found.start].iter().rposition(|byte| *byte == b'\n');
            let begin = begin.map_or(0, |at| at + 1).max(found.start.saturating_sub(AROUND));
            let stop = found.end.min(found.start + MATCH);
            let end = content[stop..].iter().position(|byte| *byte == b'\n');
            let end = end.map_or(content.len(), |at| stop + at).min(stop.saturating_add(AROUND));
            writeln!(
                out,
                "    {name}:{line}: {}{}{}",
                wording::text(content[begin..found.start].trim_ascii_start()),
                style.paint(Color::Bold, &wording::text(&content[found.start..stop])),
                wording::text(content[stop..end].trim_ascii_end())
            )?;
        }
        Ok(())
    }
}

/// Says to what a message belongs: the number and the URL of an exchange, or the flow's server.
fn heading(finished: &Finished) -> String {
    match finished {
        Finished::Exchange(_, exchange) => {
            let method = exchange.request.as_ref().map(|head| wording::text(&head.method));
            let method = method.unwrap_or_default();
            format!("{} {method} {}", exchange.id, wording::text(exchange.url.as_bytes()))
        }
        Finished::WebSocket { url, message, .. } => {
            format!("{} message {}", message.exchange, wording::text(url.as_bytes()))
        }
        Finished::Message(flow, _) => format!("f{} message {}", flow.id, flow.key.server),
        Finished::Flow(flow) => format!("f{} {}", flow.id, flow.key.server),
        _ => String::new(),
    }
}
