//! Why a spec decides as it does.

use std::fmt;

use crate::excerpt::{Excerpt, printable};
use crate::{Facts, Fields, Item, Spec, Truth, Verdict};

/// A verdict with its reasons, from [`Spec::explain`]; its `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The spec that decided.
    pub spec: &'a Spec,
    /// The verdict, the same that [`Spec::decide`] gives.
    pub verdict: Verdict,
    /// The verdict if no open item matched: that of the last item that matches, or the default.
    pub so_far: Verdict,
    /// The last item that matches; without one, the default stands.
    pub decided_by: Option<&'a Item>,
    /// Every item with what became of it, in order.
    pub items: Vec<Explained<'a>>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained<'a> {
    /// The item.
    pub item: &'a Item,
    /// The item as it was written.
    pub text: &'a str,
    /// Whether it matches.
    pub truth: Truth,
    /// Whether it is open and could still turn the verdict.
    pub undecided: bool,
}

impl<'a> Explanation<'a> {
    pub(crate) fn new(spec: &'a Spec, facts: &Facts<'_>) -> Self {
        let truths: Vec<Truth> = spec.items().map(|item| item.matcher().truth(facts)).collect();
        let outcome = spec.weigh(truths.iter().copied());
        let could_turn = |index: usize| outcome.open_from.is_some_and(|from| index >= from);
        let items = spec.items().zip(&truths).enumerate().map(|(index, (item, &truth))| {
            let undecided = truth.is_unknown() && could_turn(index);
            Explained { item, text: spec.text_of(item), truth, undecided }
        });
        Self {
            spec,
            verdict: outcome.verdict(),
            so_far: outcome.so_far(),
            decided_by: outcome.decided_by.and_then(|index| spec.items().nth(index)),
            items: items.collect(),
        }
    }

    /// Returns the facts that could still turn the verdict; none once it is decided.
    pub fn needs(&self) -> Fields {
        match self.verdict {
            Verdict::Needs(fields) => fields,
            Verdict::Intercept | Verdict::Pass => Fields::NONE,
        }
    }

    /// Writes the verdict and the item or rule that it comes from.
    fn fmt_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        if matches!(self.verdict, Verdict::Needs(_)) {
            write!(f, "; so far {}", self.so_far)?;
        }
        let Some(item) = self.decided_by else {
            return writeln!(f, ", because {}", self.default_rule());
        };
        let Excerpt { line, carets } = Excerpt::new(self.spec.as_str(), item.span());
        writeln!(f, ", by the last item that matches:\n\n  {line}\n  {carets}")
    }

    fn default_rule(&self) -> &'static str {
        match self.spec.items().next() {
            None => "the spec is empty",
            Some(first) if first.excludes() => "no item matches and the first one excludes",
            Some(_) => "no item matches",
        }
    }
}

/// What the last row of the table says instead of an item.
const OTHERWISE: &str = "otherwise";

/// Longest item, in characters, that widens its column of the table.
const COLUMN: usize = 32;

/// Writes the verdict, the item that decided, and a table of all items.
impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_verdict(f)?;
        if self.items.is_empty() {
            return Ok(());
        }
        let widths = self.items.iter().map(|row| row.text.chars().count());
        let width = widths.max().unwrap_or(0).clamp(OTHERWISE.len(), COLUMN);
        writeln!(f)?;
        for row in &self.items {
            let text: String = row.text.chars().map(printable).collect();
            write!(f, "  {text:width$}  {:9}  {}", row.item.verdict(), row.truth)?;
            match row.truth {
                Truth::False | Truth::True => writeln!(f)?,
                Truth::Unknown(fields) if row.undecided => writeln!(f, ", needs {fields}")?,
                Truth::Unknown(_) => writeln!(f, ", but cannot change the verdict")?,
            }
        }
        writeln!(f, "  {OTHERWISE:width$}  {}", self.spec.default_verdict())
    }
}
