//! WebSocket's handshake key and frames (RFC 6455), unfragmented and without extensions.

use std::io;

use bytes::{Buf as _, BytesMut};
use sha1::{Digest as _, Sha1};

use super::Conn;
use crate::model::WsFrame;

/// What every server adds to a client's key (RFC 6455 §1.3).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// How long a message may be.
const MAX_PAYLOAD: u64 = 64 << 20;

/// The opcodes (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further frame of a message.
    Continuation = 0,
    /// A text message.
    Text = 1,
    /// A binary message.
    Binary = 2,
    /// The sender sends no more.
    Close = 8,
    /// A question whether the peer is there.
    Ping = 9,
    /// The answer to that.
    Pong = 10,
}

/// A frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// Whether the message ends with it.
    pub is_last: bool,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Returns what a server answers to a client's key.
#[must_use]
pub fn accept(key: &str) -> String {
    base64(&Sha1::digest(format!("{key}{MAGIC}")))
}

/// Returns the close code that a close frame's payload begins with.
#[must_use]
pub fn close_code(payload: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]))
}

impl From<&WsFrame> for Frame {
    fn from(message: &WsFrame) -> Self {
        let (opcode, payload) = match message {
            WsFrame::Text(text) => (Opcode::Text, text.as_bytes().to_vec()),
            WsFrame::Binary(bytes) => (Opcode::Binary, bytes.clone()),
        };
        Self { opcode, is_last: true, payload }
    }
}

impl Frame {
    /// Makes a frame that closes with that code.
    #[must_use]
    pub fn close(code: u16) -> Self {
        Self { opcode: Opcode::Close, is_last: true, payload: code.to_be_bytes().to_vec() }
    }

    /// Writes it out, masked as clients have to.
    #[must_use]
    pub fn encode(&self, mask: Option<[u8; 4]>) -> Vec<u8> {
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut out = vec![self.opcode as u8 | if self.is_last { 0x80 } else { 0 }];
        let len = self.payload.len();
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(short @ ..=125), _) => out.push(masked | short),
            (_, Ok(medium)) => {
                out.push(masked | 126);
                out.extend(medium.to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(mask.iter().flatten());
        let start = out.len();
        out.extend(&self.payload);
        unmask(&mut out[start..], mask.unwrap_or_default());
        out
    }
}

/// Reads a frame; `None` if the peer ended between frames.
///
/// # Errors
///
/// The connection ended within it, or it is none.
pub async fn read_frame(conn: &mut Conn) -> io::Result<Option<Frame>> {
    loop {
        if let Some(frame) = decode(conn.waiting())? {
            return Ok(Some(frame));
        }
        if !conn.fill().await? {
            let is_clean = conn.waiting().is_empty();
            return if is_clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

/// Takes a frame from the buffer, if it is whole.
fn decode(buf: &mut BytesMut) -> io::Result<Option<Frame>> {
    let [first, second, ..] = buf[..] else { return Ok(None) };
    let opcode = match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask_len = if second & 0x80 == 0 { 0 } else { 4 };
    let head = 2 + extended + mask_len;
    if buf.len() < head {
        return Ok(None);
    }
    let len = match extended {
        0 => u64::from(second & 0x7f),
        _ => buf[2..2 + extended].iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
    };
    if len > MAX_PAYLOAD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if ((buf.len() - head) as u64) < len {
        return Ok(None);
    }
    let mut mask = [0; 4];
    mask[..mask_len].copy_from_slice(&buf[2 + extended..head]);
    buf.advance(head);
    let mut payload = buf.split_to(usize::try_from(len).unwrap_or_default()).to_vec();
    unmask(&mut payload, mask);
    Ok(Some(Frame { opcode, is_last: first & 0x80 != 0, payload }))
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    bytes.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            let six = (bits >> (18 - 6 * index)) & 63;
            let is_there = index <= three.len() as u32;
            out.push(if is_there { ALPHABET[six as usize] as char } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_answered_as_in_the_standards_example() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_frame_of_any_length_is_read_back_masked_or_not() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let frame = Frame { opcode: Opcode::Binary, is_last: true, payload: vec![7; len] };
                let mut buf = BytesMut::from(&frame.encode(mask)[..]);
                buf.extend_from_slice(b"next");
                assert_eq!(decode(&mut buf).unwrap().as_ref(), Some(&frame), "{len} {mask:?}");
                assert_eq!(&buf[..], b"next");
                let cut = frame.encode(mask);
                assert_eq!(decode(&mut BytesMut::from(&cut[..cut.len() - 1])).unwrap(), None);
            }
        }
    }
}
