//! The common form of rules: a separator, and the parts between its occurrences.

use regex::bytes::{Regex, RegexBuilder};

use crate::ParseRuleError;
use crate::filter::Filter;

/// A part of a rule, with its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

/// A rule of two parts and a filter, which may be left out.
#[derive(Debug)]
pub(crate) struct Spec<'a> {
    whole: &'a str,
    pub(crate) filter: Filter,
    pub(crate) subject: Part<'a>,
    pub(crate) replacement: Part<'a>,
}

/// Splits a text at the separator with which it begins, into that many parts at most.
fn split(text: &str, most: usize) -> Result<Vec<Part<'_>>, ParseRuleError> {
    let Some(separator) = text.chars().next() else {
        return Err(ParseRuleError::new(text, 0, "a rule is not empty: begin with a separator"));
    };
    let mut at = separator.len_utf8();
    let mut parts = Vec::new();
    for part in text[at..].splitn(most, separator) {
        parts.push(Part { text: part, at });
        at += part.len() + separator.len_utf8();
    }
    Ok(parts)
}

impl<'a> Spec<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, ParseRuleError> {
        let (filter, subject, replacement) = match split(text, 3)?[..] {
            [subject, replacement] => (Filter::All, subject, replacement),
            [filter, subject, replacement] => (parse_filter(text, filter)?, subject, replacement),
            _ => {
                let what = "two or three parts are expected, each after the first character";
                return Err(ParseRuleError::new(text, text.len(), what));
            }
        };
        if subject.text.is_empty() {
            return Err(ParseRuleError::new(text, subject.at, "this part must not be empty"));
        }
        Ok(Self { whole: text, filter, subject, replacement })
    }

    /// Reads the subject as a regular expression.
    pub(crate) fn regex(&self) -> Result<Regex, ParseRuleError> {
        regex(self.whole, self.subject)
    }

    pub(crate) fn error(&self, part: Part<'_>, what: &str) -> ParseRuleError {
        ParseRuleError::new(self.whole, part.at, what)
    }
}

/// Reads a rule of a filter and a status.
pub(crate) fn block(text: &str) -> Result<(Filter, u16), ParseRuleError> {
    let parts = split(text, 3)?;
    let [filter, status] = parts[..] else {
        let what = "two parts are expected, a filter and a status, each after the first character";
        return Err(ParseRuleError::new(text, text.len(), what));
    };
    let number = status.text.trim().parse().ok().filter(|it| (200..=599).contains(it));
    let Some(number) = number else {
        let what = "a status from 200 to 599 is expected, 444 to hang up";
        return Err(ParseRuleError::new(text, status.at, what));
    };
    Ok((parse_filter(text, filter)?, number))
}

/// Checks that a filter is not about WebSocket messages, which have no heads.
pub(crate) fn speaks_of_heads(text: &str, filter: &Filter) -> Result<(), ParseRuleError> {
    let at = text.chars().next().map_or(0, char::len_utf8);
    let what = "~websocket is for modify-body alone: a WebSocket message has no head";
    if filter.names_web_socket() { Err(ParseRuleError::new(text, at, what)) } else { Ok(()) }
}

fn parse_filter(whole: &str, part: Part<'_>) -> Result<Filter, ParseRuleError> {
    if part.text.trim().is_empty() {
        return Ok(Filter::All);
    }
    Filter::parse_at(whole, part)
}

/// Compiles a part of a rule.
fn regex(whole: &str, part: Part<'_>) -> Result<Regex, ParseRuleError> {
    let made = RegexBuilder::new(part.text).dot_matches_new_line(true).build();
    made.map_err(|error| {
        let text = error.to_string();
        let line = text.lines().last().unwrap_or_default();
        let what = format!("not a regular expression: {}", line.trim_start_matches("error: "));
        ParseRuleError::new(whole, part.at, what)
    })
}
