//! Protobuf messages field by field, for what is read or copied without being understood whole.

use bytes::{Buf, Bytes};

use super::DecodeError;

/// A field's value as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `VARINT`.
    Number(u64),
    /// `LEN`.
    Bytes(Bytes),
    /// `I32` or `I64`, neither of which this format has: what a newer version may have added.
    Fixed,
}

/// Iterates over the fields of a message. After an error it ends.
#[derive(Clone, Debug)]
pub(crate) struct FieldReader(Bytes);

impl FieldReader {
    /// Reads a message that shares the memory of its payload.
    pub(crate) const fn new(message: Bytes) -> Self {
        Self(message)
    }

    fn read(&mut self) -> Result<(u32, Value), DecodeError> {
        let tag = self.number()?;
        let number = u32::try_from(tag >> 3).map_err(|_too_large| DecodeError::NotProtobuf)?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => self.skip(8)?,
            2 => {
                let len = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                if len > self.0.len() {
                    return Err(DecodeError::NotProtobuf);
                }
                Value::Bytes(self.0.split_to(len))
            }
            5 => self.skip(4)?,
            _ => return Err(DecodeError::NotProtobuf),
        };
        if number == 0 { Err(DecodeError::NotProtobuf) } else { Ok((number, value)) }
    }

    fn skip(&mut self, len: usize) -> Result<Value, DecodeError> {
        if self.0.len() < len {
            return Err(DecodeError::NotProtobuf);
        }
        self.0.advance(len);
        Ok(Value::Fixed)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            if !self.0.has_remaining() {
                break;
            }
            let byte = self.0.get_u8();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::NotProtobuf)
    }
}

impl FieldReader {
    /// Returns the next field, and all of its bytes.
    pub(crate) fn next_raw(&mut self) -> Option<Result<(u32, Value, Bytes), DecodeError>> {
        if self.0.is_empty() {
            return None;
        }
        let mut raw = self.0.clone();
        let field = self.read();
        if field.is_err() {
            self.0.clear();
        }
        raw.truncate(raw.len() - self.0.len());
        Some(field.map(|(number, value)| (number, value, raw)))
    }
}

impl Iterator for FieldReader {
    type Item = Result<(u32, Value), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_raw()?.map(|(number, value, _)| (number, value)))
    }
}

/// Room for the heads of a few fields, written without an allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Head {
    /// Five fields of a tag of two bytes and a number of ten.
    const ROOM: usize = 5 * 12;

    pub(crate) const fn new() -> Self {
        Self { bytes: [0; Self::ROOM], len: 0 }
    }

    /// Adds a field that is a number.
    pub(crate) fn number(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(value);
    }

    /// Adds the head of a field of so many bytes, which are to follow.
    pub(crate) fn bytes(&mut self, field: u32, len: usize) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(len as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Returns the number as protobuf writes a `sint64`, small where it is near zero.
pub(crate) const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Returns the number that stands so in a `sint64`.
pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
