#![doc = include_str!("../README.md")]

mod error;
mod finding;
mod notice;
mod options;
mod sys;

pub use error::{Feature, LaunchError, WaitError};
pub use finding::Finding;
pub use notice::{Notice, Notices, Refused};
pub use options::{Entry, EntryKind, Options, Overlay, OverlayKind};
pub use sys::{Parts, Running, Sandbox, SandboxCapture, check};
