//! Streams whose requests have to say who sent them.

use sidestream_flow::ExchangeId;
use sidestream_record::{Event, Failure, Point};

use super::FromHttp2;
use crate::auth;
use crate::cx::Cx;

impl FromHttp2 {
    /// It is known whether the user may use us whose request waits for that; returns whether one
    /// does.
    pub(super) fn authenticated(
        &mut self,
        exchange: ExchangeId,
        is_admitted: bool,
        cx: &mut Cx,
    ) -> bool {
        let waits = self.streams.iter().find(|(_, it)| it.exchange == exchange);
        let Some((&id, _)) = waits.filter(|(_, it)| it.authenticating) else { return false };
        match is_admitted {
            true => self.admitted(id, cx),
            false => self.unauthorized(id, cx),
        }
        true
    }

    /// Takes on a request whose user may use us.
    pub(super) fn admitted(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let exchange = stream.exchange;
        stream.authenticating = false;
        stream.held = cx.config.hold.contains(&Point::Request);
        cx.login_taken(exchange);
        if stream.held {
            cx.event(Event::Held { exchange, point: Point::Request });
        } else {
            self.consider(id, cx);
        }
    }

    /// Asks for a user and a password. What is left of the request goes nowhere.
    pub(super) fn unauthorized(&mut self, id: u32, cx: &mut Cx) {
        let (fields, body) = auth::challenge();
        let is_head = self.streams.get(&id).is_some_and(|stream| stream.method == "HEAD");
        self.client_end.send_head(id, &fields, is_head);
        if !is_head {
            self.client_end.send_data(id, body, true);
        }
        self.client_end.let_go(id);
        self.forget(id, Some(Failure::Unauthorized), cx);
    }
}
