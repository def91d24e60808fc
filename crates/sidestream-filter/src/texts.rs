//! What must stand in the content for a filter to match.

use crate::{Expr, Pattern, Term};

/// What must stand in the content of a message for a filter to match it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Texts<'a> {
    /// All of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// Nothing that is known.
    Anything,
    /// What is found by an expression, in the request or in the response.
    Of(&'a Pattern),
}

/// Returns what must stand there; it may match less than that.
pub(crate) fn needed(expr: &Expr) -> Texts<'_> {
    match expr {
        Expr::And(all) => Texts::All(all.iter().map(needed).collect()),
        Expr::Or(any) => Texts::Any(any.iter().map(needed).collect()),
        Expr::Term(Term::Text(text, pattern)) if text.is_content() => Texts::Of(pattern),
        // What must not stand there is not needed.
        Expr::Not(_) | Expr::Term(_) => Texts::Anything,
    }
}
