//! Bodies: freed from their content codings and made readable, or as they were sent.

use std::io::{self, Read, Write};
use std::time::Duration;

use sidestream::coding::{Codings, DecodeError, Decoder, Limits};
use sidestream::record::{Fields, wording};
use sidestream::view::{MessageType, View, choose, typed_view, view};

use super::{Color, Lines, Style};
use crate::codings;

/// How many bytes of a body are printed at most.
pub(super) const MAX_BYTES: usize = 4096;

/// How many of them if they are not text.
const MAX_BINARY: usize = 256;

const ROW: usize = 16;

/// How many bytes are made of what is kept of a body, at most: what it decodes to may be long.
const MAX_DECODED: u64 = 16 << 10;

/// How many lines of a view are printed, and how many bytes in them.
const MAX_LINES: usize = 400;
const MAX_LINES_BYTES: usize = 16 << 10;

/// How long a body that is printed whole may become.
const MAX_WHOLE: u64 = 1 << 40;

/// How much of it tells what it is.
const TELLING: usize = 512;

/// The view of streams whose times are told.
pub(crate) const EVENTS: &str = "event-stream";

/// What stands before the lines of a body.
const MARK: &str = "    | ";

/// What tells what a body is.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The fields of its head.
    pub fields: Option<&'a Fields>,
    /// The definition of its messages.
    pub of: Option<&'a MessageType>,
    /// When its bytes came, since the exchange began: of each stretch where it ends, and its time.
    pub arrivals: &'a [(u64, Duration)],
}

impl About<'_> {
    /// Makes the view of that name.
    fn view(&self, name: &str, kind: Option<&str>) -> Option<Box<dyn View>> {
        let typed = self.of.and_then(|of| typed_view(name, of));
        typed.or_else(|| view(name, kind))
    }
}

/// Where in a body its stretches end, as it is read.
#[derive(Debug)]
struct Pace<'a> {
    arrivals: &'a [(u64, Duration)],
    at: u64,
}

impl<'a> Pace<'a> {
    const fn new(arrivals: &'a [(u64, Duration)]) -> Self {
        Self { arrivals, at: 0 }
    }

    /// Returns how many bytes came together with the next, if that is known, and when.
    fn next(&mut self) -> (usize, Option<Duration>) {
        while let [(end, at), rest @ ..] = self.arrivals {
            if *end > self.at {
                return (usize::try_from(end - self.at).unwrap_or(usize::MAX), Some(*at));
            }
            self.arrivals = rest;
        }
        (usize::MAX, None)
    }

    const fn read(&mut self, bytes: usize) {
        self.at += bytes as u64;
    }
}

/// Writes how a body of `total` bytes begins, made readable.
pub(super) fn write(
    out: &mut Vec<u8>,
    style: Style,
    content: About<'_>,
    beginning: &[u8],
    total: u64,
) {
    let is_all = beginning.len() as u64 == total;
    let (codings, kind) = content.fields.map(about).unwrap_or_default();
    let mut decoded = Vec::new();
    let limits = Limits { ratio: None, ..Limits::up_to(MAX_DECODED) };
    let mut pace = Pace::new(content.arrivals);
    let mut arrivals = Vec::new();
    let mut end = Decoder::new(&codings, limits).and_then(|mut decoder| {
        let mut rest = beginning;
        while !rest.is_empty() {
            let (most, time) = pace.next();
            let (piece, more) = rest.split_at(most.min(rest.len()));
            let pushed = decoder.push(piece, &mut |piece| decoded.extend_from_slice(piece));
            arrivals.extend(time.map(|time| (decoded.len() as u64, time)));
            pushed?;
            pace.read(piece.len());
            rest = more;
        }
        decoder.finish(&mut |piece| decoded.extend_from_slice(piece))
    });
    if !is_all && matches!(end, Err(DecodeError::Truncated { .. })) {
        // It is ourselves who have cut it.
        end = Ok(());
    }
    if matches!(end, Err(DecodeError::Unknown { .. } | DecodeError::TooMany { .. })) {
        tell(out, style, &end);
        return write_sent(out, beginning, total).unwrap_or_default();
    }
    let is_all = is_all && end.is_ok();
    let name = choose(kind.as_deref(), &decoded);
    let (mark, most) = if name == "hex" { ("    ", MAX_BINARY) } else { (MARK, decoded.len()) };
    let shown = &decoded[..most.min(decoded.len())];
    let is_all = is_all && shown.len() == decoded.len();
    let mut lines = Lines::new(&mut *out, style, mark, MAX_LINES, MAX_LINES_BYTES);
    let Some(mut view) = content.view(name, kind.as_deref()) else { return };
    let mut pace = Pace::new(&arrivals);
    let mut rest = shown;
    while !rest.is_empty() {
        let (most, time) = pace.next();
        let (piece, more) = rest.split_at(most.min(rest.len()));
        if let Some(time) = time {
            view.at(time);
        }
        view.push(piece, &mut lines);
        pace.read(piece.len());
        rest = more;
    }
    if is_all {
        view.finish(&mut lines);
    } else {
        view.leave(&mut lines);
    }
    let full = lines.is_full();
    lines.finish().unwrap_or_default();
    tell(out, style, &end);
    let left = match (is_all && !full, codings.is_empty() && !full) {
        (true, _) => return,
        (false, true) => format!("{} more", wording::bytes(total - shown.len() as u64)),
        (false, false) => format!("the beginning of {}", wording::bytes(total)),
    };
    writeln!(out, "    … {left}").unwrap_or_default();
}

/// Writes a whole body, made readable, as it is read.
///
/// # Errors
///
/// It cannot be read, or the output takes no more; what could be read has been written.
pub fn write_whole(
    out: &mut impl Write,
    style: Style,
    content: About<'_>,
    mut body: impl Read,
) -> io::Result<()> {
    let (codings, kind) = content.fields.map(about).unwrap_or_default();
    let kind = kind.as_deref();
    let (mut decoder, mut end) = match Decoder::new(&codings, Limits::up_to(MAX_WHOLE)) {
        Ok(decoder) => (Some(decoder), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let mut lines = Lines::new(&mut *out, style, MARK, usize::MAX, usize::MAX);
    let mut beginning = Vec::new();
    // What is called a stream of events is one: so its first words are told with their times.
    let named = kind.filter(|kind| decoder.is_some() && choose(Some(kind), &[]) == EVENTS);
    let mut shown = named.and_then(|kind| content.view(EVENTS, Some(kind)));
    let mut pace = Pace::new(content.arrivals);
    let mut buffer = vec![0; 32 << 10];
    let mut read = Ok(1);
    while matches!(read, Ok(1..)) && !lines.is_full() {
        let (most, time) = pace.next();
        let most = most.min(buffer.len());
        read = body.read(&mut buffer[..most]);
        pace.read(*read.as_ref().unwrap_or(&0));
        if let (Some(view), Some(time)) = (&mut shown, time) {
            view.at(time);
        }
        let bytes = &buffer[..*read.as_ref().unwrap_or(&0)];
        let is_end = bytes.is_empty();
        let mut see = |piece: &[u8]| match &mut shown {
            None => beginning.extend_from_slice(piece),
            Some(view) => view.push(piece, &mut lines),
        };
        match &mut decoder {
            Some(decoder) if end.is_ok() && is_end => end = decoder.finish(&mut see),
            Some(decoder) if end.is_ok() => end = decoder.push(bytes, &mut see),
            Some(_) => {}
            None => see(bytes),
        }
        if shown.is_none() && (is_end || beginning.len() >= TELLING) {
            let known = if decoder.is_some() { choose(kind, &beginning) } else { "hex" };
            if let Some(mut view) = content.view(known, kind) {
                view.push(&beginning, &mut lines);
                shown = Some(view);
            }
        }
    }
    if let Some(mut view) = shown {
        view.finish(&mut lines);
    }
    lines.finish()?;
    let mut told = Vec::new();
    tell(&mut told, style, &end);
    out.write_all(&told)?;
    read.map(|_| ())
}

/// Returns the codings of a body, and what it is.
fn about(fields: &Fields) -> (Codings, Option<String>) {
    let codings = codings::of(fields);
    let kind = fields.get_all("content-type").next();
    (codings, kind.map(|value| String::from_utf8_lossy(value).into_owned()))
}

/// Says why a body is not decoded to its end.
fn tell(out: &mut Vec<u8>, style: Style, end: &Result<(), DecodeError>) {
    let Err(error) = end else { return };
    let line = format!("! {}", wording::text(error.to_string().as_bytes()));
    writeln!(out, "    {}", style.paint(Color::Yellow, &line)).unwrap_or_default();
}

/// Writes how a body of `total` bytes begins, as it was sent.
pub(super) fn write_sent(out: &mut Vec<u8>, beginning: &[u8], total: u64) -> io::Result<()> {
    let shown = match text(beginning) {
        Some(text) => {
            write_text(out, text)?;
            text.len()
        }
        None => {
            let shown = &beginning[..beginning.len().min(MAX_BINARY)];
            write_binary(out, shown)?;
            shown.len()
        }
    };
    match total.saturating_sub(shown as u64) {
        0 => Ok(()),
        more => writeln!(out, "    … {} more", wording::bytes(more)),
    }
}

/// Returns the bytes as text, without a character that is cut at the end.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let of_text = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t' | '\x1b');
    text.chars().all(of_text).then_some(text)
}

fn write_text(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    for line in text.lines() {
        let shown: Vec<_> = line.split('\t').map(|part| wording::text(part.as_bytes())).collect();
        writeln!(out, "    | {}", shown.join("\t"))?;
    }
    Ok(())
}

fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    for (row, bytes) in bytes.chunks(ROW).enumerate() {
        write!(out, "    {:04x} ", row * ROW)?;
        for at in 0..ROW {
            match bytes.get(at) {
                Some(byte) => write!(out, " {byte:02x}")?,
                None => write!(out, "   ")?,
            }
        }
        let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        writeln!(out, "  {}", bytes.iter().map(shown).collect::<String>())?;
    }
    Ok(())
}
