//! The parser of the spec language: one pass, every error with its place.

use std::ops::Range;
use std::str::FromStr;

use crate::net::{Net, NetFault};
use crate::{Glob, Item, Matcher, ParseSpecError, ProcessMatcher};

/// Parses a whole spec into its items.
pub(crate) fn parse_items(text: &str) -> Result<Vec<Item>, ParseSpecError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut start = 0;
    let parse = |raw: &str| {
        let piece = Piece { text: raw, start };
        start += raw.len() + 1;
        parse_item(piece)
    };
    text.split(',').map(parse).collect()
}

fn parse_item(raw: Piece<'_>) -> Result<Item, ParseSpecError> {
    let piece = raw.trim();
    if piece.text.is_empty() {
        return Err(ParseSpecError::Empty { index: raw.start });
    }
    let span = piece.span();
    let Some(excluded) = piece.strip_exclusion() else {
        return Ok(Item { excludes: false, matcher: parse_matcher(piece)?, span });
    };
    if excluded.text.is_empty() {
        return Err(ParseSpecError::Exclusion { index: piece.start });
    }
    if excluded.text.starts_with('!') {
        return Err(ParseSpecError::DoubleExclusion { index: excluded.start });
    }
    Ok(Item { excludes: true, matcher: parse_matcher(excluded)?, span })
}

fn parse_matcher(piece: Piece<'_>) -> Result<Matcher, ParseSpecError> {
    let (word, Some(value)) = piece.split_once(':') else { return parse_word(piece) };
    let Some((prefix, parse)) = PREFIXES.into_iter().find(|(prefix, _)| *prefix == word.text)
    else {
        return parse_word(piece);
    };
    let value = value.trim();
    if value.text.is_empty() {
        return Err(ParseSpecError::Value { prefix, span: piece.span() });
    }
    parse(value)
}

type ParseValue = fn(Piece<'_>) -> Result<Matcher, ParseSpecError>;

/// The words that mean something before a colon; any other is a part of a plain word.
const PREFIXES: [(&str, ParseValue); 11] = [
    ("cgroup", |glob| process(ProcessMatcher::Cgroup(Glob::new(glob.text)))),
    ("container", |name| process(ProcessMatcher::Container(name.text.to_owned()))),
    ("host", |glob| Ok(Matcher::Host(Glob::ignoring_ascii_case(without_root_dot(glob.text))))),
    ("name", |glob| process(ProcessMatcher::Name(Glob::new(glob.text)))),
    ("net", parse_net),
    ("path", |glob| process(ProcessMatcher::Path(Glob::new(glob.text)))),
    ("pid", parse_pid),
    ("port", parse_port),
    ("tree", parse_tree),
    ("unit", |name| process(ProcessMatcher::Unit(name.text.to_owned()))),
    ("user", |name| process(ProcessMatcher::User(name.text.to_owned()))),
];

fn process(matcher: ProcessMatcher) -> Result<Matcher, ParseSpecError> {
    Ok(Matcher::Process(matcher))
}

/// Parses what has no prefix: all digits are a pid, all else is a part of path or name.
fn parse_word(piece: Piece<'_>) -> Result<Matcher, ParseSpecError> {
    if is_number(piece.text) {
        return parse_pid(piece);
    }
    process(ProcessMatcher::Word(piece.text.to_owned()))
}

/// Parses what stands behind `tree:`, which may only be an item on a process.
fn parse_tree(piece: Piece<'_>) -> Result<Matcher, ParseSpecError> {
    let refused = || ParseSpecError::Tree { span: piece.span() };
    // A tree in a tree is refused before it is parsed: deep nesting would exhaust the stack.
    if piece.text.starts_with('!') || piece.text.starts_with("tree:") {
        return Err(refused());
    }
    match parse_matcher(piece)? {
        Matcher::Process(matcher) => Ok(Matcher::Tree(matcher)),
        Matcher::Host(_) | Matcher::Net(_) | Matcher::Port(_) | Matcher::Tree(_) => Err(refused()),
    }
}

fn parse_pid(piece: Piece<'_>) -> Result<Matcher, ParseSpecError> {
    let pid = parse_number(piece.text).ok_or_else(|| ParseSpecError::Pid { span: piece.span() })?;
    process(ProcessMatcher::Pid(pid))
}

fn parse_port(piece: Piece<'_>) -> Result<Matcher, ParseSpecError> {
    let port = parse_number(piece.text).ok_or_else(|| ParseSpecError::Port { span: piece.span() });
    port.map(Matcher::Port)
}

fn parse_net(piece: Piece<'_>) -> Result<Matcher, ParseSpecError> {
    let (addr, prefix_len) = piece.split_once('/');
    let net = Net::parse(addr.text, prefix_len.map(|len| len.text));
    net.map(Matcher::Net).map_err(|fault| match fault {
        NetFault::Addr => ParseSpecError::NetAddr { span: addr.span() },
        NetFault::PrefixLen { max } => {
            ParseSpecError::NetPrefixLen { span: prefix_len.unwrap_or(piece).span(), max }
        }
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses decimal digits; unlike `str::parse`, takes no sign.
pub(crate) fn parse_number<T: FromStr>(text: &str) -> Option<T> {
    if is_number(text) { text.parse().ok() } else { None }
}

fn without_root_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// A part of the spec that knows where it stands.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Piece<'a> {
    fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Returns the piece from byte `at` on.
    fn tail(self, at: usize) -> Self {
        Self { text: &self.text[at..], start: self.start + at }
    }

    fn trim(self) -> Self {
        let piece = self.tail(self.text.len() - self.text.trim_start().len());
        Self { text: piece.text.trim_end(), ..piece }
    }

    fn strip_exclusion(self) -> Option<Self> {
        self.text.starts_with('!').then(|| self.tail(1).trim())
    }

    fn split_once(self, delimiter: char) -> (Self, Option<Self>) {
        let Some(at) = self.text.find(delimiter) else { return (self, None) };
        let head = Self { text: &self.text[..at], ..self };
        (head, Some(self.tail(at + delimiter.len_utf8())))
    }
}
