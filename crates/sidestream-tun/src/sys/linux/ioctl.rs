//! The calls that only /dev/net/tun takes, with the types that they deserve.

use std::ffi::{c_int, c_uint, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

/// The work that may be left to us, from most to least: segments of UDP are newer than the rest.
const OFFLOADS: [c_uint; 4] = [
    CHECKSUMS | SEGMENTS | libc::TUN_F_USO4 | libc::TUN_F_USO6,
    CHECKSUMS | SEGMENTS,
    CHECKSUMS,
    0,
];
const CHECKSUMS: c_uint = libc::TUN_F_CSUM;
const SEGMENTS: c_uint = libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;

/// What a kernel agreed to leave to us.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreed {
    pub(super) checksums: bool,
    pub(super) segments: bool,
    pub(super) udp_segments: bool,
}

/// Opens the door to all TUN devices of this thread's network namespace.
pub(super) fn open() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(c"/dev/net/tun", flags, Mode::empty())?)
}

fn check(returned: c_int) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a descriptor a queue of that device, which is made if it is not there; `%d` in the name
/// stands for the first number that is free. Returns the name.
pub(super) fn attach(tun: &OwnedFd, name: &str, flags: c_int) -> io::Result<String> {
    // SAFETY: the request is plain memory.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().take(room).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // The flags are sixteen bits, of which the highest is one, too.
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | flags) as u16 as libc::c_short;
    // SAFETY: the request is live, and the kernel writes no more than the name into it.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })?;
    let name = request.ifr_name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8);
    Ok(String::from_utf8_lossy(&name.collect::<Vec<_>>()).into_owned())
}

/// Agrees on as much offload as the kernel has, or on none.
pub(super) fn agree(tun: &OwnedFd, any: bool) -> io::Result<Agreed> {
    let mut refused = None;
    for offload in OFFLOADS.into_iter().filter(|offload| any || *offload == 0) {
        // SAFETY: the call takes a number.
        match check(unsafe {
            libc::ioctl(tun.as_raw_fd(), libc::TUNSETOFFLOAD, c_ulong::from(offload))
        }) {
            Ok(()) => {
                return Ok(Agreed {
                    checksums: offload & CHECKSUMS != 0,
                    segments: offload & SEGMENTS != 0,
                    udp_segments: offload & libc::TUN_F_USO4 != 0,
                });
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::Error::from(io::ErrorKind::Unsupported)))
}

/// The form of the header before each packet, which is the device's and outlives its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) len: c_int,
    pub(super) little_endian: c_int,
}

impl Form {
    pub(super) fn of(tun: &OwnedFd) -> io::Result<Self> {
        let mut form = Self { len: 0, little_endian: 0 };
        // SAFETY: the pointer is to a live number, which the kernel writes.
        check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNGETVNETHDRSZ, &raw mut form.len) })?;
        let to = &raw mut form.little_endian;
        // SAFETY: the pointer is to a live number, which the kernel writes.
        check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNGETVNETLE, to) })?;
        Ok(form)
    }

    pub(super) fn set(self, tun: &OwnedFd) -> io::Result<()> {
        // SAFETY: the pointer is to a live number, which the kernel reads.
        check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const self.len) })?;
        let from = &raw const self.little_endian;
        // SAFETY: the pointer is to a live number, which the kernel reads.
        check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETLE, from) })
    }
}
