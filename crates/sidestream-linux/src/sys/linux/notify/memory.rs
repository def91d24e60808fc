//! The memory of the thread whose call is looked at.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;

/// The memory of a thread's process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory(pub(super) u32);

/// The longest path that the kernel takes.
const MAX_PATH: usize = 4096;
/// Reading never goes over the end of a page that may be the last.
const PAGE: u64 = 4096;

fn fault() -> io::Error {
    io::Error::from_raw_os_error(libc::EFAULT)
}

impl Memory {
    /// Fills the buffer.
    pub(super) fn read(self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let local = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
        let remote = libc::iovec { iov_base: at as *mut _, iov_len: buf.len() };
        let pid = self.0.cast_signed();
        // SAFETY: the local part is of a live slice; the remote one is another process's.
        let len =
            unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
        match usize::try_from(len) {
            Ok(len) if len == buf.len() => Ok(()),
            Ok(_short) => Err(fault()),
            Err(_negative) if is_forbidden() => self.open(false)?.read_exact_at(buf, at),
            Err(_negative) => Err(io::Error::last_os_error()),
        }
    }

    /// Writes all of the bytes.
    pub(super) fn write(self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let local =
            libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: at as *mut _, iov_len: bytes.len() };
        let pid = self.0.cast_signed();
        // SAFETY: the local part is of a live slice; the remote one is another process's.
        let len =
            unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
        match usize::try_from(len) {
            Ok(len) if len == bytes.len() => Ok(()),
            Ok(_short) => Err(fault()),
            Err(_negative) if is_forbidden() => self.open(true)?.write_all_at(bytes, at),
            Err(_negative) => Err(io::Error::last_os_error()),
        }
    }

    pub(super) fn read_array<const N: usize>(self, at: u64) -> io::Result<[u8; N]> {
        let mut buf = [0; N];
        self.read(at, &mut buf)?;
        Ok(buf)
    }

    pub(super) fn read_u32(self, at: u64) -> io::Result<u32> {
        self.read_array(at).map(u32::from_ne_bytes)
    }

    pub(super) fn read_u64(self, at: u64) -> io::Result<u64> {
        self.read_array(at).map(u64::from_ne_bytes)
    }

    pub(super) fn read_vec(self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut buf = vec![0; len];
        self.read(at, &mut buf)?;
        Ok(buf)
    }

    /// Reads a path up to its closing zero.
    pub(super) fn read_path(self, at: u64) -> io::Result<CString> {
        let mut path = Vec::with_capacity(256);
        while path.len() < MAX_PATH {
            let from = at + path.len() as u64;
            let len = (PAGE - from % PAGE).min(256) as usize;
            let start = path.len();
            path.resize(start + len, 0);
            self.read(from, &mut path[start..])?;
            if let Some(end) = path[start..].iter().position(|&byte| byte == 0) {
                path.truncate(start + end);
                return CString::new(path).map_err(|_nul| fault());
            }
        }
        Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG))
    }

    /// Opens the memory as a file, for where the calls for it are filtered out.
    fn open(self, write: bool) -> io::Result<std::fs::File> {
        OpenOptions::new().read(!write).write(write).open(format!("/proc/{}/mem", self.0))
    }
}

/// Whether a filter over ourselves, as in a container, forbids the calls.
fn is_forbidden() -> bool {
    matches!(io::Error::last_os_error().raw_os_error(), Some(libc::EPERM | libc::ENOSYS))
}
