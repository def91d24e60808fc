//! Prints expressions as they can be read again.

use std::fmt::{self, Display};

use crate::compare::{write_duration, write_size};
use crate::parse::ends_word;
use crate::{Expr, Since, Term, Who};

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => join(f, all, " & ", |it| matches!(it, Self::And(_) | Self::Or(_))),
            Self::Or(any) => join(f, any, " | ", |it| matches!(it, Self::Or(_))),
            Self::Not(it) if matches!(**it, Self::And(_) | Self::Or(_)) => write!(f, "!({it})"),
            Self::Not(it) => write!(f, "!{it}"),
            Self::Term(term) => term.fmt(f),
        }
    }
}

/// Returns how deep parentheses and `!` are nested where it is printed.
pub(crate) fn depth(expr: &Expr) -> usize {
    let most = |some: &[Expr], is_nested: fn(&Expr) -> bool| {
        let depths = some.iter().map(|it| depth(it) + usize::from(is_nested(it)));
        depths.max().unwrap_or_default()
    };
    match expr {
        Expr::And(all) => most(all, |it| matches!(it, Expr::And(_) | Expr::Or(_))),
        Expr::Or(any) => most(any, |it| matches!(it, Expr::Or(_))),
        Expr::Not(it) if matches!(**it, Expr::And(_) | Expr::Or(_)) => depth(it) + 2,
        Expr::Not(it) => depth(it) + 1,
        Expr::Term(_) => 0,
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    some: &[Expr],
    between: &str,
    is_nested: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (index, it) in some.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        if is_nested(it) { write!(f, "({it})") } else { it.fmt(f) }?;
    }
    Ok(())
}

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{}", self.name())?;
        match self {
            Self::Code(code) => write!(f, " {code}"),
            Self::Flag(_) => Ok(()),
            Self::Pid(pid) => write!(f, " {pid}"),
            Self::Since(Since::Ago(ago)) => {
                f.write_str(" ")?;
                write_duration(f, *ago)
            }
            Self::Since(Since::At(at)) => {
                write!(f, " {}", jiff::Timestamp::try_from(*at).unwrap_or_default())
            }
            Self::Size(compare) => {
                f.write_str(compare.order.sign())?;
                write_size(f, compare.with)
            }
            Self::Text(_, pattern) => word(f, pattern.as_str()),
            Self::Time(compare) => {
                f.write_str(compare.order.sign())?;
                write_duration(f, compare.with)
            }
            Self::Tree(who) | Self::User(who) => match who {
                Who::Id(id) => write!(f, " {id}"),
                Who::Named(pattern) => word(f, pattern.as_str()),
            },
        }
    }
}

/// Writes a word, in quotes where it would not be one without.
fn word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    let is_plain = !word.is_empty() && !word.contains(ends_word) && !word.starts_with(['&', '|']);
    if is_plain {
        return write!(f, " {word}");
    }
    f.write_str(" \"")?;
    for char in word.chars() {
        if matches!(char, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{char}")?;
    }
    f.write_str("\"")
}
