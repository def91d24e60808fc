//! Network namespaces other than this process's own, and what is held in each.

mod doors;
mod enter;
mod follow;
mod held;
mod maker;
mod table;

pub(crate) use enter::may_enter;
pub(crate) use follow::Unsettled;
pub(crate) use table::{Nets, Stir};
