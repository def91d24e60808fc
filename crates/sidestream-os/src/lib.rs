#![doc = include_str!("../README.md")]

mod apart;
mod check;
mod command;
pub mod gateway;
pub mod helper;
mod inherited;
mod lasting;
mod left_overs;
mod limits;
mod notice;
mod os_proxy;
mod overlays;
mod privileges;
mod running;
mod start_error;
mod sys;

pub use apart::stand_apart;
pub use check::{Driver, Finding, Outcome, Report, check};
pub use command::{Captured, Command, Launched, RunError};
pub use inherited::inherited;
pub use left_overs::remove_left_overs;
pub use limits::raise_open_files;
pub use notice::{Notice, Notices};
pub use os_proxy::{Options, OsProxy, start_os_proxy, stop_os_proxy};
pub use privileges::{Caller, DropError, adopt_environment, drop_privileges, sudo_caller};
pub use running::{Ended, Running};
pub use sidestream_linux::{Driver as CommandDriver, LocalNotice, Passed, pass};
pub use start_error::StartError;
