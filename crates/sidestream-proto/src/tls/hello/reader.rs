//! Puts a ClientHello together from records and segments of any size.

use super::decode::{CLIENT_HELLO, HEADER_LEN};
use super::{ClientHello, HelloError};

/// The most bytes that a ClientHello may take, its record headers included: far above any in use.
pub const MAX_HELLO_BYTES: usize = 64 * 1024;

/// The type, version and length in front of every record (RFC 8446 §5.1).
pub(super) const RECORD_HEADER_LEN: usize = 5;
/// The most that a record in plain text carries.
const MAX_FRAGMENT_LEN: u16 = 1 << 14;
const HANDSHAKE: u8 = 22;

/// Reads a ClientHello out of the first bytes of a client.
///
/// The message is copied; the bytes as they came stay with the caller, who hands them to the TLS implementation once it is configured.
/// The outcome does not depend on how the bytes are cut.
#[derive(Debug, Default)]
pub struct HelloReader {
    /// As much of a record's header as is there.
    header: Vec<u8>,
    /// How much of the record's fragment is still to come.
    fragment_left: usize,
    /// As much of the handshake message as is there.
    message: Vec<u8>,
    /// How many bytes were read.
    read: usize,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Reading,
    Done,
    Failed(HelloError),
}

impl HelloReader {
    /// Makes a reader at the beginning of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes, and returns the ClientHello once, as soon as it is whole.
    ///
    /// What comes after it is ignored.
    ///
    /// # Errors
    /// [`HelloError`] at the first byte that cannot be of a ClientHello, and again at every later call.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<ClientHello>, HelloError> {
        match &self.state {
            State::Reading => {}
            State::Done => return Ok(None),
            State::Failed(error) => return Err(error.clone()),
        }
        let outcome = self.read(bytes);
        match &outcome {
            Ok(Some(_)) => self.state = State::Done,
            Ok(None) => {}
            Err(error) => self.state = State::Failed(error.clone()),
        }
        outcome
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<Option<ClientHello>, HelloError> {
        while !bytes.is_empty() {
            let taken = if self.fragment_left == 0 {
                self.read_header_byte(bytes[0])?
            } else {
                self.read_fragment(bytes)?
            };
            bytes = &bytes[taken..];
            self.read += taken;
            if self.read + self.missing() > MAX_HELLO_BYTES {
                return Err(HelloError::TooLong);
            }
            if self.missing() == 0 {
                return ClientHello::decode(&self.message).map(Some);
            }
        }
        Ok(None)
    }

    fn read_header_byte(&mut self, byte: u8) -> Result<usize, HelloError> {
        self.header.push(byte);
        // SSL 2.0 can only be told at the very beginning.
        if !self.message.is_empty() && self.header[0] != HANDSHAKE {
            return Err(HelloError::NotHandshake { content_type: self.header[0] });
        }
        if let Some(len) = check_header(&self.header)? {
            self.fragment_left = len;
            self.header.clear();
        }
        Ok(1)
    }

    fn read_fragment(&mut self, bytes: &[u8]) -> Result<usize, HelloError> {
        if self.message.is_empty() && bytes[0] != CLIENT_HELLO {
            return Err(HelloError::NotClientHello { kind: bytes[0] });
        }
        let len = bytes.len().min(self.fragment_left).min(self.missing());
        self.message.extend_from_slice(&bytes[..len]);
        self.fragment_left -= len;
        Ok(len)
    }

    /// Returns how much of the message, or of its header while that is not whole, is still to come.
    fn missing(&self) -> usize {
        let whole = match self.message[..] {
            [_, high, middle, low, ..] => {
                HEADER_LEN + (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
            }
            _ => HEADER_LEN,
        };
        whole - self.message.len()
    }
}

/// Checks as much of a record's header as is there; returns the fragment's length when it is whole.
///
/// A first byte with the upper bit set is let pass up to the third byte, since SSL 2.0 shows only there (RFC 6101 appendix E).
pub(super) fn check_header(header: &[u8]) -> Result<Option<usize>, HelloError> {
    match *header {
        [] => Ok(None),
        [first] | [first, _] if first & 0x80 != 0 => Ok(None),
        [first, _, CLIENT_HELLO, ..] if first & 0x80 != 0 => Err(HelloError::Sslv2),
        [content_type, ..] if content_type != HANDSHAKE => {
            Err(HelloError::NotHandshake { content_type })
        }
        [_, major, ..] if major != 3 => Err(HelloError::RecordVersion { major }),
        [_, _, _, high, low] => match u16::from_be_bytes([high, low]) {
            0 => Err(HelloError::EmptyRecord),
            len if len > MAX_FRAGMENT_LEN => Err(HelloError::RecordTooLong { len }),
            len => Ok(Some(usize::from(len))),
        },
        _ => Ok(None),
    }
}
