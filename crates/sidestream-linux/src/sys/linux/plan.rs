//! All that the keeper needs, made ready before the fork so that it need not allocate.

use std::ffi::{CString, OsStr, OsString, c_char};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::{env, fs, io, ptr};

use super::notify::Filter;
use super::raw::{self, Signals};
use super::reap::Processes;
use crate::{EntryKind, LaunchError, Options, Overlay, OverlayKind};

/// All that the keeper needs.
pub(super) struct Plan {
    pub(super) control: OwnedFd,
    pub(super) service: OwnedFd,
    /// Whether to try without a user namespace first.
    pub(super) plain: bool,
    pub(super) uid_map: Vec<u8>,
    pub(super) gid_map: Vec<u8>,
    pub(super) sysctls: Vec<(CString, Vec<u8>)>,
    pub(super) staging: CString,
    pub(super) overlays: Vec<Cover>,
    pub(super) exec: Exec,
    /// What the command is put under, in the place of namespaces.
    pub(super) filter: Option<Filter>,
    pub(super) grace_ms: i64,
    pub(super) processes: Processes,
    /// The signals that the command finds blocked.
    pub(super) mask: Signals,
}

/// What makes one overlay: files below the staging folder, then a bind mount.
pub(super) struct Cover {
    pub(super) nodes: Vec<Node>,
    pub(super) source: CString,
    pub(super) target: CString,
}

pub(super) enum Node {
    Directory { path: CString, mode: u32 },
    File { path: CString, contents: Vec<u8>, mode: u32 },
    Symlink { path: CString, target: CString },
}

/// How to become the command.
pub(super) struct Exec {
    /// Where the command may lie, in order.
    pub(super) candidates: Vec<CString>,
    /// Its arguments, closed by null.
    pub(super) args: Vec<*const c_char>,
    /// The same for a script without a first line that names its interpreter: the second is the
    /// candidate.
    pub(super) shell_args: Vec<*const c_char>,
    pub(super) env: Vec<*const c_char>,
    /// What the pointers point into.
    _strings: Vec<CString>,
}

/// The settings of a network namespace that a program can see.
const SYSCTLS: [&str; 8] = [
    "/proc/sys/net/ipv4/ip_local_port_range",
    "/proc/sys/net/ipv4/ip_local_reserved_ports",
    "/proc/sys/net/ipv4/ip_nonlocal_bind",
    "/proc/sys/net/ipv4/ip_unprivileged_port_start",
    "/proc/sys/net/ipv4/ping_group_range",
    "/proc/sys/net/ipv6/bindv6only",
    "/proc/sys/net/ipv6/conf/all/disable_ipv6",
    "/proc/sys/net/ipv6/ip_nonlocal_bind",
];

impl Plan {
    pub(super) fn new(
        options: &Options,
        control: OwnedFd,
        service: OwnedFd,
    ) -> Result<Self, LaunchError> {
        // SAFETY: these calls take no pointers and cannot fail.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        let staging = staging(&options.overlays)?;
        let overlays = options.overlays.iter().enumerate();
        let overlays = overlays.map(|(index, overlay)| Cover::new(&staging, index, overlay));
        Ok(Self {
            control,
            service,
            plain: uid == 0,
            uid_map: format!("{uid} {uid} 1").into_bytes(),
            gid_map: format!("{gid} {gid} 1").into_bytes(),
            sysctls: sysctls(),
            overlays: overlays.collect::<Result<_, _>>()?,
            staging: c_string(staging)?,
            exec: Exec::new(&options.command, &options.environment)?,
            filter: None,
            grace_ms: i64::try_from(options.grace.as_millis()).unwrap_or(i64::MAX / 2),
            processes: Processes::new(),
            mask: raw::no_signals(),
        })
    }
}

fn sysctls() -> Vec<(CString, Vec<u8>)> {
    let read = |path: &&str| Some((CString::new(*path).ok()?, fs::read(path).ok()?));
    SYSCTLS.iter().filter_map(read).collect()
}

/// Finds a folder over which a file system may lie for a moment without hiding what is covered.
fn staging(overlays: &[Overlay]) -> io::Result<PathBuf> {
    let free = |folder: &&'static str| {
        Path::new(folder).is_dir()
            && !overlays.iter().any(|overlay| {
                let path = fs::canonicalize(&overlay.path);
                path.is_ok_and(|path| path.starts_with(folder))
            })
    };
    let folders = ["/tmp", "/run", "/mnt", "/srv", "/opt", "/var/tmp", "/media", "/dev"];
    let found = folders.into_iter().find(free);
    found.map(PathBuf::from).ok_or_else(|| io::Error::other("every folder is covered"))
}

impl Cover {
    fn new(staging: &Path, index: usize, overlay: &Overlay) -> Result<Self, LaunchError> {
        let failed = |source| LaunchError::Overlay { path: overlay.path.clone(), source };
        let target = fs::canonicalize(&overlay.path).map_err(failed)?;
        let source = staging.join(index.to_string());
        let mut nodes = Vec::new();
        match &overlay.kind {
            OverlayKind::File { contents, mode } => nodes.push(Node::File {
                path: c_string(&source)?,
                contents: contents.clone(),
                mode: *mode,
            }),
            OverlayKind::Directory { mode, entries } => {
                nodes.push(Node::Directory { path: c_string(&source)?, mode: *mode });
                for entry in entries {
                    let path = c_string(source.join(&entry.path))?;
                    nodes.push(match &entry.kind {
                        EntryKind::Directory { mode } => Node::Directory { path, mode: *mode },
                        EntryKind::File { contents, mode } => {
                            Node::File { path, contents: contents.clone(), mode: *mode }
                        }
                        EntryKind::Symlink { target } => {
                            Node::Symlink { path, target: c_string(target)? }
                        }
                    });
                }
            }
        }
        Ok(Self { nodes, source: c_string(source)?, target: c_string(target)? })
    }
}

impl Exec {
    fn new(command: &[OsString], additions: &[(OsString, OsString)]) -> Result<Self, LaunchError> {
        let program = command.first().ok_or(LaunchError::Empty)?;
        let kept = env::vars_os().filter(|(name, _)| !additions.iter().any(|(new, _)| new == name));
        let variables: Vec<_> = kept.chain(additions.iter().cloned()).collect();
        let path = variables.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path);
        let mut strings = vec![CString::from(c"/bin/sh")];
        for arg in command {
            strings.push(c_string(arg)?);
        }
        let args_end = strings.len();
        let mut candidates = Vec::new();
        for path in paths(program, path.map(OsString::as_os_str)) {
            candidates.push(c_string(path)?);
        }
        for (mut variable, value) in variables {
            variable.push("=");
            variable.push(value);
            strings.push(c_string(variable)?);
        }
        let pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        let null = ptr::null();
        Ok(Self {
            candidates,
            args: [&pointers[1..args_end], &[null]].concat(),
            shell_args: [&pointers[..1], &[null], &pointers[2..args_end], &[null]].concat(),
            env: [&pointers[args_end..], &[null]].concat(),
            _strings: strings,
        })
    }
}

/// Lists where a command may lie, as a shell would look.
fn paths(program: &OsStr, path: Option<&OsStr>) -> Vec<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    if program.is_empty() {
        return Vec::new();
    }
    // What the C library takes when there is no PATH.
    let path = path.unwrap_or_else(|| OsStr::new("/bin:/usr/bin"));
    env::split_paths(path)
        .map(|folder| match folder.as_os_str().is_empty() {
            true => Path::new(".").join(program),
            false => folder.join(program),
        })
        .collect()
}

fn c_string(string: impl Into<OsString>) -> Result<CString, LaunchError> {
    let nul = |error: std::ffi::NulError| LaunchError::Nul(OsString::from_vec(error.into_vec()));
    CString::new(string.into().into_vec()).map_err(nul)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::paths;

    #[track_caller]
    fn check(program: &str, path: Option<&str>, expected: &[&str]) {
        let found = paths(OsStr::new(program), path.map(OsStr::new));
        let found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_command_is_looked_for_as_a_shell_does() {
        check("ls", Some("/a:/b"), &["/a/ls", "/b/ls"]);
        check("ls", Some("/a::"), &["/a/ls", "./ls", "./ls"]);
        check("ls", None, &["/bin/ls", "/usr/bin/ls"]);
        check("./ls", Some("/a"), &["./ls"]);
        check("", Some("/a"), &[]);
    }
}
