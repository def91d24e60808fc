//! Becoming an ordinary user.

use std::ffi::CString;
use std::{env, fs, io};

use super::{accounts, threads};
use crate::privileges::{Caller, DropError};
use crate::sys::is_root;

pub(crate) fn sudo_caller() -> Option<Caller> {
    let id = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    let uid = id("SUDO_UID").filter(|&uid| uid != 0 && is_root())?;
    let user = accounts::user(uid);
    let gid = id("SUDO_GID").or_else(|| user.as_ref().map(|user| user.gid))?;
    let (name, home) = user.map(|user| (user.name, user.home.into())).unzip();
    Some(Caller { uid, gid, name, home })
}

pub(crate) fn adopt_environment(caller: &Caller) -> io::Result<()> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("the process has several threads already"));
    }
    let home = caller.home.as_ref().map(|home| ("HOME", home.clone().into_os_string()));
    let name = |variable| caller.name.as_ref().map(|name| (variable, name.into()));
    for (variable, value) in [home, name("USER"), name("LOGNAME")].into_iter().flatten() {
        // SAFETY: this is the only thread, so nobody reads the environment meanwhile.
        unsafe { env::set_var(variable, value) };
    }
    Ok(())
}

pub(crate) fn drop_privileges(uid: u32, gid: u32) -> Result<(), DropError> {
    if !is_root() {
        return Err(DropError::NotRoot);
    }
    if uid != 0 {
        // In this order: each takes the right of the one before.
        set_groups(uid, gid).map_err(system("the groups"))?;
        // SAFETY: the calls take no pointers. The C library makes each on all threads.
        check(unsafe { libc::setresgid(gid, gid, gid) }).map_err(system("the group"))?;
        // SAFETY: as above.
        check(unsafe { libc::setresuid(uid, uid, uid) }).map_err(system("the user"))?;
    }
    threads::drop_capabilities().map_err(system("the capabilities"))?;
    verify(uid)
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> DropError {
    move |source| DropError::System { what, source }
}

fn check(returned: i32) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set_groups(uid: u32, gid: u32) -> io::Result<()> {
    let name = accounts::user(uid).and_then(|user| CString::new(user.name).ok());
    match name {
        // SAFETY: the name is a live string.
        Some(name) => check(unsafe { libc::initgroups(name.as_ptr(), gid) }),
        // SAFETY: the pointer is to one live element.
        None => check(unsafe { libc::setgroups(1, &raw const gid) }),
    }
}

/// Looks at each thread: what one of them kept, all of them have.
fn verify(uid: u32) -> Result<(), DropError> {
    let tasks = threads::list().map_err(system("what cannot be seen"))?;
    for thread in tasks {
        // One that has ended keeps nothing.
        let Ok(status) = fs::read_to_string(format!("/proc/self/task/{thread}/status")) else {
            continue;
        };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let none =
            |name| field(name).is_none_or(|set| set.trim().chars().all(|digit| digit == '0'));
        if !["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"].into_iter().all(none) {
            return Err(DropError::Kept { thread, what: "capabilities" });
        }
        let ids = field("Uid:").unwrap_or_default();
        if ids.split_ascii_whitespace().any(|id| id != uid.to_string()) {
            return Err(DropError::Kept { thread, what: "another user's id" });
        }
    }
    Ok(())
}
