//! BPF objects, by their numbers.

use std::os::fd::{FromRawFd, OwnedFd};

/// A kind of BPF object, and the command of bpf(2) that opens one by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i64)]
pub(crate) enum BpfKind {
    /// A program.
    Program = 13,
    /// A map.
    Map = 14,
    /// A link.
    Link = 30,
}

/// Tells whether the kernel still has that object; needs root's rights.
pub(crate) fn bpf_exists(kind: BpfKind, id: u32) -> bool {
    // The number, the next number, flags.
    let attributes = [id, 0, 0];
    // SAFETY: the kernel reads so many bytes of the attributes, which live through the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            kind as libc::c_long,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    let Ok(fd) = i32::try_from(fd) else { return false };
    if fd < 0 {
        // Whoever may not look has to believe that it is there.
        return std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
    }
    // SAFETY: the descriptor is new and nobody else's.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    true
}
