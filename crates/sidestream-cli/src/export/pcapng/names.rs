//! Names of addresses, told once.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sidestream::pcapng::Writer;

/// The addresses that stand for ours, which are not recorded: nobody has them (RFC 5737,
/// RFC 3849).
const OWN: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// How many names are remembered; beyond that they may be told again.
const MAX_TOLD: usize = 65_536;

/// Returns the address of ours that stands opposite that one.
pub(super) const fn own(opposite: IpAddr) -> IpAddr {
    match opposite {
        IpAddr::V4(_) => IpAddr::V4(OWN.0),
        IpAddr::V6(_) => IpAddr::V6(OWN.1),
    }
}

/// Which names were told.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<IpAddr, String>);

impl Names {
    /// Names the addresses that stand for ours.
    pub(super) fn own<W: Write>(&mut self, to: &mut Writer<W>) -> io::Result<()> {
        self.name(OWN.0.into(), "sidestream", to)?;
        self.name(OWN.1.into(), "sidestream", to)
    }

    /// Names an address, unless that is its name already.
    pub(super) fn name<W: Write>(
        &mut self,
        addr: IpAddr,
        name: &str,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        let is_address = name.parse::<IpAddr>().is_ok();
        if is_address || addr.is_unspecified() || self.0.get(&addr).is_some_and(|told| told == name)
        {
            return Ok(());
        }
        if self.0.len() >= MAX_TOLD {
            self.0.clear();
        }
        self.0.insert(addr, name.to_owned());
        to.name(addr, &[name])
    }
}
