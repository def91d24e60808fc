//! Requests that have to say who sent them.

use std::mem;

use sidestream_flow::ExchangeId;
use sidestream_record::{Event, Failure, Point};

use super::FromHttp1;
use super::requests::{Reading, Ready, Refused};
use crate::Output;
use crate::auth::Admission;
use crate::cx::Cx;

impl FromHttp1 {
    /// Lets a request go on, asks whether it may, or asks for a user and a password.
    pub(super) fn admit(
        &mut self,
        ready: Box<Ready>,
        admission: Admission,
        cx: &mut Cx,
    ) -> Result<bool, Failure> {
        match admission {
            Admission::Asked(login) => {
                cx.output(Output::Authenticate(login));
                self.reading = Reading::Authenticating(ready);
                Ok(true)
            }
            Admission::Granted => self.admitted(ready, cx),
            Admission::Refused => Ok(self.unauthorized(*ready)),
        }
    }

    /// It is known whether the user may use us whose request waits for that; returns whether one
    /// does.
    pub(super) fn authenticated(
        &mut self,
        exchange: ExchangeId,
        is_admitted: bool,
        cx: &mut Cx,
    ) -> Result<bool, Failure> {
        match mem::replace(&mut self.reading, Reading::head(cx)) {
            Reading::Authenticating(ready) if ready.id == exchange && is_admitted => {
                self.admitted(ready, cx)
            }
            Reading::Authenticating(ready) if ready.id == exchange => Ok(self.unauthorized(*ready)),
            other => {
                self.reading = other;
                Ok(false)
            }
        }
    }

    fn admitted(&mut self, ready: Box<Ready>, cx: &mut Cx) -> Result<bool, Failure> {
        let exchange = ready.id;
        cx.login_taken(exchange);
        if cx.config.hold.contains(&Point::Request) {
            cx.event(Event::Held { exchange, point: Point::Request });
            self.reading = Reading::Held(ready);
            return Ok(true);
        }
        self.consider(ready, cx)?;
        Ok(true)
    }

    /// Asks for a user and a password in its turn, and reads no more.
    fn unauthorized(&mut self, ready: Ready) -> bool {
        self.reading = Reading::Ended;
        let Ready { id, head, .. } = ready;
        let refused = Refused { id, method: head.method, version: head.version };
        self.refuse(refused, 401, Failure::Unauthorized)
    }
}
