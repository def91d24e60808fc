//! Decodes the ClientHello message (RFC 8446 §4.1.2).

use super::cursor::Cursor;
use super::{ClientHello, HelloError, extensions};

/// The handshake type of a ClientHello (RFC 8446 §4).
pub(super) const CLIENT_HELLO: u8 = 1;
/// The type and the length in front of every handshake message.
pub(super) const HEADER_LEN: usize = 4;

/// Decodes a whole handshake message.
pub(super) fn decode(message: &[u8]) -> Result<ClientHello, HelloError> {
    let mut message = Cursor::new(message);
    let kind = message.u8("message type")?;
    if kind != CLIENT_HELLO {
        return Err(HelloError::NotClientHello { kind });
    }
    let len = message.take(3, "length")?;
    let len = usize::from(len[0]) << 16 | usize::from(len[1]) << 8 | usize::from(len[2]);
    let body = message.take(len, "body")?;
    message.end("length")?;
    decode_body(Cursor::new(body))
}

fn decode_body(mut body: Cursor<'_>) -> Result<ClientHello, HelloError> {
    let legacy_version = body.u16("version")?;
    let mut random = [0; 32];
    random.copy_from_slice(body.take(32, "random")?);
    let session_id = decode_session_id(&mut body)?;
    let session_id_len = u8::try_from(session_id.len()).unwrap_or(u8::MAX);
    let ciphers = body.vector16("cipher suites")?.numbers("cipher suites")?;
    if body.vector8("compression methods")?.is_empty() {
        return Err(HelloError::Malformed { field: "compression methods" });
    }
    let mut hello = ClientHello {
        legacy_version,
        random,
        session_id_len,
        session_id,
        ciphers,
        ..ClientHello::default()
    };
    // Before TLS 1.3 a hello may end here, without even an empty list (RFC 5246 §7.4.1.2).
    if !body.is_empty() {
        let list = body.vector16("extensions")?;
        body.end("extensions")?;
        extensions::decode(list, &mut hello)?;
    }
    Ok(hello)
}

fn decode_session_id(body: &mut Cursor<'_>) -> Result<Vec<u8>, HelloError> {
    const FIELD: &str = "session id";
    let len = body.u8(FIELD)?;
    if len > 32 {
        return Err(HelloError::Malformed { field: FIELD });
    }
    Ok(body.take(usize::from(len), FIELD)?.to_vec())
}
