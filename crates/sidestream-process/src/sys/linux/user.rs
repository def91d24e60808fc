//! The user database.

use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

/// The most that an entry may take; more is taken for no entry.
const MAX_ENTRY: usize = 64 * 1024;

/// Looks the name of a user up.
pub(crate) fn name(uid: u32) -> Option<String> {
    // SAFETY: the name of an entry that was found is a string.
    look_up(uid, |entry| unsafe { CStr::from_ptr(entry.pw_name) }.to_string_lossy().into_owned())
}

/// Looks the home of a user up.
pub(crate) fn home(uid: u32) -> Option<PathBuf> {
    look_up(uid, |entry| {
        // SAFETY: the home of an entry that was found is a string.
        let home = unsafe { CStr::from_ptr(entry.pw_dir) };
        OsStr::from_bytes(home.to_bytes()).into()
    })
}

fn look_up<T>(uid: u32, take: impl FnOnce(&libc::passwd) -> T) -> Option<T> {
    let mut buf = vec![0_u8; 1024];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        // SAFETY: all pointers are to live memory of the stated lengths.
        let error = unsafe {
            libc::getpwuid_r(
                uid,
                entry.as_mut_ptr(),
                buf.as_mut_ptr().cast(),
                buf.len(),
                &raw mut found,
            )
        };
        if error == libc::ERANGE && buf.len() < MAX_ENTRY {
            buf.resize(buf.len() * 4, 0);
            continue;
        }
        if error != 0 || found.is_null() {
            return None;
        }
        // SAFETY: the call succeeded, so the entry is filled, and its strings are in `buf`.
        return Some(take(unsafe { &*found }));
    }
}
