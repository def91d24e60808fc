//! An expression, ready to be judged.

use std::fmt;
use std::time::SystemTime;

use crate::{Expr, ParseFilterError, Selection, Subject, Texts, matches, sql, texts};

/// An expression, and the time from which it counts back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expr: Expr,
    now: SystemTime,
}

impl Filter {
    /// Makes a filter of an expression; `~since` counts back from `now`.
    pub const fn new(expr: Expr, now: SystemTime) -> Self {
        Self { expr, now }
    }

    /// Reads a filter; `~since` counts back from `now`.
    ///
    /// # Errors
    ///
    /// It is none; the error says where.
    pub fn parse(text: &str, now: SystemTime) -> Result<Self, ParseFilterError> {
        Ok(Self::new(text.parse()?, now))
    }

    /// Makes a filter of another expression that counts back from the same time.
    pub const fn with(&self, expr: Expr) -> Self {
        Self::new(expr, self.now)
    }

    /// Returns what it says.
    pub const fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns whether it takes the content of messages to answer.
    pub fn asks_content(&self) -> bool {
        self.expr.asks_content()
    }

    /// Returns whether a subject matches. A fact that is missing matches nothing, and so its
    /// negation matches.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        matches::matches(&self.expr, subject, self.now)
    }

    /// Returns what must stand in the content of a message for it to match.
    pub fn texts(&self) -> Texts<'_> {
        texts::needed(&self.expr)
    }

    /// Returns which rows of a session's tables can match.
    pub fn selection(&self) -> Selection {
        sql::select(&self.expr, self.now)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}
