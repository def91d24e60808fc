//! One item of a spec.

use std::ops::Range;

use crate::{Matcher, Verdict};

/// One item of a spec: what it matches, and what it says of what matches.
///
/// Two items are equal when they mean the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Item {
    pub(crate) excludes: bool,
    pub(crate) matcher: Matcher,
    pub(crate) span: Range<usize>,
}

impl Item {
    /// Tells whether the item began with `!`.
    pub fn excludes(&self) -> bool {
        self.excludes
    }

    /// Returns what the item matches.
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// Returns where the item stands in the spec's text, as a range of bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the verdict on what the item matches, unless a later item says otherwise.
    pub fn verdict(&self) -> Verdict {
        Verdict::decided(!self.excludes)
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        (self.excludes, &self.matcher) == (other.excludes, &other.matcher)
    }
}

impl Eq for Item {}
