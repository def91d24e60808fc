//! Who may use us as a proxy (RFC 9110 §11.7, RFC 7617).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::RequestHead;

/// The field by which clients say who they are.
pub(crate) const AUTHORIZATION: &str = "Proxy-Authorization";

/// Judges a user and a password.
type Judge = dyn Fn(&[u8], &[u8]) -> bool + Send + Sync;

/// Who may use us as a proxy.
pub struct ProxyAuth {
    judge: Box<Judge>,
    is_slow: bool,
}

/// A user and a password that are to be judged where it may take a while.
pub struct Login {
    /// The exchange whose request says them.
    pub exchange: ExchangeId,
    auth: Arc<ProxyAuth>,
    user: Vec<u8>,
    password: Vec<u8>,
}

/// Whether a request is served.
pub(crate) enum Admission {
    Granted,
    Refused,
    /// The engine is asked.
    Asked(Box<Login>),
}

impl ProxyAuth {
    /// Lets those in whose user and password are judged to be right; the judge takes as long for
    /// wrong ones as for right ones.
    pub fn new(judge: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self { judge: Box::new(judge), is_slow: false }
    }

    /// The same for a judge that takes so long, or reads files, that nothing else may wait for it:
    /// each time [`Output::Authenticate`](crate::Output::Authenticate) asks the engine for it.
    pub fn slow(judge: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self { judge: Box::new(judge), is_slow: true }
    }

    /// Returns whether a request says the right ones.
    pub(crate) fn admits(self: &Arc<Self>, exchange: ExchangeId, head: &RequestHead) -> Admission {
        let Some((user, password)) = said(head) else { return Admission::Refused };
        if self.is_slow {
            let auth = Arc::clone(self);
            return Admission::Asked(Box::new(Login { exchange, auth, user, password }));
        }
        if (self.judge)(&user, &password) { Admission::Granted } else { Admission::Refused }
    }
}

impl Login {
    /// Judges them; that may take a while.
    pub fn is_admitted(&self) -> bool {
        (self.auth.judge)(&self.user, &self.password)
    }
}

/// Returns the user and the password that a request says, if it says some once.
fn said(head: &RequestHead) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut said = head.fields.get_all(AUTHORIZATION);
    let (Some(value), None) = (said.next(), said.next()) else { return None };
    let mut user = basic(value)?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some((user, password))
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

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
