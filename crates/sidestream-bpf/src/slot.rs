//! The fake addresses, each of which is the id of a diverted connection.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The id of a diverted connection, and with it a fake address of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u32);

/// 127.64.0.0/10.
const RANGE_V4: u32 = 0x7f40_0000;
/// fd73:6473::/32.
const RANGE_V6: u128 = 0xfd73_6473 << 96;
const MASK: u32 = 0x003f_ffff;

impl Slot {
    /// Makes a slot out of the lowest 22 bits of `id`.
    pub const fn new(id: u32) -> Self {
        Self(id & MASK)
    }

    /// Reads a slot out of a fake address: IPv4, IPv6, or IPv4 mapped into IPv6.
    pub fn of(addr: SocketAddr) -> Option<Self> {
        match addr.ip().to_canonical() {
            IpAddr::V4(addr) => {
                let bits = addr.to_bits();
                (bits & !MASK == RANGE_V4).then_some(Self(bits & MASK))
            }
            IpAddr::V6(addr) => {
                let bits = addr.to_bits() ^ RANGE_V6;
                u32::try_from(bits).ok().filter(|id| id & !MASK == 0).map(Self)
            }
        }
    }

    /// Returns the number of the slot, less than 2²².
    pub const fn id(self) -> u32 {
        self.0
    }

    /// Returns the fake address in IPv4, out of 127.64.0.0/10.
    pub const fn v4(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(RANGE_V4 | self.0))
    }

    /// Returns the fake address in IPv6, out of fd73:6473::/32.
    pub const fn v6(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from_bits(RANGE_V6 | self.0 as u128))
    }
}

/// A fake address that a process connects to in order to say that it is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Knock {
    pub(crate) slot: Slot,
    pub(crate) port: u16,
}

impl Knock {
    /// Makes a knock out of a secret; 37 of its bits matter.
    pub const fn new(secret: u64) -> Self {
        // Ports from 32,768 on need no right, and 0 is none.
        Self { slot: Slot::new((secret >> 16) as u32), port: secret as u16 | 0x8000 }
    }

    /// Makes a knock that nobody can guess in time.
    pub fn random() -> Self {
        Self::new(RandomState::new().build_hasher().finish())
    }

    /// Returns the address to connect to, which is in IPv4; the connection is always refused.
    pub const fn addr(self) -> SocketAddr {
        SocketAddr::new(self.slot.v4(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_slots_out_of_fake_addresses_only() {
        let check = |addr: &str, expected: Option<u32>| {
            assert_eq!(Slot::of(addr.parse().unwrap()).map(Slot::id), expected, "{addr}");
        };
        check("127.64.0.0:1", Some(0));
        check("127.127.255.255:1", Some(0x3f_ffff));
        check("[::ffff:127.64.0.7]:1", Some(7));
        check("[fd73:6473::3f:ffff]:1", Some(0x3f_ffff));
        check("127.63.255.255:1", None);
        check("127.128.0.0:1", None);
        check("[fd73:6473::40:0]:1", None);
        check("[fd73:6473:0:1::1]:1", None);
        check("[fd73:6474::1]:1", None);
        check("[::127.64.0.1]:1", None);
    }

    #[test]
    fn writes_the_addresses_that_it_reads() {
        for id in [0, 1, 0x12_3456, 0x3f_ffff] {
            let slot = Slot::new(id);
            assert_eq!(Slot::of((slot.v4(), 1).into()), Some(slot));
            assert_eq!(Slot::of((slot.v6(), 1).into()), Some(slot));
        }
        assert_eq!(Slot::new(0xffff_ffff), Slot::new(0x3f_ffff));
    }

    #[test]
    fn knocks_at_ports_that_need_no_right() {
        for secret in [0, u64::MAX, 0x1234_5678_9abc_def0] {
            let addr = Knock::new(secret).addr();
            assert!(addr.port() >= 0x8000 && Slot::of(addr).is_some(), "{addr}");
        }
    }
}
