//! File capabilities, as `security.capability` holds them.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const NAME: &CStr = c"security.capability";

/// Networks, tracing and BPF: what the helper needs (linux/capability.h).
pub(super) const NEEDED: u64 = 1 << 12 | 1 << 38 | 1 << 39;

/// The layout of two words, and the bit that makes what is permitted effective as well
/// (`vfs_cap_data` in linux/capability.h).
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const REVISION: u32 = 0xff00_0000;
const EFFECTIVE: u32 = 1;

/// Encodes capabilities that are permitted and effective.
pub(super) fn encode(capabilities: u64) -> [u8; 20] {
    let bytes = capabilities.to_le_bytes();
    let mut value = [0; 20];
    value[..4].copy_from_slice(&(REVISION_2 | EFFECTIVE).to_le_bytes());
    value[4..8].copy_from_slice(&bytes[..4]);
    value[12..16].copy_from_slice(&bytes[4..]);
    value
}

/// Decodes which capabilities are permitted and effective.
pub(super) fn decode(value: &[u8]) -> Option<u64> {
    let word = |at: usize| {
        let bytes = value.get(at..at + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_le_bytes(bytes)))
    };
    let magic = word(0)?;
    let known = [REVISION_2, REVISION_3].map(u64::from).contains(&(magic & u64::from(REVISION)));
    let effective = magic & u64::from(EFFECTIVE) != 0;
    (known && effective).then_some(())?;
    Some(word(4)? | word(12)? << 32)
}

/// Reads which capabilities a file gives.
pub(super) fn read(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut value = [0_u8; 64];
    // SAFETY: both strings and the buffer are live, and the length is the buffer's.
    let len = unsafe {
        libc::getxattr(path.as_ptr(), NAME.as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    decode(value.get(..usize::try_from(len).ok()?)?)
}

/// Gives an open file those capabilities.
pub(super) fn write(file: &File, capabilities: u64) -> io::Result<()> {
    let value = encode(capabilities);
    // SAFETY: the name and the value are live, and the length is the value's.
    let returned = unsafe {
        libc::fsetxattr(file.as_raw_fd(), NAME.as_ptr(), value.as_ptr().cast(), value.len(), 0)
    };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{NEEDED, decode, encode};

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decode(&encode(NEEDED)), Some(NEEDED));
        assert_eq!(decode(&encode(0)), Some(0));
    }

    #[test]
    fn the_layout_is_the_kernels() {
        let expected = [1, 0, 0, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(encode(NEEDED), expected);
    }

    #[test]
    fn what_is_not_effective_or_not_known_gives_nothing() {
        let mut value = encode(NEEDED);
        value[0] = 0;
        assert_eq!(decode(&value), None);
        let mut value = encode(NEEDED);
        value[3] = 9;
        assert_eq!(decode(&value), None);
        assert_eq!(decode(&[1, 0]), None);
        assert_eq!(decode(&[]), None);
    }
}
