//! The kernel's control that makes devices, with the types that it deserves.

use std::ffi::{c_int, c_uchar};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};

/// The name of the control, with the zero that ends it.
const CONTROL: &[u8] = b"com.apple.net.utun_control\0";

pub(super) fn check(returned: c_int) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes the device of a unit, or of any that is free if that is 0. It goes with the socket.
pub(super) fn connect(unit: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers.
    let fd = unsafe { libc::socket(libc::PF_SYSTEM, libc::SOCK_DGRAM, libc::SYSPROTO_CONTROL) };
    check(fd)?;
    // SAFETY: the descriptor was just made, and is nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // The system takes neither flag as the socket is made.
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    fcntl_setfl(&socket, fcntl_getfl(&socket)? | OFlags::NONBLOCK)?;
    // SAFETY: the structure is plain memory.
    let mut address: libc::sockaddr_ctl = unsafe { zeroed() };
    let len = size_of::<libc::sockaddr_ctl>();
    address.sc_len = len as c_uchar;
    address.sc_family = libc::AF_SYSTEM as c_uchar;
    address.ss_sysaddr = libc::AF_SYS_CONTROL as u16;
    address.sc_id = number(&socket)?;
    address.sc_unit = unit;
    let to = (&raw const address).cast();
    // SAFETY: the address is live and as long as is said.
    check(unsafe { libc::connect(socket.as_raw_fd(), to, len as libc::socklen_t) })?;
    Ok(socket)
}

/// Asks for the number that the control has on this system until it is started anew.
fn number(socket: &OwnedFd) -> io::Result<u32> {
    // SAFETY: the structure is plain memory.
    let mut control: libc::ctl_info = unsafe { zeroed() };
    for (to, from) in control.ctl_name.iter_mut().zip(CONTROL) {
        *to = *from as libc::c_char;
    }
    let request = &raw mut control;
    // SAFETY: the structure is live, and the kernel writes no more than the number into it.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::CTLIOCGINFO, request) })?;
    Ok(control.ctl_id)
}

/// Asks for the name of the device.
pub(super) fn name(socket: &OwnedFd) -> io::Result<String> {
    let mut name = [0_u8; libc::IFNAMSIZ];
    let mut len = libc::IFNAMSIZ as libc::socklen_t;
    let to = (&raw mut name).cast();
    let (level, option) = (libc::SYSPROTO_CONTROL, libc::UTUN_OPT_IFNAME);
    // SAFETY: the buffer is live and as long as is said, and so is the number.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, to, &raw mut len) })?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}
