//! Frames of JSON over pipes, of bounded length, and bytes in them.

use std::fmt;
use std::io::{self, Read, Write};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of what is spoken; both sides are the same program, so they are to be equal.
pub const VERSION: u32 = 1;

/// The longest frame, in bytes.
pub const MAX_FRAME: usize = 64 << 20;

/// Bytes, as hexadecimal digits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The pipe broke, or ended in the middle of a frame.
    #[error("cannot read a frame")]
    Io(#[from] io::Error),
    /// A frame is longer than any may be.
    #[error("a frame of {len} bytes, where {MAX_FRAME} are allowed")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// A frame is no message.
    #[error("a frame that is no message")]
    Json(#[from] serde_json::Error),
}

/// Writes a message in a frame, at once.
///
/// # Errors
///
/// When the pipe is broken, or the message is too long for a frame.
pub fn write(pipe: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let len = u32::try_from(json.len()).ok().filter(|_| json.len() <= MAX_FRAME);
    let len = len.ok_or_else(|| {
        let text = format!("a message of {} bytes is too long for a frame", json.len());
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })?;
    pipe.write_all(&len.to_be_bytes())?;
    pipe.write_all(&json)?;
    pipe.flush()
}

/// Reads a message; `None` when the pipe has ended between two frames.
///
/// # Errors
///
/// As [`ReadError`] has it.
pub fn read<T: DeserializeOwned>(pipe: &mut impl Read) -> Result<Option<T>, ReadError> {
    let mut len = [0; 4];
    if !fill_first(pipe, &mut len)? {
        return Ok(None);
    }
    let len = u32::from_be_bytes(len) as usize;
    if len > MAX_FRAME {
        return Err(ReadError::TooLong { len });
    }
    let mut json = vec![0; len];
    pipe.read_exact(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

/// Fills the buffer; false when there is nothing at all.
fn fill_first(pipe: &mut impl Read, buf: &mut [u8; 4]) -> io::Result<bool> {
    loop {
        match pipe.read(&mut buf[..1]) {
            Ok(0) => return Ok(false),
            Ok(_) => return pipe.read_exact(&mut buf[1..]).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = String::with_capacity(2 * self.0.len());
        for byte in &self.0 {
            digits.push(char::from(DIGITS[usize::from(byte >> 4)]));
            digits.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = decode(text.as_bytes());
        bytes.map(Self).ok_or_else(|| D::Error::custom("not hexadecimal digits"))
    }
}

fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_chunks::<2>();
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        bytes.push(value(*high)? << 4 | value(*low)?);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_through_whole() {
        let mut pipe = Vec::new();
        let sent = Hex((0..=255).collect());
        write(&mut pipe, &sent).unwrap();
        write(&mut pipe, &Hex::default()).unwrap();
        let mut pipe = pipe.as_slice();
        assert_eq!(read::<Hex>(&mut pipe).unwrap(), Some(sent));
        assert_eq!(read::<Hex>(&mut pipe).unwrap(), Some(Hex::default()));
        assert_eq!(read::<Hex>(&mut pipe).unwrap(), None);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for (bytes, expected) in [
            (&b"\0\0\0\x05\"ab"[..], "cannot read a frame"),
            (b"\0\0", "cannot read a frame"),
            (b"\x7f\0\0\0", "a frame of 2130706432 bytes, where 67108864 are allowed"),
            (b"\0\0\0\x03abc", "a frame that is no message"),
            (b"\0\0\0\x03\"a\"", "a frame that is no message"),
            (b"\0\0\0\x04\"ag\"", "a frame that is no message"),
        ] {
            assert_eq!(read::<Hex>(&mut &*bytes).unwrap_err().to_string(), expected, "{bytes:?}");
        }
        let long = "x".repeat(MAX_FRAME);
        let mut pipe = Vec::new();
        assert!(write(&mut pipe, &long).is_err());
        assert!(pipe.is_empty());
    }
}
