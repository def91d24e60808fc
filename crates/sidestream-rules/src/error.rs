//! Why a text is no rule.

/// Why a text is no rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at character {} of {text:?}", self.character())]
pub struct ParseRuleError {
    /// The rule.
    pub text: String,
    /// The byte of it at which it is wrong.
    pub at: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl ParseRuleError {
    pub(crate) fn new(text: &str, at: usize, what: impl Into<String>) -> Self {
        Self { text: text.to_owned(), at, what: what.into() }
    }

    /// Returns which character it is, counted from 1.
    fn character(&self) -> usize {
        self.text.get(..self.at).map_or(self.at, |before| before.chars().count()) + 1
    }
}
