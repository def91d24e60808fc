//! Requests that have to say who sent them.

use std::mem;
use std::sync::Arc;

use sidestream_flow::ExchangeId;
use sidestream_record::{Failure, RequestHead};

use crate::auth::{self, AUTHORIZATION, Admission, PROXY_AUTHORIZATION, ProxyAuth};
use crate::cx::Cx;
use crate::http::requests::Reading;
use crate::http::{Http, Place, Step};
use crate::http1::Parsed;
use crate::layer::Next;

impl Http {
    /// Returns whether a request may go on.
    pub(super) fn admission(&self, id: ExchangeId, head: &RequestHead, cx: &Cx) -> Admission {
        let Place::Proxy = self.place else { return cx.admission(id, head) };
        let admits = |auth: &Arc<ProxyAuth>| auth.admits(id, head, PROXY_AUTHORIZATION);
        cx.config.proxy_auth.as_ref().map_or(Admission::Granted, admits)
    }

    /// Takes out what a request says to us alone, and returns the head as it is recorded. That for
    /// a proxy stays in until the request is put into the form that servers expect.
    pub(super) fn take_login(&self, parsed: &mut Parsed<RequestHead>, cx: &Cx) -> RequestHead {
        if self.place == Place::Proxy {
            return auth::redacted(&parsed.head, PROXY_AUTHORIZATION);
        }
        match cx.take_login(&mut parsed.head) {
            None => parsed.head.clone(),
            Some(recorded) => {
                parsed.raw = parsed.without(&[AUTHORIZATION]);
                recorded
            }
        }
    }

    /// It is known whether the user of the request that waits for it may use us.
    pub(super) fn authenticated(&mut self, admitted: bool, cx: &mut Cx) -> Next {
        let step = match mem::replace(&mut self.reading, Reading::head(cx)) {
            Reading::Authenticating(ready) if admitted => self.admit(*ready, cx),
            Reading::Authenticating(ready) => self.unauthorized(ready.id, cx),
            other => {
                self.reading = other;
                Step::Idle
            }
        };
        match step {
            Step::Leave(next) => next,
            Step::Idle | Step::Moved => self.advance(cx),
        }
    }

    /// Asks for a user and a password.
    pub(super) fn unauthorized(&mut self, id: ExchangeId, cx: &mut Cx) -> Step {
        let status = if self.place == Place::Proxy { 407 } else { 401 };
        self.refuse(id, status, Failure::Unauthorized, cx)
    }
}
