#![doc = include_str!("../README.md")]

mod compare;
mod error;
mod excerpt;
mod expr;
mod filter;
mod matches;
mod operator;
mod parse;
mod pattern;
mod row;
mod show;
mod sql;
mod subject;
mod texts;

pub use compare::{Compare, Order};
pub use error::ParseFilterError;
pub use expr::{Expr, Since, Term, Who};
pub use filter::Filter;
pub use operator::{Flag, Text};
pub use pattern::Pattern;
pub use row::{Decode, Row};
pub use sql::{Condition, Selection, Value};
pub use subject::{Kind, Subject, host};
pub use texts::Texts;
