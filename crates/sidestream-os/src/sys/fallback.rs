//! Systems on which nothing is captured yet.

use std::fs::File;
use std::io;
use std::process::{Command, ExitStatus};

/// The signals that ask this process to end: none that could be passed on.
#[derive(Debug)]
pub(crate) struct Signals(());

impl Signals {
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self(()))
    }

    pub(crate) async fn next(&mut self) -> i32 {
        std::future::pending().await
    }
}

pub(crate) fn inherited(_: i32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn raise_open_files() -> io::Result<()> {
    Ok(())
}

pub(crate) fn is_root() -> bool {
    false
}

pub(crate) fn shell_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

pub(crate) fn signal(_: ExitStatus) -> Option<i32> {
    None
}

pub(crate) fn end_by(_: i32) {}

pub(crate) fn stand_apart(command: &mut Command) -> &mut Command {
    command
}
