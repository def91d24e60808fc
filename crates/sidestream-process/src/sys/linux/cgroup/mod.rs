//! `/proc/PID/cgroup`: the control group of a process, and what its path tells (cgroups(7)).

mod container;
mod unit;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use sidestream_flow::Container;

/// What the kernel adds to the path of a group that was removed while something was left in it.
const DELETED: &[u8] = b" (deleted)";

/// What the file tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cgroup {
    pub(super) path: Option<PathBuf>,
    pub(super) unit: Option<String>,
    pub(super) container: Option<Container>,
}

impl Cgroup {
    /// Parses the file.
    pub(super) fn parse(text: &[u8]) -> Self {
        let lines: Vec<Line<'_>> =
            text.split(|&byte| byte == b'\n').filter_map(Line::parse).collect();
        let Some(chosen) = choose(&lines) else { return Self::default() };
        // A runtime without systemd, on a system that has both hierarchies, makes its groups in
        // the old ones alone.
        let container = std::iter::once(chosen)
            .chain(lines.iter().map(|line| line.path))
            .find_map(|path| container::find(&components(path)));
        Self {
            path: Some(OsStr::from_bytes(chosen).into()),
            unit: unit::find(&components(chosen)),
            container,
        }
    }
}

/// `ID:CONTROLLERS:PATH`, without the id.
struct Line<'a> {
    controllers: &'a [u8],
    path: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        // A path may have colons, a controller has none.
        let mut parts = line.splitn(3, |&byte| byte == b':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        path.starts_with(b"/").then_some(Self {
            controllers,
            path: path.strip_suffix(DELETED).filter(|path| !path.is_empty()).unwrap_or(path),
        })
    }
}

/// Picks the path that tells most: of the unified hierarchy, else of systemd's own, where that
/// one is all that systemd keeps in order; else of any.
fn choose<'a>(lines: &[Line<'a>]) -> Option<&'a [u8]> {
    let of = |controllers: &[u8]| {
        lines.iter().find(|line| line.controllers == controllers).map(|line| line.path)
    };
    let (unified, systemd) = (of(b""), of(b"name=systemd"));
    let beyond_root = |path: &&[u8]| *path != b"/";
    unified
        .filter(beyond_root)
        .or_else(|| systemd.filter(beyond_root))
        .or(unified)
        .or_else(|| lines.iter().map(|line| line.path).find(beyond_root))
        .or_else(|| lines.first().map(|line| line.path))
}

/// Returns the names on the way from the root, without what is not text: no name that means
/// something is such.
///
/// Where the reader is in a namespace of its own, paths outside of it begin with `..`.
fn components(path: &[u8]) -> Vec<&str> {
    path.split(|&byte| byte == b'/')
        .filter_map(|part| str::from_utf8(part).ok())
        .filter(|part| !part.is_empty() && *part != "..")
        .collect()
}

#[cfg(test)]
mod tests;
