//! Whole-machine capture: what its user sees on every system.

mod error;
mod finding;
mod notice;
mod options;

pub use error::StartError;
pub use finding::LocalFinding;
pub use notice::{LocalNotice, LocalNotices, Passed};
pub use options::LocalOptions;
