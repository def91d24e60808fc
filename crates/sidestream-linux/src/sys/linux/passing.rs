//! Descriptors passed over a socket (SCM_RIGHTS).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{io, mem, ptr};

use super::raw;

/// The most descriptors in one message.
pub(super) const MAX_PASSED: usize = 16;

/// Room for a control message of that many descriptors, aligned as its header must be.
type Control = [u64; 2 + MAX_PASSED / 2 + 1];

/// Sends a message and descriptors with it. Does not allocate.
pub(super) fn send(to: BorrowedFd<'_>, bytes: &[u8], fds: &[RawFd]) -> io::Result<()> {
    if fds.is_empty() {
        return raw::send(to, bytes);
    }
    let fds = fds.get(..MAX_PASSED).unwrap_or(fds);
    let mut control: Control = [0; _];
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let len = size_of_val(fds) as libc::c_uint;
    // SAFETY: a message header is plain memory.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: only arithmetic. The room is large enough, as the descriptors were cut above.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(len) } as _;
    // SAFETY: the control room is live, aligned and large enough for one header and `fds`.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(len) as _;
        ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(header).cast(), fds.len());
    }
    // SAFETY: everything that the header points to is live.
    let sent = unsafe { libc::sendmsg(to.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Receives a message and the descriptors that came with it.
pub(super) fn receive(from: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control: Control = [0; _];
    let mut part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    // SAFETY: a message header is plain memory.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    let flags = libc::MSG_CMSG_CLOEXEC;
    // SAFETY: everything that the header points to is live.
    let len = unsafe { libc::recvmsg(from.as_raw_fd(), &raw mut message, flags) };
    let len = usize::try_from(len).map_err(|_negative| io::Error::last_os_error())?;
    let mut fds = Vec::new();
    // SAFETY: the kernel has filled the control room with well-formed headers, and each
    // descriptor in it is new and ours.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(found) = header.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_RIGHTS {
                let bytes = found.cmsg_len - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok((len, fds))
}
