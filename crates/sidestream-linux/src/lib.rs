#![doc = include_str!("../README.md")]

mod error;
mod finding;
mod local;
mod notice;
mod options;
mod pass;
mod serve;
mod sys;

pub use error::{Feature, LaunchError, WaitError};
pub use finding::Finding;
pub use local::{LocalFinding, LocalNotice, LocalNotices, LocalOptions, Passed, StartError};
pub use notice::{Notice, Notices, Refused};
pub use options::{Entry, EntryKind, Options, Overlay, OverlayKind};
pub use pass::pass;
pub use serve::{
    CallerError, ConnectError, LogLines, LogWriter, ServeError, ServeOptions, log_lines,
};
pub use sys::{Caller, Rendezvous, isolate, restrict, serve};
pub use sys::{LocalCapture, LocalDial, check_local};
pub use sys::{Parts, Running, Sandbox, SandboxCapture, check};
