//! What views write with: bytes become text, and control characters harmless.

use crate::sink::{Sink, Style};

/// How much text is gathered before it goes to the sink.
const RUN: usize = 1024;

/// How deep lines are indented at most, in steps.
const MAX_INDENT: usize = 40;

/// What is kept from one piece of input to the next.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    style: Style,
    run: String,
    /// The beginning of a character.
    partial: Vec<u8>,
    partial_style: Style,
    in_line: bool,
    /// Whether more follows that is not shown, so that it is no fault of the content's to end.
    left: bool,
    /// How far the next text stands to the right; a line without text has no indentation.
    indent: usize,
}

/// A writer and where it writes to.
pub(crate) struct Out<'a> {
    writer: &'a mut Writer,
    sink: &'a mut dyn Sink,
}

impl<'a> Out<'a> {
    pub(crate) fn new(writer: &'a mut Writer, sink: &'a mut dyn Sink) -> Self {
        Self { writer, sink }
    }

    /// Writes a byte of the content.
    pub(crate) fn byte(&mut self, style: Style, byte: u8) {
        if self.writer.partial.is_empty() && byte.is_ascii() {
            return self.char(style, char::from(byte));
        }
        self.writer.partial_style = style;
        self.writer.partial.push(byte);
        self.decode(false);
    }

    /// Writes bytes of the content.
    pub(crate) fn bytes(&mut self, style: Style, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(style, *byte));
        self.settle();
    }

    /// Writes text.
    pub(crate) fn text(&mut self, style: Style, text: &str) {
        self.settle();
        text.chars().for_each(|char| self.char(style, char));
    }

    /// Ends the line.
    pub(crate) fn line(&mut self) {
        self.settle();
        self.flush();
        self.sink.end_line();
        self.writer.in_line = false;
        self.writer.indent = 0;
    }

    /// Ends the line unless nothing stands in it.
    pub(crate) fn fresh(&mut self) {
        self.settle();
        if self.writer.in_line {
            self.line();
        }
        self.writer.indent = 0;
    }

    /// Begins a line, so far to the right.
    pub(crate) fn indent(&mut self, depth: usize) {
        self.fresh();
        self.writer.indent = depth.min(MAX_INDENT);
    }

    /// Says in a line of its own what the content does not say.
    pub(crate) fn note(&mut self, style: Style, text: &str) {
        self.fresh();
        self.text(style, text);
        self.line();
    }

    /// Says that the content ends too early, unless it goes on and is not shown.
    pub(crate) fn cut(&mut self, text: &str) {
        if self.writer.left {
            self.fresh();
        } else {
            self.note(Style::Error, text);
        }
    }

    /// Returns whether the content goes on and is not shown.
    pub(crate) const fn is_left(&self) -> bool {
        self.writer.left
    }

    /// Says that what follows is not shown.
    pub(crate) const fn leave(&mut self) {
        self.writer.left = true;
    }

    /// Writes what is left of a character that was begun, as bytes.
    pub(crate) fn settle(&mut self) {
        if !self.writer.partial.is_empty() {
            self.decode(true);
        }
    }

    /// Hands over what was gathered.
    pub(crate) fn flush(&mut self) {
        if !self.writer.run.is_empty() {
            self.sink.span(self.writer.style, &self.writer.run);
            self.writer.run.clear();
        }
    }

    fn decode(&mut self, last: bool) {
        let style = self.writer.partial_style;
        while !self.writer.partial.is_empty() {
            let partial = std::mem::take(&mut self.writer.partial);
            match std::str::from_utf8(&partial) {
                Ok(text) => text.chars().for_each(|char| self.char(style, char)),
                Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() && !last => {
                    self.writer.partial = partial;
                    return;
                }
                Err(error) => {
                    let (valid, rest) = partial.split_at(error.valid_up_to());
                    let valid = String::from_utf8_lossy(valid).into_owned();
                    valid.chars().for_each(|char| self.char(style, char));
                    if let Some((first, rest)) = rest.split_first() {
                        self.escape(*first);
                        self.writer.partial = rest.to_vec();
                    }
                }
            }
        }
    }

    fn char(&mut self, style: Style, char: char) {
        if char != '\t' && (char.is_control() || is_direction(char)) {
            let mut bytes = [0; 4];
            return char.encode_utf8(&mut bytes).bytes().for_each(|byte| self.escape(byte));
        }
        self.put(style, char);
    }

    fn escape(&mut self, byte: u8) {
        format!("\\x{byte:02x}").chars().for_each(|char| self.put(Style::Error, char));
    }

    fn put(&mut self, style: Style, char: char) {
        let indent = std::mem::take(&mut self.writer.indent);
        if indent > 0 {
            self.flush();
            self.writer.style = Style::Plain;
            self.writer.run.extend(std::iter::repeat_n("  ", indent));
        }
        if style != self.writer.style || self.writer.run.len() >= RUN {
            self.flush();
            self.writer.style = style;
        }
        self.writer.run.push(char);
        self.writer.in_line = true;
    }
}

/// Returns whether a character turns the direction of the text around it.
const fn is_direction(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
