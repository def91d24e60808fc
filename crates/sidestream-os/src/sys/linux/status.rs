//! Which helper there is, and how it would be started.

use std::env;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::find::{Place, find};
use super::way::{self, Facts, NoWay, Way};
use super::{accounts, xattr};
use crate::helper::{Rights, Status};
use crate::sys::is_root;

/// A helper that can be started, and how.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) path: PathBuf,
    pub(super) way: Result<Way, NoWay>,
}

/// Chooses among the helpers that are there: for an ordinary user one with capabilities, as it
/// asks for nothing, else the first.
pub(super) fn choose(places: &[Place]) -> Option<Chosen> {
    let here = |place: &&Place| fs::metadata(&place.path).is_ok_and(|found| found.is_file());
    let mut here = places.iter().filter(here);
    let first = here.clone().next()?;
    let capable = here.find(|place| has_capabilities(&place.path) && is_executable(&place.path));
    let root = is_root();
    let place = capable.filter(|_| !root).unwrap_or(first);
    let facts = Facts {
        root,
        no_new_privs: has_no_new_privs(),
        capabilities: capable.is_some(),
        terminal: File::open("/dev/tty").is_ok(),
        graphical: ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().any(is_set),
        sudo: program("sudo").is_some(),
        pkexec: program("pkexec").is_some(),
    };
    Some(Chosen { path: place.path.clone(), way: way::choose(facts) })
}

pub(crate) fn helper_status() -> Status {
    let places = find(None);
    let looked = places.iter().map(|place| place.path.clone()).collect();
    let Some(Chosen { path, way }) = choose(&places) else {
        return Status { looked, ..Status::default() };
    };
    let of_group = fs::metadata(&path).ok().filter(|found| found.mode() & 0o001 == 0);
    let gid = of_group.map(|found| found.gid());
    Status {
        looked,
        capabilities: has_capabilities(&path),
        executable: is_executable(&path),
        group: gid.and_then(accounts::group_name),
        in_group: gid.is_some_and(accounts::is_in_group),
        rights: rights(way),
        found: Some(path),
    }
}

fn rights(way: Result<Way, NoWay>) -> Rights {
    match way {
        Ok(Way::Root) => Rights::By("root"),
        Ok(Way::Capabilities) => Rights::By("file capabilities"),
        Ok(Way::Sudo) => Rights::By("sudo"),
        Ok(Way::Pkexec) => Rights::By("pkexec"),
        Err(NoWay::NoNewPrivs) => Rights::Lacking {
            reason: "NoNewPrivs is set for this process",
            remedy: "start it outside of the container, service or sandbox that sets it, or as root",
        },
        Err(NoWay::NoRights) => Rights::Lacking {
            reason: "neither root nor a way to become it",
            remedy: "run it with sudo, or on a terminal or in a desktop session with sudo or \
                     pkexec, or install the helper once with `sudo sidestream helper install`",
        },
    }
}

fn has_capabilities(path: &Path) -> bool {
    xattr::read(path).is_some_and(|found| found & xattr::NEEDED == xattr::NEEDED)
}

/// Returns whether this process may execute a file.
pub(super) fn is_executable(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let (folder, flags) = (libc::AT_FDCWD, libc::AT_EACCESS);
    // SAFETY: the path is a live string.
    unsafe { libc::faccessat(folder, path.as_ptr(), libc::X_OK, flags) == 0 }
}

fn has_no_new_privs() -> bool {
    // SAFETY: the call takes no pointers.
    unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Finds a program in the search path.
pub(super) fn program(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let name = name.as_ref();
    let found = |folder: PathBuf| {
        let path = folder.join(name);
        (path.is_absolute() && path.is_file() && is_executable(&path)).then_some(path)
    };
    env::split_paths(&path).find_map(found)
}
