#![doc = include_str!("../README.md")]

mod error;
mod finding;
mod local;
mod notice;
mod options;
mod pass;
mod serve;
mod sys;
mod transparent;

pub use error::{Feature, LaunchError, WaitError};
pub use finding::Finding;
pub use local::{LocalFinding, LocalNotice, LocalNotices, LocalOptions, Passed, StartError};
pub use notice::{Notice, Notices, Refused};
pub use options::{Driver, Entry, EntryKind, Options, Overlay, OverlayKind};
pub use pass::pass;
pub use serve::{
    CallerError, ConnectError, LogLines, LogWriter, ServeError, ServeOptions, log_lines,
};
pub use sys::{Caller, Rendezvous, isolate, restrict, serve};
pub use sys::{LocalCapture, LocalDial, check_local};
pub use sys::{Parts, Running, Sandbox, SandboxCapture, check, check_seccomp};
pub use sys::{TransparentCapture, check_gateway, gateway_notes};
pub use sys::{clear_gateway, end_gateway, gateway_status};
pub use transparent::{GatewayStatus, Lookup, TransparentError, TransparentOptions};
