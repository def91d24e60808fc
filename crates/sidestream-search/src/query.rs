//! What a regular expression cannot do without.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use crate::fold::{folded, inner, trigrams};
use crate::{Columns, Page, row};

/// How many texts an expression may stand for, before it is cut in two that are looked for apart.
const MAX_TEXTS: usize = 32;

/// How long they may become, in bytes.
const MAX_TEXT_BYTES: usize = 64;

/// How many characters a class may have, each of which is another text.
const MAX_CLASS: u32 = 24;

/// How many rows are looked at: more leave hardly anything out that these do not.
const MAX_ROWS: usize = 64;

/// What a text must have in it for an expression to be found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(Needs);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing that trigrams could tell.
    Nothing,
    /// These rows, all of them.
    Rows(BTreeSet<usize>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// What is not a regular expression.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not a regular expression: {0}")]
pub struct ParseQueryError(#[source] Box<regex_syntax::Error>);

impl Query {
    /// What is found in any text.
    pub const ANY: Self = Self(Needs::Nothing);

    /// Looks at a regular expression; case is not regarded, whatever it says of that.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn new(expression: &str) -> Result<Self, ParseQueryError> {
        let mut parser = ParserBuilder::new()
            .case_insensitive(true)
            .dot_matches_new_line(true)
            .utf8(false)
            .build();
        let hir = parser.parse(expression).map_err(|error| ParseQueryError(Box::new(error)))?;
        let mut run = Run::default();
        run.walk(&hir);
        Ok(Self(run.finish()))
    }

    /// Makes one of which all are to be found.
    #[must_use]
    pub fn all(some: impl IntoIterator<Item = Self>) -> Self {
        Self(Needs::all(some.into_iter().map(|query| query.0)))
    }

    /// Makes one of which any is to be found.
    #[must_use]
    pub fn any(some: impl IntoIterator<Item = Self>) -> Self {
        Self(Needs::any(some.into_iter().map(|query| query.0)))
    }

    /// Returns whether it can be found in any text, as far as it knows.
    pub fn is_any(&self) -> bool {
        self.0 == Needs::Nothing
    }

    /// Returns the columns of a group in which it can be found; pages are asked for at most once.
    ///
    /// # Errors
    ///
    /// Those of `page`.
    pub fn columns<E>(&self, mut page: impl FnMut(usize) -> Result<Page, E>) -> Result<Columns, E> {
        let mut pages = BTreeMap::new();
        self.0.columns(&mut |row| {
            let number = Page::of(row);
            let page = match pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => place.insert(page(number)?),
            };
            Ok(page.row(row))
        })
    }
}

impl Needs {
    fn all(some: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        let mut rows = BTreeSet::new();
        for needs in some {
            match needs {
                Self::Nothing => {}
                Self::Rows(some) => rows.extend(some),
                Self::All(some) => all.extend(some),
                other @ Self::Any(_) => all.push(other),
            }
        }
        while rows.len() > MAX_ROWS {
            rows.pop_last();
        }
        if !rows.is_empty() {
            // First what is cheapest, and leaves the most out.
            all.insert(0, Self::Rows(rows));
        }
        match all.len() {
            0 => Self::Nothing,
            1 => all.remove(0),
            _ => Self::All(all),
        }
    }

    fn any(some: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Vec::new();
        for needs in some {
            match needs {
                Self::Nothing => return Self::Nothing,
                Self::Any(some) => any.extend(some),
                other if any.contains(&other) => {}
                other => any.push(other),
            }
        }
        if any.len() == 1 { any.remove(0) } else { Self::Any(any) }
    }

    fn columns<E>(&self, row: &mut impl FnMut(usize) -> Result<Columns, E>) -> Result<Columns, E> {
        let mut found = if matches!(self, Self::Any(_)) { Columns::NONE } else { Columns::ALL };
        match self {
            Self::Nothing => {}
            Self::Rows(rows) => {
                for number in rows {
                    if found == Columns::NONE {
                        break;
                    }
                    found = found.and(row(*number)?);
                }
            }
            Self::All(all) => {
                for needs in all {
                    if found == Columns::NONE {
                        break;
                    }
                    found = found.and(needs.columns(row)?);
                }
            }
            Self::Any(any) => {
                for needs in any {
                    found = found.or(needs.columns(row)?);
                }
            }
        }
        Ok(found)
    }
}

/// An expression as far as it was walked through: what came before is needed, and then one of these
/// texts stands, to which what comes next is joined.
#[derive(Debug)]
struct Run {
    needs: Vec<Needs>,
    texts: Vec<Vec<u8>>,
}

impl Default for Run {
    fn default() -> Self {
        Self { needs: Vec::new(), texts: vec![Vec::new()] }
    }
}

impl Run {
    fn walk(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.join(&[literal.0.to_vec()]),
            HirKind::Class(class) => match texts_of(class) {
                Some(texts) => self.join(&texts),
                None => self.cut(),
            },
            HirKind::Repetition(repetition) => self.repeat(repetition),
            HirKind::Capture(capture) => self.walk(&capture.sub),
            HirKind::Concat(all) => all.iter().for_each(|hir| self.walk(hir)),
            HirKind::Alternation(any) => self.choose(any),
        }
    }

    /// Goes on with one of these texts.
    fn join(&mut self, texts: &[Vec<u8>]) {
        let longest = |texts: &[Vec<u8>]| texts.iter().map(Vec::len).max().unwrap_or_default();
        let is_much = self.texts.len() * texts.len() > MAX_TEXTS
            || longest(&self.texts) + longest(texts) > MAX_TEXT_BYTES;
        if is_much {
            self.cut();
        }
        let joined = |before: &Vec<u8>, text: &Vec<u8>| [&before[..], text].concat();
        let all: BTreeSet<_> = self
            .texts
            .iter()
            .flat_map(|before| texts.iter().map(move |text| joined(before, text)))
            .collect();
        self.texts = all.into_iter().collect();
    }

    /// Ends the texts: what comes next may stand anywhere behind them.
    fn cut(&mut self) {
        let texts = std::mem::replace(&mut self.texts, vec![Vec::new()]);
        self.needs.push(Needs::any(texts.iter().map(|text| needed(text))));
    }

    fn repeat(&mut self, Repetition { min, max, sub, .. }: &Repetition) {
        let mut once = Self::default();
        once.walk(sub);
        if *min == 0 {
            // It may be left out; then what is around it touches.
            match once.as_texts() {
                Some(mut texts) if *max == Some(1) && texts.len() < MAX_TEXTS => {
                    texts.push(Vec::new());
                    self.join(&texts);
                }
                _ => self.cut(),
            }
            return;
        }
        match once.as_texts() {
            Some(texts) => {
                // As often as it has to be there, as far as that matters to trigrams.
                for _ in 0..(*min).min(3) {
                    self.join(&texts);
                }
                if *max != Some(*min) || *min > 3 {
                    self.cut();
                    self.join(&texts);
                }
            }
            None => {
                self.cut();
                self.needs.push(once.finish());
            }
        }
    }

    fn choose(&mut self, any: &[Hir]) {
        let mut runs = Vec::new();
        for hir in any {
            let mut run = Self::default();
            run.walk(hir);
            runs.push(run);
        }
        let texts: Option<Vec<_>> = runs.iter().map(Self::as_texts).collect();
        let texts = texts.map(|texts| texts.concat());
        match texts.filter(|texts| texts.len() <= MAX_TEXTS) {
            Some(texts) => self.join(&texts),
            None => {
                self.cut();
                self.needs.push(Needs::any(runs.into_iter().map(Self::finish)));
            }
        }
    }

    /// Returns the texts that it stands for, if it stands for nothing else.
    fn as_texts(&self) -> Option<Vec<Vec<u8>>> {
        self.needs.is_empty().then(|| self.texts.clone())
    }

    fn finish(mut self) -> Needs {
        self.cut();
        Needs::all(self.needs)
    }
}

/// Returns what is needed for a text to be found.
fn needed(text: &[u8]) -> Needs {
    let mut rows = BTreeSet::new();
    trigrams(inner(text), |trigram| _ = rows.insert(row(trigram)));
    if rows.is_empty() { Needs::Nothing } else { Needs::Rows(rows) }
}

/// Returns what a class stands for, in which case is not regarded; `None` if that is much.
fn texts_of(class: &Class) -> Option<Vec<Vec<u8>>> {
    let mut texts = BTreeSet::new();
    match class {
        Class::Unicode(class) => {
            let count = |range: &regex_syntax::hir::ClassUnicodeRange| {
                u32::from(range.end()) - u32::from(range.start()) + 1
            };
            let mut room = MAX_CLASS;
            for range in class.iter() {
                room = room.checked_sub(count(range))?;
                let mut bytes = [0; 4];
                for char in range.start()..=range.end() {
                    texts.insert(folded(char.encode_utf8(&mut bytes).as_bytes()));
                }
            }
        }
        Class::Bytes(class) => {
            let mut room = MAX_CLASS;
            for range in class.iter() {
                room = room.checked_sub(u32::from(range.end() - range.start()) + 1)?;
                texts.extend((range.start()..=range.end()).map(|byte| folded(&[byte])));
            }
        }
    }
    // A class of no characters is found nowhere, which trigrams cannot say.
    (!texts.is_empty()).then(|| texts.into_iter().collect())
}

#[cfg(test)]
mod tests;
