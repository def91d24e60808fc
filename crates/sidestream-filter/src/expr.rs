//! What a filter says, as a tree.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::{Compare, Flag, ParseFilterError, Pattern, Text, parse};

/// What a filter says. Made by parsing; it is printed so that it parses to the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Expr {
    /// All of these, of which there are two or more.
    And(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// Any of these, of which there are two or more.
    Or(Vec<Self>),
    /// An operator.
    Term(Term),
}

/// An operator, with what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Term {
    /// `~c`: the status of an HTTP response.
    Code(u16),
    /// One that takes nothing.
    Flag(Flag),
    /// `~pid`: the process.
    Pid(u32),
    /// `~since`: not before that.
    Since(Since),
    /// `~size`: how many bytes of content.
    Size(Compare<u64>),
    /// One that takes a regular expression.
    Text(Text, Pattern),
    /// `~time`: how long it took.
    Time(Compare<Duration>),
    /// `~tree`: the process, or one that it descends from.
    Tree(Who),
    /// `~user`: the user of the process.
    User(Who),
}

/// A process or user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Who {
    /// By its number.
    Id(u32),
    /// By its name.
    Named(Pattern),
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Since {
    /// So long before the filter was made.
    Ago(Duration),
    /// This one.
    At(SystemTime),
}

impl Expr {
    /// How long the text of a filter may be, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// How deep parentheses and `!` may be nested.
    pub const MAX_DEPTH: usize = 64;

    /// How many operators and words a filter may have.
    pub const MAX_TERMS: usize = 256;

    /// Reads a filter in which only those operators are known for whose names, without the tilde,
    /// `known` says so.
    ///
    /// # Errors
    ///
    /// It is none; the error says where.
    pub fn parse_with(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Self, ParseFilterError> {
        parse::parse(text, known)
    }

    /// Iterates over all operators, from left to right.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Self::And(some) | Self::Or(some) => open.extend(some.iter().rev()),
                    Self::Not(it) => open.push(it),
                    Self::Term(term) => return Some(term),
                }
            }
        })
    }

    /// Returns whether it takes the content of messages to answer.
    pub fn asks_content(&self) -> bool {
        self.terms().any(|term| matches!(term, Term::Text(text, _) if text.is_content()))
    }
}

impl Term {
    /// Returns the name of the operator, without the tilde.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Code(_) => "c",
            Self::Flag(flag) => flag.name(),
            Self::Pid(_) => "pid",
            Self::Since(_) => "since",
            Self::Size(_) => "size",
            Self::Text(text, _) => text.name(),
            Self::Time(_) => "time",
            Self::Tree(_) => "tree",
            Self::User(_) => "user",
        }
    }
}

impl FromStr for Expr {
    type Err = ParseFilterError;

    fn from_str(text: &str) -> Result<Self, ParseFilterError> {
        Self::parse_with(text, &|_| true)
    }
}

impl From<Term> for Expr {
    fn from(term: Term) -> Self {
        Self::Term(term)
    }
}
