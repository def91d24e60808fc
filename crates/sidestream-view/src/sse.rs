//! Event streams (WHATWG HTML §9.2), and what language models say in them, joined.

use std::time::Duration;

use crate::llm::Llm;
use crate::out::Out;
use crate::sink::Style;
use crate::view::Machine;

/// How much of an event's data is read for what a model says.
const MAX_DATA: usize = 256 << 10;

/// An event stream: its lines as they are, and what models say at the end.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    field: Vec<u8>,
    in_value: bool,
    /// The space behind the colon belongs to neither.
    skip_space: bool,
    after_return: bool,
    data: Vec<u8>,
    too_long: bool,
    /// Whether the last line was a blank one.
    blank: bool,
    llm: Llm,
}

impl EventStream {
    fn line_end(&mut self, out: &mut Out<'_>) {
        if self.field.is_empty() && !self.in_value {
            // A blank line ends the event.
            self.event();
            out.fresh();
            out.line();
            self.blank = true;
            return;
        }
        if !self.in_value {
            out.bytes(Style::Key, &self.field);
        }
        self.field.clear();
        self.in_value = false;
        self.skip_space = false;
        if self.data.len() < MAX_DATA {
            self.data.push(b'\n');
        }
        self.blank = false;
        out.line();
    }

    fn event(&mut self) {
        if !self.too_long {
            self.llm.event(self.data.trim_ascii());
        }
        self.too_long = false;
        self.data.clear();
    }

    fn value(&mut self, byte: u8, out: &mut Out<'_>) {
        if std::mem::take(&mut self.skip_space) && byte == b' ' {
            return;
        }
        let style = match &self.field[..] {
            b"data" => Style::Plain,
            b"" => Style::Comment,
            _ => Style::Keyword,
        };
        out.byte(style, byte);
        if self.field == b"data" {
            if self.data.len() < MAX_DATA {
                self.data.push(byte);
            } else {
                self.too_long = true;
            }
        }
    }
}

impl Machine for EventStream {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        let after_return = std::mem::take(&mut self.after_return);
        match byte {
            b'\n' if after_return => {}
            b'\r' | b'\n' => {
                self.after_return = byte == b'\r';
                self.line_end(out);
            }
            byte if self.in_value => self.value(byte, out),
            b':' => {
                self.in_value = true;
                self.skip_space = true;
                out.bytes(Style::Key, &self.field);
                out.text(Style::Punctuation, ": ");
            }
            byte if self.field.len() < 64 => self.field.push(byte),
            byte => {
                // No field has so long a name.
                let field = std::mem::take(&mut self.field);
                out.bytes(Style::Error, &field);
                self.in_value = true;
                self.value(byte, out);
            }
        }
    }

    fn at(&mut self, since_start: Duration) {
        self.llm.at(since_start);
    }

    fn end(&mut self, out: &mut Out<'_>) {
        if !self.field.is_empty() || self.in_value {
            self.line_end(out);
        }
        if !self.data.is_empty() {
            self.event();
        }
        if self.llm.has_spoken() {
            if !self.blank {
                out.line();
            }
            self.llm.write(out);
        }
    }
}
