//! An exchange, as far as its events tell.

use std::time::{Duration, SystemTime};

use sidestream_flow::ExchangeId;

use crate::kept::keep;
use crate::{
    Advised, Alteration, Change, DnsMessage, Event, Failure, Fields, Notes, Part, RequestHead,
    ResponseHead, Seldom,
};

/// One of the two bodies of an exchange: how much of it went by, and how it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// How many bytes of content.
    pub bytes: u64,
    /// How many of them were not recorded.
    pub dropped: u64,
    /// The beginning of the content, as much as the [`Book`](crate::Book) keeps.
    pub beginning: Vec<u8>,
    /// When that came: of each stretch of it, where it ends there, and its time. A thousand of
    /// them; the last is of all that is behind.
    pub arrivals: Seldom<Vec<(usize, SystemTime)>>,
    /// The trailer fields.
    pub trailers: Fields,
    /// Whether it went by whole.
    pub ended: bool,
}

/// How many stretches of a body are told apart by their times.
const MAX_ARRIVALS: usize = 1000;

impl Body {
    /// Notes when the end of the beginning came.
    fn arrived(&mut self, at: SystemTime) {
        let end = self.beginning.len();
        let is_full = self.arrivals.len() >= MAX_ARRIVALS;
        self.arrivals.change(|arrivals| match arrivals.last_mut() {
            Some((last_end, last)) if is_full || *last == at => *last_end = end,
            _ => arrivals.push((end, at)),
        });
    }
}

/// When the parts of an exchange went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The request, or query, began.
    pub started: SystemTime,
    /// The request was whole.
    pub request_ended: Option<SystemTime>,
    /// The final response began.
    pub response_started: Option<SystemTime>,
    /// The exchange was over.
    pub ended: Option<SystemTime>,
}

impl Timing {
    /// Returns how long after the start that point came, zero if the clock was set back.
    pub fn since_start(&self, point: Option<SystemTime>) -> Option<Duration> {
        point.map(|point| point.duration_since(self.started).unwrap_or_default())
    }
}

/// A request and its response, or a DNS query and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// Its id.
    pub id: ExchangeId,
    /// The absolute URI, empty for DNS.
    pub url: String,
    /// The request's head.
    pub request: Option<RequestHead>,
    /// The first hundred interim responses.
    pub interim: Vec<ResponseHead>,
    /// The final response's head.
    pub response: Option<ResponseHead>,
    /// The DNS query.
    pub query: Option<DnsMessage>,
    /// The DNS response.
    pub answer: Option<DnsMessage>,
    /// The request's body.
    pub request_body: Body,
    /// The response's body.
    pub response_body: Body,
    /// When its parts went by.
    pub timing: Timing,
    /// What peers sent that is not as the standard has it; a hundred of them.
    pub defects: Vec<String>,
    /// What peers of HTTP/2 advised each other of about it; a hundred of them.
    pub advice: Vec<Advised>,
    /// What was passed on otherwise than it was sent; a hundred of them.
    pub alterations: Vec<Alteration>,
    /// Why it did not end well.
    pub failure: Option<Failure>,
    /// What was noted of it before it ended.
    pub notes: Seldom<Notes>,
}

impl Exchange {
    pub(crate) fn new(id: ExchangeId, at: SystemTime) -> Self {
        Self {
            id,
            url: String::new(),
            request: None,
            interim: Vec::new(),
            response: None,
            query: None,
            answer: None,
            request_body: Body::default(),
            response_body: Body::default(),
            timing: Timing {
                started: at,
                request_ended: None,
                response_started: None,
                ended: None,
            },
            defects: Vec::new(),
            advice: Vec::new(),
            alterations: Vec::new(),
            failure: None,
            notes: Seldom::default(),
        }
    }

    /// Returns the body of that part.
    pub const fn body(&self, part: Part) -> &Body {
        match part {
            Part::Request => &self.request_body,
            Part::Response => &self.response_body,
        }
    }

    fn body_mut(&mut self, part: Part) -> &mut Body {
        match part {
            Part::Request => &mut self.request_body,
            Part::Response => &mut self.response_body,
        }
    }

    pub(crate) fn apply(&mut self, at: SystemTime, event: &Event, keep_bytes: usize) {
        match event {
            Event::Request { url, head, .. } => {
                self.url.clone_from(url);
                self.request = Some(head.clone());
            }
            Event::Response { head, .. } if head.is_interim() => keep(&mut self.interim, head),
            Event::Response { head, .. } => {
                self.timing.response_started = Some(at);
                self.response = Some(head.clone());
            }
            Event::Body { part, data, .. } => {
                let body = self.body_mut(*part);
                body.bytes += data.len() as u64;
                let room = keep_bytes.saturating_sub(body.beginning.len());
                body.beginning.extend_from_slice(&data[..data.len().min(room)]);
                if room > 0 {
                    body.arrived(at);
                }
            }
            Event::BodyDropped { part, bytes, .. } => {
                let body = self.body_mut(*part);
                body.bytes += bytes;
                body.dropped += bytes;
            }
            Event::Trailers { part, fields, .. } => {
                self.body_mut(*part).trailers.clone_from(fields);
            }
            Event::PartEnded { part, .. } => {
                self.body_mut(*part).ended = true;
                if *part == Part::Request {
                    self.timing.request_ended = Some(at);
                }
            }
            Event::Dns { message, .. } if message.response => {
                self.timing.response_started = Some(at);
                self.answer = Some(message.clone());
            }
            Event::Dns { message, .. } => {
                self.timing.request_ended = Some(at);
                self.query = Some(message.clone());
            }
            Event::Defect { what, .. } => keep(&mut self.defects, what),
            Event::Advised { advised, .. } => keep(&mut self.advice, &**advised),
            Event::Annotated { annotation, .. } => {
                self.notes.change(|notes| notes.apply(annotation))
            }
            Event::Altered { alteration, .. } => {
                self.answered(at, alteration, keep_bytes);
                keep(&mut self.alterations, alteration);
            }
            Event::ExchangeEnded { failure, .. } => {
                self.timing.ended = Some(at);
                self.failure.clone_from(failure);
            }
            _ => {}
        }
    }

    /// Takes the response that a hook gave in place of a server, which is what the client got.
    fn answered(&mut self, at: SystemTime, alteration: &Alteration, keep_bytes: usize) {
        let Alteration::Edited(edit) = alteration else { return };
        let Change::Answered { head, body } = &edit.change else { return };
        self.timing.response_started = Some(at);
        self.response = Some(head.clone());
        let kept = body.beginning.len().min(keep_bytes);
        self.response_body.bytes = body.bytes;
        self.response_body.beginning = body.beginning[..kept].to_vec();
    }
}
