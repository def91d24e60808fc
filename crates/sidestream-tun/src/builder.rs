//! Says which device is wanted.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::sys;
use crate::{NameError, OpenError, Tun};

/// The longest name of a device, in bytes.
const NAME_LEN: usize = 15;
/// The most queues that Linux gives a device.
const QUEUES: usize = 256;
/// The most that a TUN device takes.
const MTU: u32 = 65_535;
/// RFC 791 §3.2.
const MTU_V4: u32 = 68;
/// RFC 8200 §5.
const MTU_V6: u32 = 1280;

/// An address and how many of its bits count.
pub(crate) type Prefix = (IpAddr, u8);

/// Says which device is wanted, and opens it.
///
/// Without a word more it is a new device with one queue, an MTU of 65520 and a name that the
/// kernel chooses, up, without an address. On macOS the MTU is then what the kernel chooses, on
/// Windows 65535, and neither takes more than a name and an MTU.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    pub(crate) name: Option<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) queues: usize,
    pub(crate) offloads: bool,
    pub(crate) addresses: Vec<Prefix>,
    pub(crate) routes: Vec<Prefix>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: None,
            mtu: None,
            queues: 1,
            offloads: true,
            addresses: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Builder {
    /// Names the device: a persistent one that is there already, else a new one. On macOS it is
    /// `utun` and a number, on Windows one that no other interface has.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the MTU, in bytes; 65520 for a new device by default on Linux, and as it is for a
    /// persistent one.
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// Sets how many queues the device has, over which the kernel spreads its flows; one by
    /// default.
    pub fn queues(mut self, queues: usize) -> Self {
        self.queues = queues;
        self
    }

    /// Chooses whether the kernel may leave checksums and segmentation to the receiver, as it
    /// does by default.
    pub fn offloads(mut self, offloads: bool) -> Self {
        self.offloads = offloads;
        self
    }

    /// Adds an address, which is this machine's; the rest of its prefix is reached through the
    /// device.
    pub fn address(mut self, address: impl Into<IpAddr>, prefix_len: u8) -> Self {
        self.addresses.push((address.into(), prefix_len));
        self
    }

    /// Adds a route through the device, to all addresses that begin with the first `prefix_len`
    /// bits of this one.
    pub fn route(mut self, destination: impl Into<IpAddr>, prefix_len: u8) -> Self {
        self.routes.push((masked(destination.into(), prefix_len), prefix_len));
        self
    }

    /// Opens the device in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// See [`OpenError`], which says for each case what to do about it.
    pub fn open(self) -> Result<Tun, OpenError> {
        self.check()?;
        sys::open(&self).map(Tun::new)
    }

    /// Refuses what no system could give.
    fn check(&self) -> Result<(), OpenError> {
        if let Some(name) = &self.name {
            let named = |source| OpenError::Name { name: name.clone(), source };
            check_name(name).map_err(named)?;
        }
        if !(1..=QUEUES).contains(&self.queues) {
            return Err(OpenError::Queues { queues: self.queues });
        }
        for &(address, prefix_len) in self.prefixes() {
            if prefix_len > bits(address) {
                return Err(OpenError::Prefix { address, prefix_len });
            }
        }
        let v6 = self.prefixes().any(|(address, _)| address.is_ipv6());
        let min = if v6 { MTU_V6 } else { MTU_V4 };
        match self.mtu {
            Some(mtu) if !(min..=MTU).contains(&mtu) => Err(OpenError::Mtu { mtu, min }),
            _ => Ok(()),
        }
    }

    fn prefixes(&self) -> impl Iterator<Item = &Prefix> {
        self.addresses.iter().chain(&self.routes)
    }
}

/// Checks a name as Linux does, and that it is none of its templates either.
fn check_name(name: &str) -> Result<(), NameError> {
    let wrong = |&c: &char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '%');
    match name {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Folder),
        _ if name.len() > NAME_LEN => Err(NameError::TooLong(name.len())),
        _ => name.chars().find(wrong).map_or(Ok(()), |c| Err(NameError::Character(c))),
    }
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Clears the bits that are no part of a prefix, which no kernel takes in a route.
fn masked(address: IpAddr, prefix_len: u8) -> IpAddr {
    let host = u32::from(bits(address).saturating_sub(prefix_len));
    match address {
        IpAddr::V4(ip) => {
            let kept = u32::MAX.checked_shl(host).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & kept).into())
        }
        IpAddr::V6(ip) => {
            let kept = u128::MAX.checked_shl(host).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & kept).into())
        }
    }
}
