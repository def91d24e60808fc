//! Arrays that the hooks and this process have in their memory alike.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{NonNull, null_mut};
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64};

use aya::Ebpf;
use aya::maps::{Map, MapError};

use super::table::take;

/// An array of the hooks, of which each part is changed at once.
#[derive(Debug)]
pub(super) struct Shared {
    base: NonNull<AtomicU64>,
    /// Its length in units of eight bytes.
    len: usize,
}

// SAFETY: it is memory of this process until it is dropped, and is reached by atomics alone.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Maps the array `name`, of `count` entries of so many bytes, which eight divides.
    pub(super) fn take(
        ebpf: &mut Ebpf,
        name: &str,
        count: usize,
        size: usize,
    ) -> Result<Self, MapError> {
        let Map::Array(map) = take(ebpf, name)? else {
            return Err(MapError::InvalidName { name: name.to_owned() });
        };
        let len = count * size / size_of::<u64>();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses where, so that nothing else is there.
        let base = unsafe {
            let fd = map.fd().as_fd().as_raw_fd();
            libc::mmap(null_mut(), len * size_of::<u64>(), access, libc::MAP_SHARED, fd, 0)
        };
        if base == libc::MAP_FAILED {
            return Err(MapError::IoError(io::Error::last_os_error()));
        }
        let base = NonNull::new(base.cast()).expect("nothing is mapped at zero");
        Ok(Self { base, len })
    }

    /// Gives it in units of eight bytes.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: that much is mapped at a whole page, and for as long as `self` is there; the
        // hooks change it by single instructions.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    /// Gives it in units of four bytes.
    pub(super) fn halves(&self) -> &[AtomicU32] {
        // SAFETY: as above; no part is reached in both units.
        unsafe { slice::from_raw_parts(self.base.as_ptr().cast(), 2 * self.len) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: this was mapped, and nobody borrows it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len * size_of::<u64>()) };
    }
}
