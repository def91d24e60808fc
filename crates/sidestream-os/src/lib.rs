#![doc = include_str!("../README.md")]

mod check;
mod command;
pub mod helper;
mod inherited;
mod lasting;
mod limits;
mod notice;
mod os_proxy;
mod overlays;
mod privileges;
mod running;
mod start_error;
mod sys;

pub use check::{Driver, Finding, Outcome, Report, check};
pub use command::{Captured, Command, Launched, RunError};
pub use inherited::inherited;
pub use limits::raise_open_files;
pub use notice::{Notice, Notices};
pub use os_proxy::{Options, OsProxy, start_os_proxy, stop_os_proxy};
pub use privileges::{Caller, DropError, adopt_environment, drop_privileges, sudo_caller};
pub use running::{Ended, Running};
pub use sidestream_linux::{LocalNotice, Passed, pass};
pub use start_error::StartError;
