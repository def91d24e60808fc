#![doc = include_str!("../README.md")]

mod counters;
mod error;
mod event;
mod finding;
mod items;
mod options;
mod origin;
mod pattern;
mod route;
mod rules;
mod slot;
mod sys;
mod verdict;

pub use counters::Counters;
pub use error::LoadError;
pub use event::{Event, PassReason};
pub use finding::{Finding, Need};
pub use items::{Item, ItemKind, Items, MAX_ITEMS};
pub use options::{LoadOptions, Ports};
pub use origin::Origin;
pub use pattern::Pattern;
pub use route::RouteEntry;
pub use rules::{MAX_RULE_SETS, MAX_RULES, Rule, RuleKind, Rules};
pub use slot::{Knock, Slot};
pub use sys::{Events, Hooks, probe};
pub use verdict::{Verdict, Verdicts};
