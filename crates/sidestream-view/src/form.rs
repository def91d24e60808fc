//! Forms: `application/x-www-form-urlencoded` and queries, a field a line.

use crate::out::Out;
use crate::sink::Style;
use crate::view::Machine;

/// Fields of a form, decoded. A `%` that is none stays, in the style of an error.
#[derive(Debug, Default)]
pub(crate) struct Form {
    in_value: bool,
    any: bool,
    /// A percent sign, and the digit behind it.
    percent: Vec<u8>,
}

impl Form {
    const fn style(&self) -> Style {
        if self.in_value { Style::String } else { Style::Key }
    }

    fn broken(&mut self, out: &mut Out<'_>) {
        for byte in std::mem::take(&mut self.percent) {
            out.bytes(Style::Error, &[byte]);
        }
    }

    fn percent(&mut self, byte: u8, out: &mut Out<'_>) {
        if !byte.is_ascii_hexdigit() {
            self.broken(out);
            return self.byte(byte, out);
        }
        self.percent.push(byte);
        if let [_, high, low] = self.percent[..] {
            let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
            self.percent.clear();
            self.decoded(digit(high) << 4 | digit(low), out);
        }
    }

    /// Lines of a value stand below each other.
    fn decoded(&mut self, byte: u8, out: &mut Out<'_>) {
        if byte == b'\n' && self.in_value {
            out.line();
            out.text(Style::Plain, "  ");
        } else if byte == b'\r' && self.in_value {
            // It belongs to the line end that follows.
        } else {
            out.byte(self.style(), byte);
        }
    }
}

impl Machine for Form {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        if !self.percent.is_empty() {
            return self.percent(byte, out);
        }
        self.any = true;
        match byte {
            b'%' => self.percent.push(byte),
            b'+' => self.decoded(b' ', out),
            b'&' => {
                out.fresh();
                self.in_value = false;
            }
            b'=' if !self.in_value => {
                out.text(Style::Punctuation, ": ");
                self.in_value = true;
            }
            b'\r' | b'\n' => out.bytes(Style::Error, &[byte]),
            byte => out.byte(self.style(), byte),
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        self.broken(out);
    }
}
