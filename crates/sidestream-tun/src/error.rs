//! Why a TUN device was not opened.

use std::net::IpAddr;
use std::{fmt, io};

/// Why a TUN device was not opened. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no driver for this system.
    #[error("TUN devices are not on this system, use another mode or run it on Linux")]
    Unsupported,
    /// This user may make no device: macOS and Windows.
    #[error("no right to make a network device, run as root, on Windows as administrator")]
    NoRight(#[source] io::Error),
    /// Windows cannot load Wintun, which makes its devices and is somebody else's.
    #[error(
        "no wintun.dll beside the program that could be loaded, get it from https://www.wintun.net \
         and put the one for this processor there"
    )]
    NoWintun(#[source] io::Error),
    /// Wintun is of another version.
    #[error("wintun.dll has no {function}, get 0.14 or a later one from https://www.wintun.net")]
    OldWintun {
        /// What it lacks.
        function: &'static str,
        /// What Windows said.
        source: io::Error,
    },
    /// A device of this system has one queue: macOS and Windows.
    #[error("a device has one queue on this system, ask for one and not for {queues}")]
    OneQueue {
        /// What was asked for.
        queues: usize,
    },
    /// The driver for this system leaves something to others: macOS and Windows.
    #[error(
        "the driver does not set {setting} on this system, leave it out and set it once the device \
         is open, with ifconfig, route or netsh"
    )]
    NotSettable {
        /// What was to be set.
        setting: Setting,
    },
    /// The kernel has no TUN devices, or not in this container.
    #[error("there is no /dev/net/tun, load the module `tun` or give the device to the container")]
    NoTun(#[source] io::Error),
    /// They are closed to this user.
    #[error("/dev/net/tun is closed to this user, run as root or have it opened: chmod 666")]
    Closed(#[source] io::Error),
    /// This user may make no device.
    #[error(
        "no right to make a network device, give CAP_NET_ADMIN or have root make one to be used \
         by its name: ip tuntap add dev NAME mode tun user {user}"
    )]
    Forbidden {
        /// The number of this user.
        user: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The device is another user's.
    #[error("{name} belongs to somebody else, choose another name or run as its owner")]
    NotOwner {
        /// The device.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Somebody has opened the device.
    #[error("{name} is in use, end the program that has opened it or choose another name")]
    Busy {
        /// The device.
        name: String,
    },
    /// The name belongs to a network device that is no TUN device.
    #[error("{name} is there and not a TUN device, choose another name")]
    NotTun {
        /// The device.
        name: String,
    },
    /// No network device can have that name.
    #[error("{name:?} cannot be the name of a device, choose another one")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// No TUN device has that MTU.
    #[error("no TUN device has an MTU of {mtu}, choose one from {min} to 65535")]
    Mtu {
        /// What was asked for.
        mtu: u32,
        /// The least that is possible: more with IPv6 than without.
        min: u32,
    },
    /// That many queues cannot be had.
    #[error("a TUN device cannot have {queues} queues, choose 1 to 256")]
    Queues {
        /// What was asked for.
        queues: usize,
    },
    /// The persistent device was made for a single queue.
    #[error("{name} has one queue, ask for one or have it made anew with `multi_queue`")]
    SingleQueue {
        /// The device.
        name: String,
    },
    /// A prefix is longer than its address.
    #[error("{address} has no prefix of {prefix_len} bits")]
    Prefix {
        /// The address.
        address: IpAddr,
        /// The length.
        prefix_len: u8,
    },
    /// This user may not set something that the persistent device lacks.
    #[error("no right to set {setting} of {name}, have root set it or give CAP_NET_ADMIN")]
    Setup {
        /// The device.
        name: String,
        /// What was to be set.
        setting: Setting,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel takes something not as it was asked for.
    #[error("cannot set {setting} of {name}, choose what nothing else on this machine has")]
    Refused {
        /// The device.
        name: String,
        /// What was to be set.
        setting: Setting,
        /// What the kernel said.
        source: io::Error,
    },
    /// The system refused something ordinary: a descriptor, memory.
    #[error("cannot open a TUN device")]
    System(#[from] io::Error),
}

/// Something about a device that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// An address, with the length of the prefix that is reached through the device.
    Address(IpAddr, u8),
    /// Its MTU.
    Mtu(u32),
    /// A route, to all addresses that begin with so many bits.
    Route(IpAddr, u8),
    /// That it is up.
    Up,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip, prefix_len) => write!(f, "the address {ip}/{prefix_len}"),
            Self::Mtu(mtu) => write!(f, "the MTU {mtu}"),
            Self::Route(ip, prefix_len) => write!(f, "the route {ip}/{prefix_len}"),
            Self::Up => f.write_str("the state `up`"),
        }
    }
}

/// What is wrong with the name of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A character has no place there.
    #[error("it has the character {0:?}")]
    Character(char),
    /// There is none.
    #[error("it is empty")]
    Empty,
    /// Folders are named so.
    #[error("it means a folder")]
    Folder,
    /// macOS names its devices itself.
    #[error("on macOS it is `utun` and a number, as utun7")]
    NotUtun,
    /// It does not fit.
    #[error("it has {0} bytes and may have 15")]
    TooLong(usize),
}
