#![doc = include_str!("../README.md")]

mod error;
mod flows;
mod follow;
mod judge;
mod kept;
mod line;
mod list;
mod noted;
mod order;
mod record;
mod row;
mod rows;
mod search;
mod sequence;
mod sort;
mod state;
mod texts;
mod types;

pub use error::OpenError;
pub use line::{Line, LineId, LineProcess};
pub use list::{Change, List, Progress, Step};
pub use order::{Column, Order, ParseOrderError};
pub use record::{body_bytes, selects};
