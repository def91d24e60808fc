//! Which exchanges a rule is for: the part of the filter language that heads can answer.

use std::borrow::Cow;
use std::time::SystemTime;

use sidestream_filter::{Expr, Flag, Kind, ParseFilterError, Subject, Term};
use sidestream_record::{Part as Message, RequestHead, ResponseHead};

use crate::ParseRuleError;
use crate::spec::Part;

/// The operators that heads can answer.
const KNOWN: [&str; 16] = [
    "a",
    "all",
    "c",
    "d",
    "h",
    "hq",
    "hs",
    "http",
    "m",
    "q",
    "s",
    "t",
    "tq",
    "ts",
    "u",
    "websocket",
];

/// What is known of an exchange when a rule is judged.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The absolute URI.
    pub url: &'a str,
    /// The head of the request.
    pub request: &'a RequestHead,
    /// The head of the response, once it came.
    pub response: Option<&'a ResponseHead>,
    /// Whose message it is about, in the WebSocket that the response opened.
    pub message: Option<Sender>,
}

/// Who sent a message of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a WebSocket has two ends")]
pub enum Sender {
    /// Whoever opened it.
    Client,
    /// The other.
    Server,
}

impl Subject for Facts<'_> {
    fn kind(&self) -> Kind {
        Kind::Http
    }

    fn is_web_socket(&self) -> bool {
        self.message.is_some()
    }

    fn part(&self) -> Option<Message> {
        Some(match (self.message, self.response) {
            (Some(Sender::Client), _) | (None, None) => Message::Request,
            (Some(Sender::Server), _) | (None, Some(_)) => Message::Response,
        })
    }

    fn url(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.url))
    }

    fn request(&self) -> Option<&RequestHead> {
        Some(self.request)
    }

    fn response(&self) -> Option<&ResponseHead> {
        self.response
    }
}

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter(Option<sidestream_filter::Filter>);

#[expect(non_upper_case_globals, reason = "it reads as the variant that it stands for")]
impl Filter {
    /// Matches every exchange.
    pub const All: Self = Self(None);
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// It is none, or one that only rows of a recording can answer; the error says where.
    pub fn parse(text: &str) -> Result<Self, ParseRuleError> {
        Self::parse_at(text, Part { text, at: 0 })
    }

    /// Reads the filter of a rule, whose errors point into the rule.
    pub(crate) fn parse_at(whole: &str, part: Part<'_>) -> Result<Self, ParseRuleError> {
        let expr = Expr::parse_with(part.text, &|name| KNOWN.contains(&name));
        let expr = expr.map_err(|error| {
            let what = match &error {
                ParseFilterError::Unknown { name, .. } => format!(
                    "~{name} is not known to rules: use ~m, ~u, ~d, ~q, ~s, ~h, ~hq, ~hs, ~t, \
                     ~tq, ~ts, ~c, ~a, ~websocket, ~all or ~http"
                ),
                error => error.to_string(),
            };
            ParseRuleError::new(whole, part.at + error.span().start, what)
        })?;
        // No operator that is known here counts back from a time.
        Ok(Self(Some(sidestream_filter::Filter::new(expr, SystemTime::UNIX_EPOCH))))
    }

    /// Returns whether it speaks of the messages of WebSockets.
    pub(crate) fn names_web_socket(&self) -> bool {
        let says = |term: &Term| *term == Term::Flag(Flag::WebSocket);
        self.0.as_ref().is_some_and(|filter| filter.expr().terms().any(says))
    }

    /// Returns whether an exchange, or a message, matches.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.0.as_ref().is_none_or(|filter| filter.matches(facts))
    }
}
