//! Which rows of a session's tables can match, as SQL.

mod bounds;
mod cond;
mod exchange;
mod flow;
mod like;
mod message;

use std::time::SystemTime;

use crate::{Expr, Term};
use bounds::Bounds;

/// A value that is bound to a `?` of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are what conditions compare with")]
pub enum Value {
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// A condition for `WHERE`, never NULL: each `?` stands for the next of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The condition.
    pub text: String,
    /// Its values, in order.
    pub values: Vec<Value>,
    /// Whether every row that it selects matches. Else each has to be judged on its record.
    pub exact: bool,
}

impl Condition {
    /// Returns whether it selects nothing.
    pub fn is_never(&self) -> bool {
        self.text == "0"
    }
}

/// Which rows of a session can match: whatever matches is selected.
///
/// The conditions name columns of the tables `exchange`, `flow` and `process` (the process of the
/// flow, which may be missing) as `docs/session.md` describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// Which exchanges, on `exchange`, `flow` and `process`.
    pub exchanges: Condition,
    /// Which flows, as lines of their own, on `flow` and `process`.
    pub flows: Condition,
    /// The flows of which messages can match, on `flow` and `process`.
    pub messages: Condition,
}

/// Returns which rows can match; times are counted back from `now`.
pub(crate) fn select(expr: &Expr, now: SystemTime) -> Selection {
    let condition = |leaf: &dyn Fn(&Term) -> Bounds| {
        let Bounds { least, most } = bounds(expr, leaf);
        let exact = least == most;
        let mut condition = Condition { text: String::new(), values: Vec::new(), exact };
        most.write(&mut condition);
        condition
    };
    Selection {
        exchanges: condition(&|term| exchange::bounds(term, now)),
        flows: condition(&|term| flow::bounds(term, now)),
        messages: condition(&message::bounds),
    }
}

fn bounds(expr: &Expr, leaf: &dyn Fn(&Term) -> Bounds) -> Bounds {
    match expr {
        Expr::And(all) => Bounds::all(all.iter().map(|it| bounds(it, leaf))),
        Expr::Not(it) => bounds(it, leaf).negated(),
        Expr::Or(any) => Bounds::any(any.iter().map(|it| bounds(it, leaf))),
        Expr::Term(term) => leaf(term),
    }
}
