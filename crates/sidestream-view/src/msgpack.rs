//! MessagePack, written as JSON would be, with what JSON has not.

use crate::out::Out;
use crate::sink::Style;
use crate::text::Hex;
use crate::view::run;

/// How much is read.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// How many bytes stand in the line at hand.
const MAX_INLINE: usize = 32;

/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 100;

/// Writes the values, one after the other.
pub(crate) fn values(bytes: &[u8], more: u64, out: &mut Out<'_>) {
    let mut reader = Reader { rest: bytes };
    while !reader.rest.is_empty() {
        if reader.value(0, out).is_none() {
            if reader.rest.is_empty() {
                out.cut("the MessagePack is cut short");
            } else {
                out.note(Style::Error, "not MessagePack from here on:");
                run(Hex::default(), reader.rest, out);
            }
            break;
        }
        out.fresh();
    }
    if more > 0 {
        out.note(Style::Note, &format!("{more} more bytes are not shown"));
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?.iter();
        Some(taken.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Writes a value; where it is broken, what was not read is left.
    fn value(&mut self, depth: usize, out: &mut Out<'_>) -> Option<()> {
        let before = self.rest;
        let read = self.read(depth, out);
        if read.is_none() && depth == 0 && self.rest.len() == before.len() {
            self.rest = before;
        }
        read
    }

    fn read(&mut self, depth: usize, out: &mut Out<'_>) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (&head, rest) = self.rest.split_first()?;
        let start = self.rest;
        self.rest = rest;
        let done = match head {
            0x00..=0x7f => number(out, &head.to_string()),
            0xe0.. => number(out, &(head as i8).to_string()),
            0x80..=0x8f => self.map(usize::from(head & 0xf), depth, out),
            0x90..=0x9f => self.array(usize::from(head & 0xf), depth, out),
            0xa0..=0xbf => self.string(usize::from(head & 0x1f), out),
            0xc0 => word(out, "nil"),
            0xc2 => word(out, "false"),
            0xc3 => word(out, "true"),
            0xc4..=0xc6 => {
                let count = self.number(1 << (head - 0xc4));
                count.and_then(|count| self.binary(count as usize, depth, out))
            }
            0xc7..=0xc9 => {
                let count = self.number(1 << (head - 0xc7));
                count.and_then(|count| self.extension(count as usize, depth, out))
            }
            0xca => self
                .number(4)
                .and_then(|bits| number(out, &format!("{:?}", f32::from_bits(bits as u32)))),
            0xcb => {
                self.number(8).and_then(|bits| number(out, &format!("{:?}", f64::from_bits(bits))))
            }
            0xcc..=0xcf => {
                let value = self.number(1 << (head - 0xcc));
                value.and_then(|value| number(out, &value.to_string()))
            }
            0xd0..=0xd3 => {
                let width = 1 << (head - 0xd0);
                let value = self.number(width);
                let shift = 64 - 8 * width as u32;
                value.and_then(|value| number(out, &((value << shift) as i64 >> shift).to_string()))
            }
            0xd4..=0xd8 => self.extension(1 << (head - 0xd4), depth, out),
            0xd9..=0xdb => {
                let count = self.number(1 << (head - 0xd9));
                count.and_then(|count| self.string(count as usize, out))
            }
            0xdc | 0xdd => {
                let count = self.number(2 << (head - 0xdc));
                count.and_then(|count| self.array(count as usize, depth, out))
            }
            0xde | 0xdf => {
                let count = self.number(2 << (head - 0xde));
                count.and_then(|count| self.map(count as usize, depth, out))
            }
            0xc1 => None,
        };
        // Of a value that is cut, all bytes are shown; what stood in it was written already.
        if done.is_none() && !matches!(head, 0x80..=0x9f | 0xdc..=0xdf) {
            self.rest = start;
        }
        done
    }

    fn string(&mut self, count: usize, out: &mut Out<'_>) -> Option<()> {
        let bytes = self.take(count)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => out.text(Style::String, &format!("{text:?}")),
            Err(_broken) => {
                out.text(Style::String, "\"");
                out.bytes(Style::String, bytes);
                out.text(Style::String, "\"");
            }
        }
        Some(())
    }

    fn binary(&mut self, count: usize, depth: usize, out: &mut Out<'_>) -> Option<()> {
        let bytes = self.take(count)?;
        out.text(Style::Note, &format!("{count} bytes"));
        if bytes.len() <= MAX_INLINE {
            bytes.iter().for_each(|byte| out.text(Style::Number, &format!(" {byte:02x}")));
        } else {
            out.line();
            run(Hex::default(), bytes, out);
            out.indent(depth);
        }
        Some(())
    }

    fn extension(&mut self, count: usize, depth: usize, out: &mut Out<'_>) -> Option<()> {
        let kind = self.number(1)? as u8 as i8;
        out.text(Style::Keyword, &format!("extension {kind}, "));
        self.binary(count, depth, out)
    }

    fn array(&mut self, count: usize, depth: usize, out: &mut Out<'_>) -> Option<()> {
        self.list(count, ["[", "]"], depth, out, |reader, out| reader.read(depth + 1, out))
    }

    fn map(&mut self, count: usize, depth: usize, out: &mut Out<'_>) -> Option<()> {
        self.list(count, ["{", "}"], depth, out, |reader, out| {
            reader.read(depth + 1, out)?;
            out.text(Style::Punctuation, ": ");
            reader.read(depth + 1, out)
        })
    }

    fn list(
        &mut self,
        count: usize,
        [open, close]: [&str; 2],
        depth: usize,
        out: &mut Out<'_>,
        mut item: impl FnMut(&mut Self, &mut Out<'_>) -> Option<()>,
    ) -> Option<()> {
        out.text(Style::Punctuation, open);
        for at in 0..count {
            if at > 0 {
                out.text(Style::Punctuation, ",");
            }
            out.indent(depth + 1);
            item(self, out)?;
        }
        if count > 0 {
            out.indent(depth);
        }
        out.text(Style::Punctuation, close);
        Some(())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the arms of one match")]
fn number(out: &mut Out<'_>, text: &str) -> Option<()> {
    out.text(Style::Number, text);
    Some(())
}

#[expect(clippy::unnecessary_wraps, reason = "the arms of one match")]
fn word(out: &mut Out<'_>, text: &str) -> Option<()> {
    out.text(Style::Keyword, text);
    Some(())
}
