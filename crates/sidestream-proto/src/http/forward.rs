//! Requests for a server that a proxy on the way takes in absolute form (RFC 9112 §3.2.2).

use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Redacted};
use sidestream_record::{Alteration, DialFailure, Event, Failure, ResponseHead};

use crate::cx::Cx;
use crate::http::requests::Ready;
use crate::http::{Http, Place, Step, route};
use crate::http1::Edit;
use crate::layer::Next;

/// The field by which we are known to that proxy (RFC 9110 §11.7.2).
const AUTHORIZATION: &str = "Proxy-Authorization";

impl Http {
    /// Sends a request that was meant for the server itself.
    pub(super) fn send_forwarded(&mut self, ready: Ready, server: u32, cx: &mut Cx) -> Step {
        let head = &ready.parsed.head;
        let Some(forwards) = cx.forwards(server) else { return Step::Idle };
        // The client takes its server for a proxy, which ours would take the place of.
        if head.method == "CONNECT" || head.target.windows(3).any(|part| part == b"://") {
            let refusal = forwards.refusal.unwrap_or(DialFailure::Refused);
            return Step::Leave(Next::Fail(Failure::Dial(refusal)));
        }
        let target = Bytes::from(route::url(head, self.place, cx));
        let alteration = Alteration::TargetForm { from: head.target.clone(), to: target.clone() };
        cx.event(Event::Altered { exchange: Some(ready.id), alteration });
        let host = cx.set_host("Host", head.fields.get("Host"), ready.id);
        let edit = ready.parsed.edit().target(&target);
        let edit = host.iter().fold(edit, |edit, host| edit.set("Host", host));
        let wire = authorize(edit, forwards.authorization.as_ref(), ready.id, cx).finish();
        self.send_request(ready, server, wire, cx)
    }

    /// Returns what becomes of a response by which a proxy on the way asks us, and not the client,
    /// for a password.
    pub(super) fn refused_by_proxy(&mut self, head: &ResponseHead, cx: &mut Cx) -> Option<Next> {
        let server = self.flights.front()?.server;
        let forwards = cx.forwards(server).filter(|_| head.status == 407)?;
        let failure = Failure::Dial(forwards.unauthorized);
        if self.place == Place::Proxy {
            return Some(self.bad_gateway(failure, cx));
        }
        Some(Next::Fail(failure))
    }
}

/// Adds what the proxy wants to see, of which nothing is told but that it was added.
pub(super) fn authorize<'a>(
    edit: Edit<'a>,
    authorization: Option<&'a Redacted<Arc<str>>>,
    exchange: ExchangeId,
    cx: &mut Cx,
) -> Edit<'a> {
    let Some(Redacted(value)) = authorization else { return edit };
    let (name, to) = (AUTHORIZATION.into(), Bytes::from_static(b"[redacted]"));
    let alteration = Alteration::FieldSet { name, from: None, to };
    cx.event(Event::Altered { exchange: Some(exchange), alteration });
    edit.set(AUTHORIZATION, value.as_bytes())
}
