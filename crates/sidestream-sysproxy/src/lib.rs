#![doc = include_str!("../README.md")]

mod desktop;
mod error;
mod give_back;
mod place;
mod sys;

pub use desktop::{Desktop, Restore};
pub use error::SysproxyError;
pub use give_back::GiveBack;
pub use place::{Current, Place, Scope};
