//! Whether what a process runs is the file that we have at that path.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sidestream_flow::Process;

use super::super::record;

/// Returns the path of a process's program if a package of ours may have it: what is at that path
/// here need not be what the process runs, which may have a root of its own.
pub(super) fn packaged(process: &Process) -> Option<&Path> {
    let path = process.path.as_deref()?;
    let is_ours = is_same_file(process.pid, path).unwrap_or_else(|| process.container.is_none());
    is_ours.then_some(path)
}

/// Tells whether a process runs the file at that path; `None` if that cannot be told, as when the
/// process or its file has gone.
fn is_same_file(pid: u32, path: &Path) -> Option<bool> {
    let (running, is_there) = record::executable(pid)?;
    if !is_there || running != path {
        return None;
    }
    let theirs = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    let ours = fs::metadata(path);
    Some(ours.is_ok_and(|ours| (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())))
}
