//! All rules of a proxy, and what they say of an exchange.

use bytes::Bytes;
use regex::bytes::Regex;
use sidestream_record::{Field, Fields};

use crate::ParseRuleError;
use crate::filter::{Facts, Filter};
use crate::local::LocalRule;
use crate::replacement::{Replacement, expand, replace_all};
use crate::spec::{self, Spec};

/// How much of a message rules need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing: no rule is for it.
    #[default]
    Nothing,
    /// Its head.
    Head,
    /// Its body as well.
    Body,
}

/// All rules of a proxy, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    blocks: Vec<BlockRule>,
    remotes: Vec<RemoteRule>,
    locals: Vec<LocalRule>,
    bodies: Vec<BodyRule>,
    headers: Vec<HeaderRule>,
}

#[derive(Clone, Debug)]
struct BlockRule {
    text: String,
    filter: Filter,
    status: u16,
}

#[derive(Clone, Debug)]
struct RemoteRule {
    text: String,
    filter: Filter,
    url: Regex,
    replacement: String,
}

/// A rule that replaces in bodies.
#[derive(Clone, Debug)]
pub struct BodyRule {
    /// The rule as it was written.
    pub text: String,
    /// What is put in.
    pub replacement: Replacement,
    filter: Filter,
    regex: Regex,
}

/// A rule that sets or removes a header field.
#[derive(Clone, Debug)]
pub struct HeaderRule {
    /// The rule as it was written.
    pub text: String,
    /// The field's name.
    pub name: String,
    /// Its value.
    pub value: Replacement,
    filter: Filter,
}

/// What a blocked request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked<'a> {
    /// The status; 444 hangs up.
    pub status: u16,
    /// The rule as it was written.
    pub by: &'a str,
}

impl Rules {
    /// Returns whether there is no rule.
    pub fn is_empty(&self) -> bool {
        let Self { blocks, remotes, locals, bodies, headers } = self;
        blocks.is_empty()
            && remotes.is_empty()
            && locals.is_empty()
            && bodies.is_empty()
            && headers.is_empty()
    }

    /// Adds `|filter|status`.
    ///
    /// # Errors
    ///
    /// It is no such rule; the error says where it is wrong.
    pub fn block(&mut self, text: &str) -> Result<(), ParseRuleError> {
        let (filter, status) = spec::block(text)?;
        spec::speaks_of_heads(text, &filter)?;
        self.blocks.push(BlockRule { text: format!("block-list {text}"), filter, status });
        Ok(())
    }

    /// Adds `|filter|url-regex|replacement`.
    ///
    /// # Errors
    ///
    /// It is no such rule; the error says where it is wrong.
    pub fn map_remote(&mut self, text: &str) -> Result<(), ParseRuleError> {
        let spec = Spec::parse(text)?;
        spec::speaks_of_heads(text, &spec.filter)?;
        let url = spec.regex()?;
        let replacement = spec.replacement.text.to_owned();
        let text = format!("map-remote {text}");
        self.remotes.push(RemoteRule { text, url, replacement, filter: spec.filter });
        Ok(())
    }

    /// Adds `|filter|url-regex|file-or-directory`.
    ///
    /// # Errors
    ///
    /// It is no such rule; the error says where it is wrong.
    pub fn map_local(&mut self, text: &str) -> Result<(), ParseRuleError> {
        self.locals.push(LocalRule::parse(text)?);
        Ok(())
    }

    /// Adds `|filter|regex|[@]replacement`. It is for bodies, and where the filter says
    /// `~websocket`, for messages of WebSockets.
    ///
    /// # Errors
    ///
    /// It is no such rule; the error says where it is wrong.
    pub fn modify_body(&mut self, text: &str) -> Result<(), ParseRuleError> {
        let spec = Spec::parse(text)?;
        let (regex, replacement) = (spec.regex()?, Replacement::parse(spec.replacement.text));
        let text = format!("modify-body {text}");
        self.bodies.push(BodyRule { text, replacement, regex, filter: spec.filter });
        Ok(())
    }

    /// Adds `|filter|name|[@]value`.
    ///
    /// # Errors
    ///
    /// It is no such rule; the error says where it is wrong.
    pub fn modify_headers(&mut self, text: &str) -> Result<(), ParseRuleError> {
        let spec = Spec::parse(text)?;
        spec::speaks_of_heads(text, &spec.filter)?;
        let name = spec.subject.text;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !name.bytes().all(token) {
            return Err(spec.error(spec.subject, "not the name of a header field"));
        }
        let framing = ["content-length", "transfer-encoding"];
        if framing.iter().any(|it| name.eq_ignore_ascii_case(it)) {
            let what = "the length of a message is always that which it has: leave this out";
            return Err(spec.error(spec.subject, what));
        }
        let value = Replacement::parse(spec.replacement.text);
        if let Replacement::Text(text) = &value
            && !is_value(&header_value(text))
        {
            return Err(spec.error(spec.replacement, "a header field has no line breaks"));
        }
        let text = format!("modify-headers {text}");
        self.headers.push(HeaderRule { text, name: name.to_owned(), value, filter: spec.filter });
        Ok(())
    }

    /// Iterates over the rules that answer from files, whose paths are to be checked.
    pub fn locals(&self) -> impl Iterator<Item = &LocalRule> {
        self.locals.iter()
    }

    /// Iterates over all replacements, whose files are to be checked, with the rules' texts.
    pub fn replacements(&self) -> impl Iterator<Item = (&str, &Replacement)> {
        let bodies = self.bodies.iter().map(|rule| (&*rule.text, &rule.replacement));
        bodies.chain(self.headers.iter().map(|rule| (&*rule.text, &rule.value)))
    }

    /// Returns how much of the message that came last rules need.
    pub fn reach(&self, facts: &Facts<'_>) -> Reach {
        if self.bodies.iter().any(|rule| rule.filter.matches(facts)) {
            return Reach::Body;
        }
        let is_request = facts.response.is_none();
        let heads = self.headers.iter().any(|rule| rule.filter.matches(facts))
            || is_request
                && (self.blocked(facts).is_some()
                    || self.local(facts).next().is_some()
                    || self.remotes.iter().any(|rule| rule.is_for(facts)));
        if heads { Reach::Head } else { Reach::Nothing }
    }

    /// Returns the first rule that blocks a request.
    pub fn blocked(&self, facts: &Facts<'_>) -> Option<Blocked<'_>> {
        let rule = self.blocks.iter().find(|rule| rule.filter.matches(facts))?;
        Some(Blocked { status: rule.status, by: &rule.text })
    }

    /// Returns another URL of a request, and the last rule that gave it one.
    pub fn remote(&self, facts: &Facts<'_>) -> Option<(String, &str)> {
        let mut moved: Option<(String, &str)> = None;
        for rule in &self.remotes {
            let url = moved.as_ref().map_or(facts.url, |(url, _)| url);
            let facts = Facts { url, ..*facts };
            if !rule.filter.matches(&facts) {
                continue;
            }
            let replaced = replace_all(&rule.url, url.as_bytes(), &rule.replacement);
            let replaced = replaced.and_then(|url| String::from_utf8(url).ok());
            if let Some(replaced) = replaced.filter(|replaced| replaced != url) {
                moved = Some((replaced, &rule.text));
            }
        }
        moved
    }

    /// Iterates over the rules that answer a request from files.
    pub fn local(&self, facts: &Facts<'_>) -> impl Iterator<Item = &LocalRule> {
        self.locals.iter().filter(move |rule| rule.matches(facts))
    }

    /// Iterates over the rules that replace in the body of the message that came last.
    pub fn bodies(&self, facts: &Facts<'_>) -> impl Iterator<Item = &BodyRule> {
        self.bodies.iter().filter(move |rule| rule.filter.matches(facts))
    }

    /// Iterates over the rules that replace in a message of a WebSocket: those whose filter says
    /// `~websocket`.
    pub fn messages(&self, facts: &Facts<'_>) -> impl Iterator<Item = &BodyRule> {
        let said = self.bodies.iter().filter(|rule| rule.filter.names_web_socket());
        said.filter(move |rule| rule.filter.matches(facts))
    }

    /// Iterates over the rules that set fields of the message that came last.
    pub fn headers(&self, facts: &Facts<'_>) -> impl Iterator<Item = &HeaderRule> {
        self.headers.iter().filter(move |rule| rule.filter.matches(facts))
    }
}

impl RemoteRule {
    fn is_for(&self, facts: &Facts<'_>) -> bool {
        self.url.is_match(facts.url.as_bytes()) && self.filter.matches(facts)
    }
}

impl BodyRule {
    /// Returns the body with all matches replaced, if there is one; `file` is the content of the
    /// file that the rule names.
    pub fn apply(&self, body: &[u8], file: Option<&[u8]>) -> Option<Vec<u8>> {
        match (&self.replacement, file) {
            (Replacement::Text(text), _) => replace_all(&self.regex, body, text),
            (Replacement::File(_), Some(file)) => self
                .regex
                .is_match(body)
                .then(|| self.regex.replace_all(body, regex::bytes::NoExpand(file)).into_owned()),
            (Replacement::File(_), None) => None,
        }
    }
}

impl HeaderRule {
    /// Sets the field where the first of that name stands, or at the end, and takes others out;
    /// an empty value takes all out. `file` is the content of the file that the rule names.
    pub fn apply(&self, fields: &mut Fields, file: Option<&[u8]>) {
        let value = match (&self.value, file) {
            (Replacement::Text(text), _) => header_value(text),
            (Replacement::File(_), Some(file)) => file.trim_ascii().to_vec(),
            (Replacement::File(_), None) => return,
        };
        if !is_value(&value) {
            return;
        }
        let value = Bytes::from(value);
        let mut set = value.is_empty();
        fields.0.retain_mut(|field| {
            if !field.is(&self.name) {
                return true;
            }
            field.value = value.clone();
            !std::mem::replace(&mut set, true)
        });
        if !set {
            fields.0.push(Field::new(self.name.clone(), value));
        }
    }
}

fn header_value(text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    expand(text, None, &mut value);
    value
}

fn is_value(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
