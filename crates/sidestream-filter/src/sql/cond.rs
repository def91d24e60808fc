//! Conditions, put together and written out.

use super::{Condition, Value};

/// A condition that is never NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cond {
    All(Vec<Self>),
    Any(Vec<Self>),
    /// One that holds by itself, with the values of its `?`.
    Is(String, Vec<Value>),
    Never,
    Not(Box<Self>),
    Always,
}

impl Cond {
    /// A condition without values.
    pub(super) fn is(text: &str) -> Self {
        Self::Is(text.to_owned(), Vec::new())
    }

    /// A condition with a number.
    pub(super) fn with(text: impl Into<String>, value: i64) -> Self {
        Self::Is(text.into(), vec![Value::Integer(value)])
    }

    pub(super) fn all(all: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<_> = all.into_iter().filter(|it| *it != Self::Always).collect();
        if kept.contains(&Self::Never) {
            return Self::Never;
        }
        match kept.len() {
            0 => Self::Always,
            1 => kept.remove(0),
            _ => Self::All(kept),
        }
    }

    pub(super) fn any(any: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<_> = any.into_iter().filter(|it| *it != Self::Never).collect();
        if kept.contains(&Self::Always) {
            return Self::Always;
        }
        match kept.len() {
            0 => Self::Never,
            1 => kept.remove(0),
            _ => Self::Any(kept),
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Not(it) => *it,
            it => Self::Not(Box::new(it)),
        }
    }

    /// Writes it behind what is there.
    pub(super) fn write(self, to: &mut Condition) {
        match self {
            Self::All(all) => join(all, " AND ", to),
            Self::Always => to.text.push('1'),
            Self::Any(any) => join(any, " OR ", to),
            Self::Is(text, values) => {
                to.text.push_str(&text);
                to.values.extend(values);
            }
            Self::Never => to.text.push('0'),
            Self::Not(it) => {
                to.text.push_str("NOT (");
                it.write(to);
                to.text.push(')');
            }
        }
    }
}

fn join(some: Vec<Cond>, between: &str, to: &mut Condition) {
    to.text.push('(');
    for (index, it) in some.into_iter().enumerate() {
        if index > 0 {
            to.text.push_str(between);
        }
        it.write(to);
    }
    to.text.push(')');
}
