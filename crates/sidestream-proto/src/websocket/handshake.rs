//! The keys of WebSocket: of its opening handshake over HTTP/1.1, and of masks (RFC 6455 §4, §5.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::cx::Cx;

/// What a server adds to the key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Makes the key of a client with the randomness that TLS has, if there is any.
pub(crate) fn key(cx: &Cx) -> Option<String> {
    let mut nonce = [0; 16];
    cx.config.upstream_tls.provider.secure_random.fill(&mut nonce).ok()?;
    Some(STANDARD.encode(nonce))
}

/// Makes a key to mask a frame with; where the system has no randomness, it is all zero, which
/// masks nothing and harms nobody but caches that take WebSocket for HTTP (RFC 6455 §10.3).
pub(super) fn masking_key(cx: &Cx) -> [u8; 4] {
    let mut key = [0; 4];
    let _filled = cx.config.upstream_tls.provider.secure_random.fill(&mut key);
    key
}

/// Returns the `Sec-WebSocket-Accept` that answers a key.
pub(crate) fn accept(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key.trim_ascii()).chain_update(GUID).finalize();
    STANDARD.encode(hash)
}
