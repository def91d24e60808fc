#![doc = include_str!("../README.md")]

mod error;
mod folder;
mod journal;
mod log;
mod parts;
mod record;
mod report;
mod state;
mod sys;
mod tool;
mod transaction;
mod undo;

pub use error::{FolderError, JournalError};
pub use folder::{of_root, of_user};
pub use journal::{Entry, Journal, Standing};
pub use parts::{Part, Parts, Plain, Run};
pub use record::Subject;
pub use report::{Failed, Outcome, Repaired, Undone};
pub use transaction::{Transaction, Watch};
