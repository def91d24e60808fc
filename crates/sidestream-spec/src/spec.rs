//! The spec: its items, and what they say together.

use std::fmt;
use std::str::FromStr;

use crate::parse::parse_items;
use crate::{Explanation, Facts, Fields, Item, ParseSpecError, Truth, Verdict};

/// Which processes and flows to intercept.
///
/// Made by parsing, printed as it was written. Two specs are equal when their items mean the
/// same one by one, however they are spaced. The default is [`Spec::nothing`].
#[derive(Clone, Default)]
pub struct Spec {
    text: String,
    items: Vec<Item>,
}

impl Spec {
    /// Returns the spec that intercepts every flow: `!0`, all but the process that cannot be.
    pub fn everything() -> Self {
        "!0".parse().expect("`!0` is a spec")
    }

    /// Returns the spec that intercepts no flow: the empty one.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Returns the text that the spec was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Iterates over the items, in their order.
    ///
    /// Who decides elsewhere (in the kernel, say) starts from [`default_verdict`](Self::default_verdict);
    /// then the last item that matches has the word.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &Item> + DoubleEndedIterator {
        self.items.iter()
    }

    /// Returns the verdict on what no item matches: intercept when the first item is an
    /// exclusion, otherwise pass.
    pub fn default_verdict(&self) -> Verdict {
        Verdict::decided(self.intercepts_by_default())
    }

    /// Decides about a flow, as far as `facts` say.
    ///
    /// A verdict stands whatever else becomes known. With no fact unknown, the spec never
    /// needs more.
    pub fn decide(&self, facts: &Facts<'_>) -> Verdict {
        self.weigh(self.items.iter().map(|item| item.matcher.truth(facts))).verdict()
    }

    /// Decides about a flow and says why.
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation<'_> {
        Explanation::new(self, facts)
    }

    /// Returns the spec that is left once `facts` are settled: it asks only for what is open.
    ///
    /// Deciding a process once and each of its flows by the residual spec gives the same
    /// verdicts as deciding each flow from the start.
    #[must_use]
    pub fn residual(&self, facts: &Facts<'_>) -> Self {
        let truths: Vec<Truth> = self.items.iter().map(|item| item.matcher.truth(facts)).collect();
        let outcome = self.weigh(truths.iter().copied());
        let Some(open_from) = outcome.open_from else {
            return if outcome.intercepts { Self::everything() } else { Self::nothing() };
        };
        // The first open item is opposed to the verdict so far, so the default of what is left
        // is that verdict.
        let open = self.items[open_from..].iter().zip(&truths[open_from..]);
        let open = open.filter(|(_, truth)| truth.is_unknown()).map(|(item, _)| item);
        Self::join(open.map(|item| (item, self.text_of(item))))
    }

    pub(crate) fn text_of(&self, item: &Item) -> &str {
        &self.text[item.span.clone()]
    }

    pub(crate) fn weigh(&self, truths: impl Iterator<Item = Truth>) -> Outcome {
        let mut outcome = Outcome::new(self.intercepts_by_default());
        for (index, (item, truth)) in self.items.iter().zip(truths).enumerate() {
            outcome.add(index, item, truth);
        }
        outcome
    }

    fn intercepts_by_default(&self) -> bool {
        self.items.first().is_some_and(Item::excludes)
    }

    fn join<'a>(parts: impl Iterator<Item = (&'a Item, &'a str)>) -> Self {
        let mut spec = Self::default();
        for (item, text) in parts {
            if !spec.text.is_empty() {
                spec.text.push(',');
            }
            let start = spec.text.len();
            spec.text.push_str(text);
            spec.items.push(Item { span: start..spec.text.len(), ..item.clone() });
        }
        spec
    }
}

/// What the items say together: the verdict so far and what could still turn it.
pub(crate) struct Outcome {
    intercepts: bool,
    /// The last item that matches.
    pub(crate) decided_by: Option<usize>,
    /// The first open item that could turn the verdict; every open one after it could as well.
    pub(crate) open_from: Option<usize>,
    needs: Fields,
}

impl Outcome {
    fn new(intercepts: bool) -> Self {
        Self { intercepts, decided_by: None, open_from: None, needs: Fields::NONE }
    }

    fn add(&mut self, index: usize, item: &Item, truth: Truth) {
        match truth {
            Truth::False => {}
            Truth::True => {
                *self = Self { decided_by: Some(index), ..Self::new(!item.excludes) };
            }
            Truth::Unknown(fields) => {
                // An item that says what already holds changes nothing.
                if self.open_from.is_none() && self.intercepts != item.excludes {
                    return;
                }
                self.open_from.get_or_insert(index);
                self.needs = self.needs.union(fields);
            }
        }
    }

    /// The verdict if no open item matched.
    pub(crate) fn so_far(&self) -> Verdict {
        Verdict::decided(self.intercepts)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        if self.needs.is_empty() { self.so_far() } else { Verdict::Needs(self.needs) }
    }
}

impl FromStr for Spec {
    type Err = ParseSpecError;

    /// Parses a spec.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the text and where; [`ParseSpecError::render`] shows it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.to_owned(), items: parse_items(text)? })
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl Eq for Spec {}

/// Writes the text that the spec was parsed from.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spec").field(&self.text).finish()
    }
}
