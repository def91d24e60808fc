//! Protocol buffers without their definition: field numbers, wire types, and a guess at messages.

use crate::out::Out;
use crate::schema::MessageType;
use crate::sink::Style;
use crate::text::Hex;
use crate::typed;
use crate::view::{Machine, run};

/// How much of one message is read.
pub(crate) const MAX_MESSAGE: usize = 1 << 20;

/// How deep messages in messages are guessed.
pub(crate) const MAX_DEPTH: usize = 20;

/// Writes a message.
pub(crate) fn message(bytes: &[u8], more: u64, out: &mut Out<'_>) {
    write(bytes, 0, out);
    if more > 0 {
        out.note(Style::Note, &format!("{more} more bytes are not shown"));
    }
}

fn write(mut bytes: &[u8], depth: usize, out: &mut Out<'_>) {
    while !bytes.is_empty() {
        let Some((field, rest)) = Field::read(bytes) else {
            out.indent(depth);
            out.text(Style::Error, "not protobuf from here on:");
            out.line();
            return run(Hex::default(), bytes, out);
        };
        bytes = rest;
        out.indent(depth);
        out.text(Style::Key, &field.number.to_string());
        out.text(Style::Punctuation, ": ");
        field.value.write(depth, out);
    }
}

/// A field as it stands on the wire.
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
}

/// What a field holds, as far as the wire tells.
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Group,
    GroupEnd,
    Fixed32(u32),
}

impl<'a> Field<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, rest) = varint(bytes)?;
        let (number, kind) = (tag >> 3, tag & 7);
        if number == 0 || number >= 1 << 29 {
            return None;
        }
        let (value, rest) = match kind {
            0 => varint(rest).map(|(value, rest)| (Value::Varint(value), rest))?,
            1 => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (Value::Fixed64(u64::from_le_bytes(*bytes)), rest)
            }
            2 => {
                let (length, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Value::Bytes(bytes), rest)
            }
            3 => (Value::Group, rest),
            4 => (Value::GroupEnd, rest),
            5 => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (Value::Fixed32(u32::from_le_bytes(*bytes)), rest)
            }
            _ => return None,
        };
        Some((Self { number, value }, rest))
    }
}

impl Value<'_> {
    pub(crate) fn write(&self, depth: usize, out: &mut Out<'_>) {
        match self {
            Self::Varint(value) => {
                out.text(Style::Number, &value.to_string());
                if *value > i64::MAX as u64 {
                    out.text(Style::Note, &format!("  (signed {})", *value as i64));
                }
            }
            Self::Fixed64(value) => {
                out.text(Style::Number, &format!("0x{value:016x}"));
                out.text(Style::Note, &format!("  (double {:?})", f64::from_bits(*value)));
            }
            Self::Fixed32(value) => {
                out.text(Style::Number, &format!("0x{value:08x}"));
                out.text(Style::Note, &format!("  (float {:?})", f32::from_bits(*value)));
            }
            Self::Group => out.text(Style::Keyword, "group"),
            Self::GroupEnd => out.text(Style::Keyword, "end of group"),
            Self::Bytes(bytes) => return write_bytes(bytes, depth, out),
        }
        out.line();
    }
}

/// Text, or a message, or bytes: the first that fits.
fn write_bytes(bytes: &[u8], depth: usize, out: &mut Out<'_>) {
    if let Some(text) = readable(bytes) {
        out.text(Style::String, &format!("{text:?}"));
        out.line();
    } else if depth < MAX_DEPTH && is_message(bytes, depth) {
        out.text(Style::Punctuation, "{");
        out.line();
        write(bytes, depth + 1, out);
        out.indent(depth);
        out.text(Style::Punctuation, "}");
        out.line();
    } else {
        let count = bytes.len();
        out.text(Style::Note, &format!("{count} bytes"));
        out.line();
        run(Hex::default(), bytes, out);
    }
}

pub(crate) fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let of_text = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t');
    text.chars().all(of_text).then_some(text)
}

fn is_message(mut bytes: &[u8], depth: usize) -> bool {
    let mut groups = 0_usize;
    while !bytes.is_empty() && depth < MAX_DEPTH {
        let Some((field, rest)) = Field::read(bytes) else { return false };
        match field.value {
            Value::Group => groups += 1,
            Value::GroupEnd if groups == 0 => return false,
            Value::GroupEnd => groups -= 1,
            _ => {}
        }
        bytes = rest;
    }
    groups == 0
}

/// Returns whether the bytes are a message, or may begin one.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    !bytes.is_empty() && is_message(bytes, 0)
}

pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        if at == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// gRPC's frames: a flag, a length, a message.
#[derive(Debug, Default)]
pub(crate) struct Grpc {
    head: Vec<u8>,
    left: u32,
    message: Vec<u8>,
    more: u64,
    count: u64,
    /// The definition of its messages, where it is known.
    of: Option<MessageType>,
}

/// gRPC-Web puts the trailers into a frame of this flag.
const TRAILERS: u8 = 0x80;

impl Grpc {
    pub(crate) fn of(message: MessageType) -> Self {
        Self { of: Some(message), ..Self::default() }
    }

    fn write(&mut self, out: &mut Out<'_>) {
        let flag = self.head.first().copied().unwrap_or_default();
        let length = self.message.len() as u64 + self.more;
        self.count += 1;
        let what = if flag & TRAILERS != 0 { "trailers" } else { "message" };
        let coded = if flag & 1 != 0 { ", compressed" } else { "" };
        let count = self.count;
        let of = self.of.as_ref().filter(|_| flag & TRAILERS == 0);
        let kind = of.map(|of| format!(", {}", of.name())).unwrap_or_default();
        out.note(Style::Note, &format!("{what} {count}, {length} bytes{coded}{kind}"));
        let (bytes, more) = (std::mem::take(&mut self.message), std::mem::take(&mut self.more));
        if flag & TRAILERS != 0 {
            run(crate::text::Text::default(), &bytes, out);
        } else if flag & 1 == 0 {
            one(&bytes, more, of, out);
        } else {
            compressed(&bytes, more, of, out);
        }
        self.head.clear();
    }
}

/// Writes a message, by its definition where that is known.
fn one(bytes: &[u8], more: u64, of: Option<&MessageType>, out: &mut Out<'_>) {
    match of {
        Some(of) => typed::message(bytes, more, of, out),
        None => message(bytes, more, out),
    }
}

/// Which coding it is stands in a field that is not here: gzip tells itself.
fn compressed(bytes: &[u8], more: u64, of: Option<&MessageType>, out: &mut Out<'_>) {
    use sidestream_coding::{Codings, Limits, decode};
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let codings = Codings::parse([b"gzip".as_slice()]);
        let decoded = decode(&codings, bytes, Limits::up_to(MAX_MESSAGE as u64));
        one(&decoded.bytes, 0, of, out);
        if let Some(error) = decoded.error {
            out.note(Style::Error, &error.to_string());
        }
    } else {
        run(Hex::default(), bytes, out);
    }
    if more > 0 {
        out.note(Style::Note, &format!("{more} more bytes are not shown"));
    }
}

impl Machine for Grpc {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        if self.head.len() < 5 {
            self.head.push(byte);
            if let [_, a, b, c, d] = self.head[..] {
                self.left = u32::from_be_bytes([a, b, c, d]);
                if self.left == 0 {
                    self.write(out);
                }
            }
            return;
        }
        if self.message.len() < MAX_MESSAGE {
            self.message.push(byte);
        } else {
            self.more += 1;
        }
        self.left -= 1;
        if self.left == 0 {
            self.write(out);
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        if self.head.len() == 5 {
            let left = self.left;
            self.write(out);
            out.cut(&format!("{left} bytes of the message are missing"));
        } else if !self.head.is_empty() {
            out.cut("the frame is cut short:");
            let head = std::mem::take(&mut self.head);
            run(Hex::default(), &head, out);
        }
    }
}
