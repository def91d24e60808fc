//! Who may use us as a proxy (RFC 9110 §11.7, RFC 7617).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sidestream_record::RequestHead;

/// The field by which clients say who they are.
pub(crate) const AUTHORIZATION: &str = "Proxy-Authorization";

/// Judges a user and a password.
type Judge = dyn Fn(&[u8], &[u8]) -> bool + Send + Sync;

/// Who may use us as a proxy.
pub struct ProxyAuth(Box<Judge>);

impl ProxyAuth {
    /// Lets those in whose user and password are judged to be right; the judge takes as long for
    /// wrong ones as for right ones.
    pub fn new(judge: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(judge))
    }

    /// Returns whether a request says the right ones.
    pub(crate) fn admits(&self, head: &RequestHead) -> bool {
        let mut said = head.fields.get_all(AUTHORIZATION);
        let (Some(value), None) = (said.next(), said.next()) else { return false };
        let Some(decoded) = basic(value) else { return false };
        let Some(colon) = decoded.iter().position(|byte| *byte == b':') else { return false };
        (self.0)(&decoded[..colon], &decoded[colon + 1..])
    }
}

/// Decodes the credentials of the Basic scheme.
fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(space);
    scheme.eq_ignore_ascii_case(b"Basic").then(|| STANDARD.decode(token.trim_ascii()).ok())?
}

/// Returns a head as it is recorded: without what the client says to us alone.
pub(crate) fn redacted(head: &RequestHead) -> RequestHead {
    let mut head = head.clone();
    for field in &mut head.fields.0 {
        if field.name.eq_ignore_ascii_case(AUTHORIZATION.as_bytes()) {
            field.value = Bytes::from_static(b"[redacted]");
        }
    }
    head
}

impl fmt::Debug for ProxyAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyAuth")
    }
}
