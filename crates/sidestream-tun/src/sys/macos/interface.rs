//! A device as a network interface, with the types that its calls deserve.

use std::ffi::{CString, c_int, c_ulong};
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType, socket};

use super::control::check;

// Each number holds the length of what it takes: an `ifreq`, of 32 bytes.
const GET_FLAGS: c_ulong = 0xc020_6911;
const GET_MTU: c_ulong = 0xc020_6933;
const SET_FLAGS: c_ulong = 0x8020_6910;
const SET_MTU: c_ulong = 0x8020_6934;
const _: () = assert!(size_of::<libc::ifreq>() == 32);

/// An interface, asked through a socket of any kind.
#[derive(Debug)]
pub(super) struct Interface {
    name: CString,
    socket: OwnedFd,
}

impl Interface {
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        Ok(Self { name: CString::new(name)?, socket })
    }

    pub(super) fn index(&self) -> io::Result<u32> {
        // SAFETY: the name is live and ends in a zero.
        let index = unsafe { libc::if_nametoindex(self.name.as_ptr()) };
        if index == 0 { Err(io::Error::last_os_error()) } else { Ok(index) }
    }

    pub(super) fn mtu(&self) -> io::Result<u32> {
        let request = self.call(GET_MTU, self.request())?;
        // SAFETY: the kernel has written this member.
        let mtu = unsafe { request.ifr_ifru.ifru_mtu };
        u32::try_from(mtu).map_err(io::Error::other)
    }

    pub(super) fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        let mut request = self.request();
        request.ifr_ifru.ifru_mtu = c_int::try_from(mtu).map_err(io::Error::other)?;
        self.call(SET_MTU, request).map(drop)
    }

    pub(super) fn up(&self) -> io::Result<()> {
        let mut request = self.call(GET_FLAGS, self.request())?;
        // SAFETY: the kernel has written this member.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
        self.call(SET_FLAGS, request).map(drop)
    }

    fn request(&self) -> libc::ifreq {
        // SAFETY: the structure is plain memory.
        let mut request: libc::ifreq = unsafe { zeroed() };
        let room = request.ifr_name.len() - 1;
        for (to, from) in request.ifr_name.iter_mut().take(room).zip(self.name.as_bytes()) {
            *to = *from as libc::c_char;
        }
        request
    }

    fn call(&self, number: c_ulong, mut request: libc::ifreq) -> io::Result<libc::ifreq> {
        let pointer = &raw mut request;
        // SAFETY: the request is live and of the length that the number says.
        check(unsafe { libc::ioctl(self.socket.as_raw_fd(), number, pointer) })?;
        Ok(request)
    }
}
