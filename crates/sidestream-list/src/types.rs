//! What a filter asks of content types, judged once for each that is there.

use sidestream_filter::{Filter, Flag, Kind, Subject, Term, Text};
use sidestream_record::{Fields, Part, RequestHead, ResponseHead, Version};
use sidestream_store::Responder;

use crate::row::Row;
use crate::rows::Rows;
use crate::texts::Word;

/// An operator on content types, and for which it holds.
#[derive(Debug)]
pub(crate) struct Types {
    filter: Filter,
    /// By their places: as that of a request, and as that of a response; `None` where the records
    /// must tell.
    holds: Vec<[Option<bool>; 2]>,
}

/// Returns whether an operator is about content types.
pub(crate) const fn is_about(term: &Term) -> bool {
    matches!(
        term,
        Term::Flag(Flag::Asset)
            | Term::Text(
                Text::ContentType | Text::ContentTypeRequest | Text::ContentTypeResponse,
                _
            )
    )
}

impl Types {
    pub(crate) const fn new(filter: Filter) -> Self {
        Self { filter, holds: Vec::new() }
    }

    /// Judges the content types that are new.
    pub(crate) fn meet(&mut self, rows: &Rows) {
        let Self { filter, holds } = self;
        let new = rows.types().iter().skip(holds.len());
        holds.extend(
            new.map(|lines| [Part::Request, Part::Response].map(|it| of(filter, it, lines))),
        );
    }

    /// Returns what the row of an exchange tells.
    pub(crate) fn holds(&self, rows: &Rows, row: &Row) -> Option<bool> {
        let is_dns = row.is_dns(rows.method(row)) == Some(true);
        let has_no_response = row.responder == Responder::Nobody;
        let of_request = self.told(0, row.request_type).or_else(|| is_dns.then_some(false));
        let is_none = is_dns || has_no_response;
        let of_response = self.told(1, row.response_type).or_else(|| is_none.then_some(false));
        match (of_request, of_response) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            // It may ask for one of the two alone.
            (None, Some(false)) if !self.asks(Part::Request) => Some(false),
            (Some(false), None) if !self.asks(Part::Response) => Some(false),
            _ => None,
        }
    }

    /// Returns what is told of a content type, if the row tells it.
    fn told(&self, part: usize, word: Word) -> Option<bool> {
        self.holds.get(word.index()).and_then(|holds| holds[part])
    }

    fn asks(&self, part: Part) -> bool {
        self.filter.expr().terms().any(|term| match term {
            Term::Flag(Flag::Asset) | Term::Text(Text::ContentTypeResponse, _) => {
                part == Part::Response
            }
            Term::Text(Text::ContentTypeRequest, _) => part == Part::Request,
            _ => true,
        })
    }
}

/// Judges the content types that stand on these lines.
fn of(filter: &Filter, part: Part, lines: &str) -> Option<bool> {
    if lines.contains(char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let mut fields = Fields::default();
    lines.split('\n').for_each(|line| fields.push("content-type", line.to_owned()));
    let holds = filter.matches(&Head::new(part, fields));
    // An empty one stands as one that is not there.
    (!lines.is_empty() || !holds).then_some(holds)
}

/// A head of which there are only its content types to know.
struct Head {
    request: Option<RequestHead>,
    response: Option<ResponseHead>,
}

impl Head {
    fn new(part: Part, fields: Fields) -> Self {
        let version = Version::Http11;
        match part {
            Part::Request => {
                let (method, target) = Default::default();
                let request = RequestHead { method, target, version, fields };
                Self { request: Some(request), response: None }
            }
            Part::Response => {
                let (status, reason) = Default::default();
                let response = ResponseHead { version, status, reason, fields };
                Self { request: None, response: Some(response) }
            }
        }
    }
}

impl Subject for Head {
    fn kind(&self) -> Kind {
        Kind::Http
    }

    fn request(&self) -> Option<&RequestHead> {
        self.request.as_ref()
    }

    fn response(&self) -> Option<&ResponseHead> {
        self.response.as_ref()
    }
}
