//! Text as it is, and bytes in hexadecimal.

use crate::out::Out;
use crate::sink::Style;
use crate::view::Machine;

/// Text as it is, line by line.
#[derive(Debug, Default)]
pub(crate) struct Text {
    after_return: bool,
}

impl Machine for Text {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        let after_return = std::mem::take(&mut self.after_return);
        match byte {
            b'\n' => out.line(),
            b'\r' => {
                if after_return {
                    out.byte(Style::Plain, b'\r');
                }
                self.after_return = true;
            }
            byte => {
                if after_return {
                    out.byte(Style::Plain, b'\r');
                }
                out.byte(Style::Plain, byte);
            }
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        if std::mem::take(&mut self.after_return) {
            out.byte(Style::Plain, b'\r');
        }
    }
}

const ROW: usize = 16;

/// Rows of sixteen bytes, in hexadecimal and as far as they are letters.
#[derive(Debug, Default)]
pub(crate) struct Hex {
    offset: u64,
    row: Vec<u8>,
}

impl Hex {
    fn write(&mut self, out: &mut Out<'_>) {
        out.text(Style::Note, &format!("{:04x} ", self.offset));
        for at in 0..ROW {
            match self.row.get(at) {
                Some(byte) => out.text(Style::Number, &format!(" {byte:02x}")),
                None => out.text(Style::Plain, "   "),
            }
        }
        let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        out.text(Style::Plain, "  ");
        out.text(Style::String, &self.row.iter().map(shown).collect::<String>());
        out.line();
        self.offset += self.row.len() as u64;
        self.row.clear();
    }
}

impl Machine for Hex {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        self.row.push(byte);
        if self.row.len() == ROW {
            self.write(out);
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        if !self.row.is_empty() {
            self.write(out);
        }
    }
}
