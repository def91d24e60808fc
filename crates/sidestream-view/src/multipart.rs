//! `multipart/*` (RFC 2046 §5.1, RFC 7578): the heads of the parts, and each in its own view.

use crate::choose::{machine, name_for};
use crate::out::Out;
use crate::sink::Style;
use crate::text::Text;
use crate::view::Machine;

/// The longest boundary is 70 bytes (RFC 2046 §5.1.1); some are longer.
const MAX_BOUNDARY: usize = 256;

/// How long a line of a head may be.
const MAX_LINE: usize = 16 << 10;

/// How much of a part tells what it is.
const BEGINNING: usize = 512;

/// How deep parts of parts are followed.
const MAX_DEPTH: usize = 4;

/// Parts with heads.
#[derive(Debug)]
pub(crate) struct Multipart {
    depth: usize,
    /// Two hyphens and the boundary; unknown until the first line where no head told it.
    delimiter: Option<Vec<u8>>,
    state: State,
    line: Vec<u8>,
    kind: Option<String>,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    Head,
    Body,
    Epilogue,
}

/// The content of a part.
#[derive(Debug)]
enum Part {
    None,
    Beginning(Vec<u8>),
    Machine(Box<dyn Machine>),
}

impl Multipart {
    pub(crate) fn new(boundary: Option<&str>, depth: usize) -> Self {
        let delimiter = boundary.map(|it| [b"--", it.as_bytes()].concat());
        Self {
            depth,
            delimiter,
            state: State::Preamble,
            line: Vec::new(),
            kind: None,
            part: Part::None,
        }
    }

    fn delimiter(&self) -> &[u8] {
        self.delimiter.as_deref().unwrap_or_default()
    }

    /// Takes a whole line; returns whether it was a delimiter.
    fn line_end(&mut self, out: &mut Out<'_>) -> bool {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        if self.delimiter.is_none() && line.starts_with(b"--") && line.len() > 2 {
            self.delimiter = Some(line.to_vec());
        }
        let Some(rest) = self.delimiter.as_ref().and_then(|it| line.strip_prefix(&it[..])) else {
            return false;
        };
        let rest = rest.trim_ascii();
        if !rest.is_empty() && rest != b"--" {
            return false;
        }
        let last = rest == b"--";
        self.end_part(out);
        let line = std::mem::take(&mut self.line);
        out.bytes(Style::Punctuation, line.strip_suffix(b"\r").unwrap_or(&line));
        out.line();
        self.kind = None;
        self.state = if last { State::Epilogue } else { State::Head };
        true
    }

    fn head(&mut self, byte: u8, out: &mut Out<'_>) {
        if byte != b'\n' && self.line.len() < MAX_LINE {
            return self.line.push(byte);
        }
        if self.line_end(out) {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() {
            out.line();
            self.state = State::Body;
            self.part = Part::Beginning(Vec::new());
            return;
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(at) => {
                let (name, value) = line.split_at(at);
                if name.eq_ignore_ascii_case(b"content-type") {
                    let value = value[1..].trim_ascii();
                    self.kind = Some(String::from_utf8_lossy(value).into_owned());
                }
                out.bytes(Style::Key, name);
                out.bytes(Style::Plain, value);
            }
            None => out.bytes(Style::Error, line),
        }
        out.line();
        if byte != b'\n' {
            self.line.push(byte);
        }
    }

    /// The line end before a delimiter belongs to it, so that it waits as well.
    fn body(&mut self, byte: u8, out: &mut Out<'_>) {
        if let Some(begun) = self.begun()
            && byte == b'\n'
            && begun.starts_with(self.delimiter())
            && self.delimiter.is_some()
        {
            let begun = begun.to_vec();
            let whole = std::mem::replace(&mut self.line, begun);
            if self.line_end(out) {
                self.line.clear();
                return;
            }
            self.line = whole;
        }
        self.line.push(byte);
        if !self.may_delimit() {
            let line = std::mem::take(&mut self.line);
            let (first, rest) = line.split_at(1);
            self.content(first[0], out);
            // The rest may begin a delimiter.
            rest.iter().for_each(|byte| self.body(*byte, out));
        }
    }

    /// Returns what waits behind the line end that begins a delimiter, or directly behind a head.
    fn begun(&self) -> Option<&[u8]> {
        let line = &self.line[..];
        let at_start = matches!(&self.part, Part::Beginning(it) if it.is_empty());
        let behind = line.strip_prefix(b"\r\n").or_else(|| line.strip_prefix(b"\n"));
        behind.or_else(|| at_start.then_some(line))
    }

    /// Returns whether what waits may be a line end and a delimiter with what follows it.
    fn may_delimit(&self) -> bool {
        let line = match &self.line[..] {
            b"\r" | b"\n" | b"\r\n" => return true,
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            // Directly behind the head.
            line if matches!(&self.part, Part::Beginning(it) if it.is_empty()) => line,
            _ => return false,
        };
        let delimiter = self.delimiter();
        match line.get(delimiter.len()..) {
            None => delimiter.starts_with(line),
            Some(rest) => {
                let behind = rest.strip_prefix(b"--").unwrap_or(rest);
                line.starts_with(delimiter)
                    && (b"--".starts_with(rest) || behind.iter().all(u8::is_ascii_whitespace))
                    && line.len() < MAX_BOUNDARY + 16
                    && !line.contains(&b'\n')
            }
        }
    }

    fn content(&mut self, byte: u8, out: &mut Out<'_>) {
        match &mut self.part {
            Part::None => {}
            Part::Beginning(beginning) => {
                beginning.push(byte);
                if beginning.len() >= BEGINNING {
                    self.begin(out);
                }
            }
            Part::Machine(machine) => machine.byte(byte, out),
        }
    }

    fn begin(&mut self, out: &mut Out<'_>) {
        let Part::Beginning(beginning) = std::mem::replace(&mut self.part, Part::None) else {
            return;
        };
        let kind = self.kind.as_deref();
        let mut view = match name_for(kind, &beginning) {
            "multipart" if self.depth >= MAX_DEPTH => Box::new(Text::default()),
            name => machine(name, kind, self.depth + 1),
        };
        beginning.iter().for_each(|byte| view.byte(*byte, out));
        self.part = Part::Machine(view);
    }

    fn end_part(&mut self, out: &mut Out<'_>) {
        if matches!(&self.part, Part::Beginning(it) if !it.is_empty()) {
            self.begin(out);
        }
        if let Part::Machine(mut machine) = std::mem::replace(&mut self.part, Part::None) {
            machine.end(out);
        }
        out.fresh();
    }
}

impl Machine for Multipart {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        match self.state {
            State::Preamble | State::Epilogue => {
                if byte != b'\n' && self.line.len() < MAX_LINE {
                    return self.line.push(byte);
                }
                if self.state == State::Epilogue || !self.line_end(out) {
                    let line = std::mem::take(&mut self.line);
                    out.bytes(Style::Comment, line.strip_suffix(b"\r").unwrap_or(&line));
                    out.line();
                    if byte != b'\n' {
                        self.line.push(byte);
                    }
                } else {
                    self.line.clear();
                }
            }
            State::Head => self.head(byte, out),
            State::Body => self.body(byte, out),
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        if self.state == State::Body {
            let waits = self.line.clone();
            self.line = self.begun().unwrap_or_default().to_vec();
            if !self.line_end(out) {
                self.line.clear();
                waits.iter().for_each(|byte| self.content(*byte, out));
            }
        } else if self.state == State::Head && !self.line.is_empty() && !self.line_end(out) {
            let line = std::mem::take(&mut self.line);
            out.bytes(Style::Error, &line);
        } else if !self.line.is_empty() && !self.line_end(out) {
            let line = std::mem::take(&mut self.line);
            out.bytes(Style::Comment, &line);
        }
        self.end_part(out);
        if self.state != State::Epilogue {
            out.cut("the parts are cut short");
        }
    }
}
