//! Streams whose requests have to say who sent them.

use sidestream_flow::ExchangeId;
use sidestream_record::{Failure, Part, Point};

use super::Mediated;
use crate::Output;
use crate::auth::{self, Admission};
use crate::cx::Cx;

impl Mediated {
    /// Lets a request go on, asks whether it may, or asks for a user and a password.
    pub(super) fn admit(&mut self, id: u32, admission: Admission, cx: &mut Cx) {
        match admission {
            Admission::Asked(login) => cx.output(Output::Authenticate(login)),
            Admission::Granted => self.admitted(id, cx),
            Admission::Refused => self.unauthorized(id, cx),
        }
    }

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

    fn admitted(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        (stream.authenticating, stream.request.held) = (false, false);
        cx.login_taken(stream.exchange);
        stream.request.hold(stream.exchange, Point::Request, cx);
        if !stream.request.held {
            self.consider(id, Part::Request, cx);
        }
    }

    /// Asks for a user and a password. What is left of the request goes nowhere.
    fn unauthorized(&mut self, id: u32, cx: &mut Cx) {
        let (fields, body) = auth::challenge();
        let is_head = self.streams.get(&id).is_some_and(|stream| stream.is_head);
        self.client_end.send_head(id, &fields, is_head);
        if !is_head {
            self.client_end.send_data(id, body, true);
        }
        self.client_end.let_go(id);
        self.forget(id, Some(Failure::Unauthorized), cx);
    }
}
