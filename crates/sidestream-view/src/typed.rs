//! Protocol buffers by their definition: names of fields and values. What is not in the
//! definition, or is not as it says, stands as it does without one.

use prost_reflect::{Kind, MessageDescriptor};

use crate::out::Out;
use crate::protobuf::{Field, MAX_DEPTH, MAX_MESSAGE, Value, readable, varint};
use crate::schema::MessageType;
use crate::sink::Style;
use crate::text::Hex;
use crate::view::{Machine, run};

/// How many numbers of a packed list stand in a line.
const IN_LINE: usize = 16;

/// The message that holds another, and says of which kind that is.
const ANY: &str = "google.protobuf.Any";

/// One message, of which the definition is known.
#[derive(Debug)]
pub(crate) struct Message {
    of: MessageType,
    bytes: Vec<u8>,
    more: u64,
}

impl Message {
    pub(crate) const fn new(of: MessageType) -> Self {
        Self { of, bytes: Vec::new(), more: 0 }
    }
}

impl Machine for Message {
    fn byte(&mut self, byte: u8, _out: &mut Out<'_>) {
        if self.bytes.len() < MAX_MESSAGE {
            self.bytes.push(byte);
        } else {
            self.more += 1;
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        out.note(Style::Note, &format!("message {}", self.of.name()));
        message(&self.bytes, self.more, &self.of, out);
        out.fresh();
    }
}

/// Writes a message of that kind.
pub(crate) fn message(bytes: &[u8], more: u64, of: &MessageType, out: &mut Out<'_>) {
    write(bytes, &of.0, 0, out);
    if more > 0 {
        out.note(Style::Note, &format!("{more} more bytes are not shown"));
    }
}

/// What the definition says of a field.
struct Definition {
    name: String,
    kind: Kind,
    is_list: bool,
    is_map: bool,
    is_group: bool,
    oneof: Option<String>,
}

impl Definition {
    fn find(of: &MessageDescriptor, number: u64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        if let Some(field) = of.get_field(number) {
            let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
            return Some(Self {
                name: field.name().to_owned(),
                kind: field.kind(),
                is_list: field.is_list(),
                is_map: field.is_map(),
                is_group: field.is_group(),
                oneof: oneof.map(|oneof| oneof.name().to_owned()),
            });
        }
        let field = of.get_extension(number)?;
        Some(Self {
            name: format!("[{}]", field.full_name()),
            kind: field.kind(),
            is_list: field.is_list(),
            is_map: field.is_map(),
            is_group: field.is_group(),
            oneof: None,
        })
    }
}

fn write(mut bytes: &[u8], of: &MessageDescriptor, depth: usize, out: &mut Out<'_>) {
    let is_any = of.full_name() == ANY && depth < MAX_DEPTH;
    let any = if is_any { held(bytes, of) } else { None };
    let mut groups: Vec<MessageDescriptor> = Vec::new();
    while !bytes.is_empty() {
        let at = depth + groups.len();
        let Some((field, rest)) = Field::read(bytes) else {
            out.indent(at);
            out.text(Style::Error, "not protobuf from here on:");
            out.line();
            return run(Hex::default(), bytes, out);
        };
        bytes = rest;
        if matches!(field.value, Value::GroupEnd) && groups.pop().is_some() {
            out.indent(at - 1);
            out.text(Style::Punctuation, "}");
            out.line();
            continue;
        }
        let Some(definition) = Definition::find(groups.last().unwrap_or(of), field.number) else {
            out.indent(at);
            out.text(Style::Key, &field.number.to_string());
            out.text(Style::Punctuation, ": ");
            field.value.write(at, out);
            continue;
        };
        let nested = definition.kind.as_message().filter(|_| at < MAX_DEPTH);
        match (&field.value, nested) {
            (Value::Group, Some(group)) if definition.is_group => {
                key(&definition, at, out);
                open(group, out);
                groups.push(group.clone());
            }
            (Value::Bytes(entry), Some(of))
                if definition.is_map && write_entry(entry, of, &definition, at, out) => {}
            (Value::Bytes(held), _) if any.is_some() && definition.name == "value" => {
                write_nested(held, any.as_ref().unwrap_or(of), &definition, at, out);
            }
            (Value::Bytes(inner), Some(of)) if !definition.is_group => {
                write_nested(inner, of, &definition, at, out);
            }
            (value, _) => write_value(value, &definition, at, out),
        }
    }
}

/// Returns the kind of message that is held in one of any kind.
fn held(mut bytes: &[u8], of: &MessageDescriptor) -> Option<MessageDescriptor> {
    while let Some((field, rest)) = Field::read(bytes) {
        bytes = rest;
        if let (1, Value::Bytes(url)) = (field.number, field.value) {
            let name = str::from_utf8(url).ok()?.rsplit('/').next()?;
            return of.parent_pool().get_message_by_name(name);
        }
    }
    None
}

fn key(definition: &Definition, depth: usize, out: &mut Out<'_>) {
    out.indent(depth);
    out.text(Style::Key, &definition.name);
    out.text(Style::Punctuation, ": ");
}

/// Begins a message within one, with the name of its kind.
fn open(of: &MessageDescriptor, out: &mut Out<'_>) {
    out.text(Style::Note, of.name());
    out.text(Style::Punctuation, " {");
    out.line();
}

fn write_nested(
    bytes: &[u8],
    of: &MessageDescriptor,
    definition: &Definition,
    depth: usize,
    out: &mut Out<'_>,
) {
    key(definition, depth, out);
    open(of, out);
    write(bytes, of, depth + 1, out);
    out.indent(depth);
    out.text(Style::Punctuation, "}");
    note_oneof(definition, out);
    out.line();
}

fn note_oneof(definition: &Definition, out: &mut Out<'_>) {
    if let Some(oneof) = &definition.oneof {
        out.text(Style::Note, &format!("  (one of {oneof})"));
    }
}

/// Writes an entry of a map, if it is nothing but a key and a value as the definition has them.
fn write_entry(
    mut bytes: &[u8],
    of: &MessageDescriptor,
    definition: &Definition,
    depth: usize,
    out: &mut Out<'_>,
) -> bool {
    let (mut key, mut value) = (None, None);
    while !bytes.is_empty() {
        let Some((field, rest)) = Field::read(bytes) else { return false };
        bytes = rest;
        match field.number {
            1 if key.is_none() => key = Some(field.value),
            2 if value.is_none() => value = Some(field.value),
            _ => return false,
        }
    }
    let of_key = of.map_entry_key_field().kind();
    let key = match key {
        None => Some(if matches!(of_key, Kind::String) { "\"\"" } else { "0" }.to_owned()),
        Some(key) => scalar(&of_key, &key).map(|scalar| scalar.text),
    };
    let Some(key) = key else { return false };
    let of_value = of.map_entry_value_field();
    let fits = match (of_value.kind(), &value) {
        (_, None) | (Kind::Message(_), Some(Value::Bytes(_))) => true,
        (kind, Some(value)) => scalar(&kind, value).is_some(),
    };
    if !fits {
        return false;
    }
    let entry = Definition {
        name: format!("{}[{key}]", definition.name),
        kind: of_value.kind(),
        is_list: false,
        is_map: false,
        is_group: false,
        oneof: None,
    };
    match (of_value.kind(), value) {
        (Kind::Message(of), Some(Value::Bytes(inner))) => {
            write_nested(inner, &of, &entry, depth, out);
        }
        (_, Some(value)) => write_value(&value, &entry, depth, out),
        (_, None) => {
            self::key(&entry, depth, out);
            out.text(Style::Note, "(none)");
            out.line();
        }
    }
    true
}

/// Writes a value that is no message, or says that it is not as the definition has it.
fn write_value(value: &Value<'_>, definition: &Definition, depth: usize, out: &mut Out<'_>) {
    key(definition, depth, out);
    if let Some(Scalar { style, text, note }) = scalar(&definition.kind, value) {
        out.text(style, &text);
        if let Some(note) = note {
            out.text(Style::Note, &format!("  ({note})"));
        }
        note_oneof(definition, out);
        return out.line();
    }
    match value {
        Value::Bytes(bytes) if matches!(definition.kind, Kind::Bytes) => {
            out.text(Style::Note, &format!("{} bytes", bytes.len()));
            out.line();
            return run(Hex::default(), bytes, out);
        }
        Value::Bytes(bytes) if definition.is_list => {
            if let Some(values) = packed(bytes, &definition.kind) {
                return write_list(&values, depth, out);
            }
        }
        _ => {}
    }
    value.write(depth, out);
    out.indent(depth);
    out.text(Style::Error, &format!("! the definition says {}", kind_name(&definition.kind)));
    out.line();
}

fn write_list(values: &[Scalar], depth: usize, out: &mut Out<'_>) {
    out.text(Style::Punctuation, "[");
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.text(Style::Punctuation, if at % IN_LINE == 0 { "," } else { ", " });
        }
        if at % IN_LINE == 0 && values.len() > IN_LINE {
            out.indent(depth + 1);
        }
        out.text(value.style, &value.text);
    }
    if values.len() > IN_LINE {
        out.indent(depth);
    }
    out.text(Style::Punctuation, "]");
    out.line();
}

/// A value in words.
struct Scalar {
    style: Style,
    text: String,
    note: Option<String>,
}

impl Scalar {
    const fn new(style: Style, text: String) -> Self {
        Self { style, text, note: None }
    }

    fn number(number: impl ToString) -> Self {
        Self::new(Style::Number, number.to_string())
    }
}

/// Words a value as the definition has it; `None` if it is another.
fn scalar(kind: &Kind, value: &Value<'_>) -> Option<Scalar> {
    Some(match (kind, value) {
        (Kind::Bool, Value::Varint(value @ (0 | 1))) => {
            Scalar::new(Style::Keyword, (*value == 1).to_string())
        }
        // What does not fit into 32 bits is cut by whoever reads it.
        (Kind::Int32, Value::Varint(value)) => Scalar::number(*value as i32),
        (Kind::Int64, Value::Varint(value)) => Scalar::number(*value as i64),
        (Kind::Uint32, Value::Varint(value)) => Scalar::number(*value as u32),
        (Kind::Uint64, Value::Varint(value)) => Scalar::number(value),
        (Kind::Sint32, Value::Varint(value)) => Scalar::number(unzigzag(*value) as i32),
        (Kind::Sint64, Value::Varint(value)) => Scalar::number(unzigzag(*value)),
        (Kind::Enum(of), Value::Varint(value)) => match of.get_value(*value as i32) {
            Some(value) => Scalar::new(Style::Keyword, value.name().to_owned()),
            None => {
                let note = Some(format!("no value of {}", of.name()));
                Scalar { note, ..Scalar::number(*value as i32) }
            }
        },
        (Kind::Fixed32, Value::Fixed32(value)) => Scalar::number(value),
        (Kind::Sfixed32, Value::Fixed32(value)) => Scalar::number(value.cast_signed()),
        (Kind::Float, Value::Fixed32(value)) => {
            Scalar::new(Style::Number, format!("{:?}", f32::from_bits(*value)))
        }
        (Kind::Fixed64, Value::Fixed64(value)) => Scalar::number(value),
        (Kind::Sfixed64, Value::Fixed64(value)) => Scalar::number(value.cast_signed()),
        (Kind::Double, Value::Fixed64(value)) => {
            Scalar::new(Style::Number, format!("{:?}", f64::from_bits(*value)))
        }
        (Kind::String, Value::Bytes(bytes)) => {
            Scalar::new(Style::String, format!("{:?}", str::from_utf8(bytes).ok()?))
        }
        (Kind::Bytes, Value::Bytes(bytes)) => {
            Scalar::new(Style::String, format!("{:?}", readable(bytes)?))
        }
        _ => return None,
    })
}

/// Takes a list apart that stands in one field; `None` if it is none of these values.
fn packed(mut bytes: &[u8], kind: &Kind) -> Option<Vec<Scalar>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (value, rest) = match kind {
            Kind::Message(_) | Kind::String | Kind::Bytes => return None,
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => {
                let (four, rest) = bytes.split_first_chunk()?;
                (Value::Fixed32(u32::from_le_bytes(*four)), rest)
            }
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
                let (eight, rest) = bytes.split_first_chunk()?;
                (Value::Fixed64(u64::from_le_bytes(*eight)), rest)
            }
            _ => {
                let (value, rest) = varint(bytes)?;
                (Value::Varint(value), rest)
            }
        };
        values.push(scalar(kind, &value)?);
        bytes = rest;
    }
    Some(values)
}

/// Returns the number that stands so in a `sint64`.
const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Message(of) => format!("message {}", of.full_name()),
        Kind::Enum(of) => format!("enum {}", of.full_name()),
        other => format!("{other:?}").to_ascii_lowercase(),
    }
}
