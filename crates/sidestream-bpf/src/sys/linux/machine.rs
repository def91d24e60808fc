//! What of the machine the hooks depend on: kernel, rights, cgroup2, types.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::types;
use crate::LoadError;

const BTF: &str = "/sys/kernel/btf/vmlinux";
const OLDEST: (u32, u32) = (5, 10);
/// From here on maps are charged to the cgroup and not to the locked memory.
const UNLOCKED_MAPS: (u32, u32) = (5, 11);

/// From here on all hooks may ask for the calling task with its type.
const TYPED_TASKS: (u32, u32) = (6, 1);

/// The capabilities that the hooks need, with their numbers.
pub(super) const CAPABILITIES: [(&str, u8); 3] =
    [("CAP_BPF", 39), ("CAP_PERFMON", 38), ("CAP_NET_ADMIN", 12)];
/// Implies `CAP_BPF` and `CAP_PERFMON`.
const CAP_SYS_ADMIN: u8 = 21;
const CAP_NET_ADMIN: &str = "CAP_NET_ADMIN";

/// Checks that the kernel is new enough.
pub(super) fn check_kernel() -> Result<(), LoadError> {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    match version(&release) {
        Some(version) if version < OLDEST => {
            Err(LoadError::Kernel { release: release.trim().to_owned() })
        }
        _ => Ok(()),
    }
}

/// Says whether maps count as locked memory here.
pub(super) fn locks_maps() -> bool {
    is_before(UNLOCKED_MAPS)
}

/// Says whether the hooks are given the calling task with its type.
pub(super) fn types_tasks() -> bool {
    !is_before(TYPED_TASKS)
}

fn is_before(wanted: (u32, u32)) -> bool {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(&release).is_some_and(|version| version < wanted)
}

/// Checks that the kernel lets itself be read.
pub(super) fn check_lockdown() -> Result<(), LoadError> {
    let text = read("/sys/kernel/security/lockdown").unwrap_or_default();
    match lockdown(&text) {
        Some("confidentiality") => Err(LoadError::Lockdown { mode: "confidentiality".to_owned() }),
        _ => Ok(()),
    }
}

/// Checks one of [`CAPABILITIES`].
pub(super) fn check_capability(name: &'static str, number: u8) -> Result<(), LoadError> {
    // A machine without /proc will show soon enough what is missing.
    let Some(held) = read("/proc/self/status").ok().and_then(|status| capabilities(&status)) else {
        return Ok(());
    };
    let implied = name != CAP_NET_ADMIN && held & (1 << CAP_SYS_ADMIN) != 0;
    if implied || held & (1 << number) != 0 { Ok(()) } else { Err(LoadError::Capability { name }) }
}

/// Checks that the kernel describes its types so that the loader can read them.
pub(super) fn check_types() -> Result<(), LoadError> {
    let broken = |source| LoadError::Btf { path: BTF.into(), source };
    let bytes = fs::read(BTF).map_err(|error| broken(error.into()))?;
    types::check(&bytes).map_err(|error| broken(error.into()))
}

/// Opens the root of the cgroup2 file system.
pub(super) fn open_cgroup() -> Result<fs::File, LoadError> {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let path = cgroup2(&text).ok_or(LoadError::Cgroup2)?;
    fs::File::open(&path).map_err(|source| LoadError::CgroupRoot { path, source })
}

fn read(path: impl AsRef<Path>) -> io::Result<String> {
    fs::read_to_string(path)
}

/// Reads major and minor number out of `5.10.0-28-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Reads the mode out of `none [integrity] confidentiality`.
fn lockdown(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(mode, _)| mode)
}

/// Reads the effective capabilities.
fn capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Finds where a cgroup2 file system is mounted with its root.
fn cgroup2(mountinfo: &[u8]) -> Option<PathBuf> {
    mountinfo.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let (root, point) = (fields.nth(3)?, fields.next()?);
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        (root == b"/" && kind == b"cgroup2")
            .then(|| PathBuf::from(std::ffi::OsString::from_vec(unescape(point))))
    })
}

/// Undoes what the kernel does to spaces and the like: `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => plain.push(*first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_root_of_cgroup2() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(cgroup2(text.as_bytes()), expected.map(PathBuf::from), "{text}");
        };
        check("", None);
        check("25 1 0:22 / /sys rw - sysfs sysfs rw", None);
        check(
            "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw",
            Some("/sys/fs/cgroup"),
        );
        check("30 25 0:26 / /a\\040b\\134c rw - cgroup2 none rw", Some("/a b\\c"));
        check(
            "30 25 0:26 /user /x rw - cgroup2 none rw\n31 25 0:26 / /y rw - cgroup2 none rw",
            Some("/y"),
        );
        check("30 25 0:26 / /x rw - cgroup cgroup rw,name=cgroup2", None);
        check("30 25 0:26", None);
    }

    #[test]
    fn reads_kernel_versions() {
        let check = |text: &str, expected: Option<(u32, u32)>| {
            assert_eq!(version(text), expected, "{text}");
        };
        check("5.10.0-28-amd64\n", Some((5, 10)));
        check("6.18.44-fc-v657", Some((6, 18)));
        check("7.0-rc1", Some((7, 0)));
        check("", None);
        check("next", None);
    }

    #[test]
    fn reads_the_mode_of_lockdown() {
        assert_eq!(lockdown("none [integrity] confidentiality"), Some("integrity"));
        assert_eq!(lockdown(""), None);
    }

    #[test]
    fn reads_effective_capabilities() {
        assert_eq!(capabilities("Name:\tx\nCapEff:\t00000000a80425fb\n"), Some(0xa804_25fb));
        assert_eq!(capabilities("Name:\tx\n"), None);
    }
}
