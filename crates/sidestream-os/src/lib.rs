#![doc = include_str!("../README.md")]

mod check;
mod command;
mod inherited;
mod lasting;
mod limits;
mod overlays;
mod running;
mod sys;

pub use check::{Driver, Finding, Outcome, Report, check};
pub use command::{Captured, Command, Launched, RunError};
pub use inherited::inherited;
pub use limits::raise_open_files;
pub use running::{Ended, Running};
pub use sidestream_linux::{Notice, Notices};
