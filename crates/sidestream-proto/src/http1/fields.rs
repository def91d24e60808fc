//! Field lines (RFC 9112 §5), of heads and of trailer sections.

use bytes::Bytes;
use memchr::memchr;
use sidestream_record::{Field, Fields};

use super::bytes_of::{is_control, is_space, is_token, trim};
use super::defect::{Defect, Defects};
use super::error::Smuggling;
use super::lines::{Lines, content};

/// Reads the field lines from the given index on, out of the bytes that were scanned.
pub(super) fn parse(
    bytes: &Bytes,
    lines: &Lines,
    first: usize,
    defects: &mut Defects,
) -> Result<Fields, Smuggling> {
    let mut fields = Vec::with_capacity(lines.len().saturating_sub(first));
    let mut index = first;
    while let Some(mut line) = lines.get(index) {
        if is_space(bytes[line.start]) {
            return Err(Smuggling::SpaceBeforeFirstField);
        }
        index += 1;
        while let Some(next) = lines.get(index).filter(|next| is_space(bytes[next.start])) {
            defects.note(Defect::Fold);
            line.end = next.end;
            index += 1;
        }
        fields.push(field(bytes, content(&bytes[line]), defects));
    }
    Ok(Fields(fields))
}

/// Reads one field, given with its folds and without its line ending.
fn field(bytes: &Bytes, text: &[u8], defects: &mut Defects) -> Field {
    let Some(colon) = memchr(b':', text) else {
        defects.note(Defect::MissingColon);
        return Field { name: bytes.slice_ref(text), value: Bytes::new() };
    };
    let (name, value) = (&text[..colon], trim(&text[colon + 1..]));
    if !name.iter().all(|&byte| is_token(byte)) || name.is_empty() {
        let spaced = name.last().is_some_and(|&last| is_space(last));
        let clean = trim(name);
        let invalid = clean.is_empty() || !clean.iter().all(|&byte| is_token(byte));
        defects.note_if(spaced, Defect::SpaceBeforeColon);
        defects.note_if(invalid, Defect::InvalidName);
    }
    let control = |byte: &u8| is_control(*byte) && !matches!(byte, b'\r' | b'\n');
    defects.note_if(value.iter().any(control), Defect::ControlByte);
    Field { name: bytes.slice_ref(name), value: bytes.slice_ref(value) }
}
