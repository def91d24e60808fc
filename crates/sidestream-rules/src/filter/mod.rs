//! Which exchanges a rule is for: the part of the filter language that heads can answer.

mod parse;

use regex::bytes::Regex;
use sidestream_record::{Fields, RequestHead, ResponseHead};

use crate::ParseRuleError;
use crate::spec::Part;

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

/// Of which message a filter speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Either,
    Request,
    Response,
}

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter(pub(crate) Expr);

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    All,
    And(Vec<Self>),
    Code(u16),
    ContentType(Side, Regex),
    Domain(Regex),
    Header(Side, Regex),
    Method(Regex),
    Not(Box<Self>),
    Or(Vec<Self>),
    Request,
    Response,
    Url(Regex),
    WebSocket,
}

#[expect(non_upper_case_globals, reason = "it reads as the variant that it stands for")]
impl Filter {
    /// Matches every exchange.
    pub const All: Self = Self(Expr::All);
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
        parse::parse(whole, part).map(Self)
    }

    /// Returns whether it speaks of the messages of WebSockets.
    pub(crate) fn names_web_socket(&self) -> bool {
        self.0.names_web_socket()
    }

    /// Returns whether an exchange, or a message, matches.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.0.matches(facts)
    }
}

impl Expr {
    fn matches(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::All => true,
            Self::And(all) => all.iter().all(|it| it.matches(facts)),
            Self::Or(any) => any.iter().any(|it| it.matches(facts)),
            Self::Not(it) => !it.matches(facts),
            Self::Code(code) => facts.response.is_some_and(|head| head.status == *code),
            Self::ContentType(side, regex) => fields(*side, facts)
                .filter_map(|fields| fields.get("content-type"))
                .any(|value| regex.is_match(value)),
            Self::Domain(regex) => regex.is_match(host(facts.url).as_bytes()),
            Self::Header(side, regex) => {
                let line = |field: &sidestream_record::Field| {
                    regex.is_match(&[&field.name[..], b": ", &field.value].concat())
                };
                fields(*side, facts).any(|fields| fields.iter().any(line))
            }
            Self::Method(regex) => regex.is_match(&facts.request.method),
            Self::Request => match facts.message {
                None => facts.response.is_none(),
                Some(sender) => sender == Sender::Client,
            },
            Self::Response => !Self::Request.matches(facts),
            Self::Url(regex) => regex.is_match(facts.url.as_bytes()),
            Self::WebSocket => facts.message.is_some(),
        }
    }

    fn names_web_socket(&self) -> bool {
        match self {
            Self::And(some) | Self::Or(some) => some.iter().any(Self::names_web_socket),
            Self::Not(it) => it.names_web_socket(),
            Self::WebSocket => true,
            _ => false,
        }
    }
}

fn fields<'a>(side: Side, facts: &Facts<'a>) -> impl Iterator<Item = &'a Fields> {
    let request = (side != Side::Response).then_some(&facts.request.fields);
    let response = facts.response.filter(|_| side != Side::Request).map(|head| &head.fields);
    request.into_iter().chain(response)
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let place = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, place)| place);
    match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => place,
    }
}
