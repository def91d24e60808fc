//! Processes that outlive the one that starts them.

use std::process::Command;

use crate::sys;

/// Has a command stand apart from this process: what is typed at the terminal, as Ctrl-C, and what
/// is sent to this process and its children as a group, does not reach it.
pub fn stand_apart(command: &mut Command) -> &mut Command {
    sys::stand_apart(command)
}
