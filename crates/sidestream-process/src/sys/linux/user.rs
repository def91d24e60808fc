//! The user database.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

/// The most that an entry may take; more is taken for no entry.
const MAX_ENTRY: usize = 64 * 1024;

/// Looks the name of a user up.
pub(crate) fn name(uid: u32) -> Option<String> {
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
        // SAFETY: the call succeeded, so the entry is filled and its name is a string in `buf`.
        let name = unsafe { CStr::from_ptr((*found).pw_name) };
        return Some(name.to_string_lossy().into_owned());
    }
}
