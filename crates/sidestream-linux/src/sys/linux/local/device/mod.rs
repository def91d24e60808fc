//! The device that carries the route of the IPv6 range.
//!
//! Only a route can make a whole range of IPv6 addresses local, and routes outlive whoever made
//! them. This one hangs on a device that the kernel removes as its descriptor is closed, and it
//! goes with it. Nothing ever comes out of the device: what is sent to a local address stays on
//! loopback.

#[cfg(test)]
mod tests;

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use crate::sys::imp::netlink::{Message, Netlink};
use crate::sys::imp::raw;
use crate::sys::imp::rtnetlink::{
    IFLA_AF_SPEC, IFLA_INET6_ADDR_GEN_MODE, IFLA_MTU, RTA_DST, RTA_OIF,
};

/// fd73:6473::/32.
const RANGE: [u8; 16] = [0xfd, 0x73, 0x64, 0x73, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const RANGE_LEN: u8 = 32;

const TUN: &CStr = c"/dev/net/tun";
const NAME: &CStr = c"sidestream%d";
/// A type of hardware for which the kernel makes no address and no multicast route.
const ARPHRD_VOID: libc::c_ulong = 0xffff;
/// The largest that a TUN device takes.
const MTU: u32 = 65_535;
const NO_ADDRESSES: u8 = 1;

/// Why captured programs cannot be given fake IPv6 addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum DeviceError {
    /// There is no IPv6 to capture.
    #[error("this network has no IPv6")]
    NoIpv6,
    /// The kernel has no TUN devices, or not in this container.
    #[error("there is no /dev/net/tun, load the module `tun` or give the device to the container")]
    NoTun,
    /// They are not for us.
    #[error(
        "no right to make a network device, CAP_NET_ADMIN and access to /dev/net/tun are needed"
    )]
    Forbidden(#[source] io::Error),
    /// The kernel refused.
    #[error("cannot make a network device for IPv6")]
    Make(#[from] io::Error),
}

/// Makes fd73:6473::/32 local until it is dropped.
#[derive(Debug)]
pub(super) struct Device {
    /// Holds the device.
    _tun: OwnedFd,
    netlink: Netlink,
    name: String,
    index: u32,
}

impl Device {
    /// Makes the device and its route in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// See [`DeviceError`]; only IPv4 can be captured then.
    pub(super) fn open() -> Result<Self, DeviceError> {
        if !has_ipv6() {
            return Err(DeviceError::NoIpv6);
        }
        let made = Self::make();
        made.map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => DeviceError::NoTun,
            Some(libc::EPERM | libc::EACCES) => DeviceError::Forbidden(error),
            _ => DeviceError::Make(error),
        })
    }

    fn make() -> io::Result<Self> {
        let tun = raw::open(TUN, libc::O_RDWR, 0)?;
        let name = attach(&tun)?;
        // SAFETY: the call takes a number.
        raw::check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETLINK, ARPHRD_VOID) })?;
        let (index, netlink) = (index(&name)?, Netlink::open(libc::NETLINK_ROUTE)?);
        let device = Self { _tun: tun, netlink, name, index };
        device.allow_ipv6()?;
        device.netlink.request(vec![quiet(index), up(index), route(index)])?;
        tracing::debug!(device.name, "device made");
        Ok(device)
    }

    /// Makes the route again where somebody has removed it, as the kernel does while IPv6 is
    /// switched off.
    ///
    /// # Errors
    ///
    /// There is no IPv6 now, or the kernel refused: nothing may be diverted to the range.
    pub(super) fn renew(&self) -> Result<(), DeviceError> {
        if !has_ipv6() {
            return Err(DeviceError::NoIpv6);
        }
        self.allow_ipv6()?;
        self.netlink.request(vec![up(self.index)])?;
        match self.netlink.request(vec![route(self.index)]) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Devices may be born without IPv6, be it only that others are given it one by one.
    fn allow_ipv6(&self) -> io::Result<()> {
        let disabled = format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", self.name);
        if is_set(Path::new(&disabled)) { fs::write(&disabled, "0") } else { Ok(()) }
    }
}

/// Whether IPv6 is there on loopback, from where everything of ours comes in.
fn has_ipv6() -> bool {
    let disabled = Path::new("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
    disabled.exists() && !is_set(disabled)
}

fn is_set(switch: &Path) -> bool {
    fs::read_to_string(switch).is_ok_and(|value| value.trim() != "0")
}

fn request(name: &[u8]) -> libc::ifreq {
    // SAFETY: the request is plain memory.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = *from as libc::c_char;
    }
    request
}

/// Makes the device of a descriptor, and returns which name it got.
fn attach(tun: &OwnedFd) -> io::Result<String> {
    let mut request = request(NAME.to_bytes());
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the request is live, and the kernel writes the name into it.
    raw::check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })?;
    let name = request.ifr_name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8);
    Ok(String::from_utf8_lossy(&name.collect::<Vec<_>>()).into_owned())
}

fn index(name: &str) -> io::Result<u32> {
    let socket = raw::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
    let mut request = request(name.as_bytes());
    // SAFETY: the request is live, and the kernel writes the index into it.
    raw::check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &raw mut request) })?;
    // SAFETY: that call has filled this member.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex } as u32)
}

fn link(index: u32, flags: libc::c_int, change: libc::c_int) -> Message {
    let words = [index, flags as u32, change as u32];
    let words: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    Message::new(libc::RTM_NEWLINK, libc::NLM_F_ACK, &[&[0; 4][..], &words].concat())
}

/// Before it is up: no link-local address, which programs could take for their source.
fn quiet(index: u32) -> Message {
    link(index, 0, 0).attr_u32(IFLA_MTU, MTU).nested(IFLA_AF_SPEC, |message| {
        message.nested(libc::AF_INET6 as u16, |message| {
            message.attr(IFLA_INET6_ADDR_GEN_MODE, &[NO_ADDRESSES])
        })
    })
}

fn up(index: u32) -> Message {
    link(index, libc::IFF_UP, libc::IFF_UP | libc::IFF_MULTICAST)
}

fn route(index: u32) -> Message {
    // Never replacing: another capture of this machine may have the same route on its device.
    let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE;
    let (table, protocol) = (libc::RT_TABLE_LOCAL, libc::RTPROT_STATIC);
    let (scope, kind) = (libc::RT_SCOPE_UNIVERSE, libc::RTN_LOCAL);
    let body = [libc::AF_INET6 as u8, RANGE_LEN, 0, 0, table, protocol, scope, kind, 0, 0, 0, 0];
    let route = Message::new(libc::RTM_NEWROUTE, flags, &body);
    route.attr(RTA_DST, &RANGE).attr_u32(RTA_OIF, index)
}
