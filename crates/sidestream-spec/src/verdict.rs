//! What a spec answers, and what a single item answers.

use std::fmt;

use crate::Fields;

/// What a spec says about a flow, as far as its facts are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The flow goes through the proxy.
    Intercept,
    /// The flow cannot be decided until one or more of these facts are known.
    ///
    /// Never empty; a field that cannot change the verdict any more is not in it.
    Needs(Fields),
    /// The flow is left alone.
    Pass,
}

impl Verdict {
    pub(crate) fn decided(intercepts: bool) -> Self {
        if intercepts { Self::Intercept } else { Self::Pass }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intercept => f.pad("intercept"),
            Self::Needs(fields) => write!(f, "undecided, needs {fields}"),
            Self::Pass => f.pad("pass"),
        }
    }
}

/// Whether an item matches, in Kleene's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// The item does not match, whatever else may become known.
    False,
    /// The item matches, whatever else may become known.
    True,
    /// The item may match or not, depending on these facts.
    Unknown(Fields),
}

impl Truth {
    /// Tells whether the item is still open.
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, truth) | (truth, Self::False) => truth,
            (Self::Unknown(left), Self::Unknown(right)) => Self::Unknown(left.union(right)),
        }
    }
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::False => "false",
            Self::True => "true",
            Self::Unknown(_) => "unknown",
        })
    }
}
