//! Who may use us as a proxy, or in the place of a server (RFC 9110 §11.6 and §11.7, RFC 7617).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sidestream_flow::ExchangeId;
use sidestream_record::{Alteration, Event, Failure, Fields, RequestHead};

use crate::cx::Cx;

/// The field by which clients of a proxy say who they are.
pub(crate) const PROXY_AUTHORIZATION: &str = "Proxy-Authorization";

/// The same for those of a server.
pub(crate) const AUTHORIZATION: &str = "Authorization";

/// What is asked for by 401 and 407.
pub(crate) const CHALLENGE: &str = "Basic realm=\"sidestream\", charset=\"UTF-8\"";

/// What tells whether a user and a password are right.
pub type Judging = Pin<Box<dyn Future<Output = bool> + Send>>;

type Quick = dyn Fn(&[u8], &[u8]) -> bool + Send + Sync;
type Slow = dyn Fn(Vec<u8>, Vec<u8>) -> Judging + Send + Sync;

/// Judges a user and a password.
enum Judge {
    Quick(Box<Quick>),
    Slow(Box<Slow>),
}

/// Who may use us as a proxy, or reaches the server that we stand in for.
pub struct ProxyAuth(Judge);

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
        Self(Judge::Quick(Box::new(judge)))
    }

    /// The same for a judge that takes so long, or reads files, that nothing else may wait for it:
    /// each time [`Output::Authenticate`](crate::Output::Authenticate) asks the engine for it.
    pub fn slow<F>(judge: impl Fn(Vec<u8>, Vec<u8>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self(Judge::Slow(Box::new(move |user, password| Box::pin(judge(user, password)))))
    }

    /// Returns whether a request says the right ones in that field.
    pub(crate) fn admits(
        self: &Arc<Self>,
        exchange: ExchangeId,
        head: &RequestHead,
        field: &str,
    ) -> Admission {
        let Some((user, password)) = said(head, field) else { return Admission::Refused };
        match &self.0 {
            Judge::Quick(judge) if judge(&user, &password) => Admission::Granted,
            Judge::Quick(_) => Admission::Refused,
            Judge::Slow(_) => {
                let auth = Arc::clone(self);
                Admission::Asked(Box::new(Login { exchange, auth, user, password }))
            }
        }
    }
}

impl Login {
    /// Judges them; that may take a while.
    ///
    /// # Cancel safety
    ///
    /// What is dropped has judged nothing.
    pub fn judge(self) -> Judging {
        let Self { auth, user, password, .. } = self;
        match &auth.0 {
            Judge::Quick(judge) => Box::pin(std::future::ready(judge(&user, &password))),
            Judge::Slow(judge) => judge(user, password),
        }
    }
}

impl Cx {
    /// Returns who reaches the server that clients take us for, where not everybody does.
    pub(crate) fn guard(&self) -> Option<&Arc<ProxyAuth>> {
        self.config.proxy_auth.as_ref().filter(|_| self.config.reverse.is_some())
    }

    /// Returns whether a request may go to the server that clients take us for.
    pub(crate) fn admission(&self, exchange: ExchangeId, head: &RequestHead) -> Admission {
        let admits = |guard: &Arc<ProxyAuth>| guard.admits(exchange, head, AUTHORIZATION);
        self.guard().map_or(Admission::Granted, admits)
    }

    /// Takes out what a request says to us alone, where it does, and returns it as it is recorded.
    pub(crate) fn take_login(&self, head: &mut RequestHead) -> Option<RequestHead> {
        self.guard()?;
        let recorded = redacted(head, AUTHORIZATION);
        strip(&mut head.fields);
        Some(recorded)
    }

    /// Tells that a request goes on without what it said to us.
    pub(crate) fn login_taken(&mut self, exchange: ExchangeId) {
        if self.guard().is_some() {
            let alteration = Alteration::FieldsRemoved(vec![AUTHORIZATION.to_owned()]);
            self.event(Event::Altered { exchange: Some(exchange), alteration });
        }
    }
}

/// Takes out what is for us alone.
pub(crate) fn strip(fields: &mut Fields) {
    fields.0.retain(|field| !field.is(AUTHORIZATION));
}

/// Makes the answer over HTTP/2 to a request without the right user and password.
pub(crate) fn challenge() -> (Fields, Bytes) {
    let body = Bytes::from(format!("sidestream: {}\n", Failure::Unauthorized));
    let mut fields = Fields::default();
    fields.push(":status", "401");
    fields.push("content-type", "text/plain; charset=utf-8");
    fields.push("content-length", body.len().to_string());
    fields.push("www-authenticate", CHALLENGE);
    (fields, body)
}

/// Returns the user and the password that a request says, if it says some once.
fn said(head: &RequestHead, field: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut said = head.fields.get_all(field);
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
pub(crate) fn redacted(head: &RequestHead, said: &str) -> RequestHead {
    let mut head = head.clone();
    for field in &mut head.fields.0 {
        if field.is(said) {
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
