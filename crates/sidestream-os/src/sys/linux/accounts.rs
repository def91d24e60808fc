//! Users and groups.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::ptr;

/// The most that an entry may take; more is taken for no entry.
const MAX_ENTRY: usize = 1024 * 1024;

/// A user's entry.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) home: String,
    pub(super) gid: u32,
}

/// Calls a look-up with ever more room until it fits.
fn with_room<T>(mut look: impl FnMut(&mut [u8]) -> (i32, Option<T>)) -> Option<T> {
    let mut buf = vec![0_u8; 4096];
    loop {
        let (error, found) = look(&mut buf);
        if error != libc::ERANGE || buf.len() >= MAX_ENTRY {
            return found;
        }
        buf.resize(buf.len() * 4, 0);
    }
}

/// Looks a user up.
pub(super) fn user(uid: u32) -> Option<User> {
    with_room(|buf| {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        let (at, len) = (buf.as_mut_ptr().cast(), buf.len());
        // SAFETY: all pointers are to live memory of the stated lengths.
        let error = unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), at, len, &raw mut found) };
        if error != 0 || found.is_null() {
            return (error, None);
        }
        // SAFETY: the call succeeded, so the entry is filled with strings in `buf`.
        let user = unsafe {
            User { name: text((*found).pw_name), home: text((*found).pw_dir), gid: (*found).pw_gid }
        };
        (0, Some(user))
    })
}

/// Looks the id of a group up.
pub(super) fn group_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    with_room(|buf| {
        let mut entry = MaybeUninit::<libc::group>::uninit();
        let mut found = ptr::null_mut();
        let (at, len) = (buf.as_mut_ptr().cast(), buf.len());
        // SAFETY: all pointers are to live memory of the stated lengths.
        let error =
            unsafe { libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), at, len, &raw mut found) };
        if error != 0 || found.is_null() {
            return (error, None);
        }
        // SAFETY: the call succeeded, so the entry is filled.
        (0, Some(unsafe { (*found).gr_gid }))
    })
}

/// Looks the name of a group up.
pub(super) fn group_name(gid: u32) -> Option<String> {
    with_room(|buf| {
        let mut entry = MaybeUninit::<libc::group>::uninit();
        let mut found = ptr::null_mut();
        let (at, len) = (buf.as_mut_ptr().cast(), buf.len());
        // SAFETY: all pointers are to live memory of the stated lengths.
        let error = unsafe { libc::getgrgid_r(gid, entry.as_mut_ptr(), at, len, &raw mut found) };
        if error != 0 || found.is_null() {
            return (error, None);
        }
        // SAFETY: the call succeeded, so the entry is filled with strings in `buf`.
        (0, Some(unsafe { text((*found).gr_name) }))
    })
}

/// Returns whether this process is in a group.
pub(super) fn is_in_group(gid: u32) -> bool {
    // SAFETY: a length of zero asks for the count only.
    let count = unsafe { libc::getgroups(0, ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: the pointer is to that many live elements.
    let count = unsafe { libc::getgroups(count.max(0), groups.as_mut_ptr()) };
    groups.truncate(usize::try_from(count).unwrap_or(0));
    // SAFETY: the call takes nothing and cannot fail.
    gid == unsafe { libc::getegid() } || groups.contains(&gid)
}

/// Copies a string.
///
/// # Safety
///
/// It must be a live string that ends with a zero byte.
unsafe fn text(string: *const libc::c_char) -> String {
    // SAFETY: the caller promises it.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}
