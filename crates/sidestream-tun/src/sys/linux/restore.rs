//! What puts a persistent device back.

use std::io;
use std::os::fd::OwnedFd;

use super::ioctl::{self, Form};
use super::link::{self, Link, TunInfo};
use super::netlink::{Message, Netlink};
use super::sysctl::Sysctl;
use crate::builder::Prefix;

/// Makes a persistent device on drop what it was before; by then no queue of it may be open.
#[derive(Debug)]
pub(super) struct Restore {
    pub(super) name: String,
    pub(super) found: Link,
    addresses: Vec<Prefix>,
    /// A descriptor that is no queue yet, from the same namespace as the device.
    spare: OwnedFd,
    /// The form of its headers, once it was ours.
    pub(super) form: Option<Form>,
    /// What undoes the additions, the last first.
    pub(super) added: Vec<Message>,
    pub(super) sysctls: Vec<Sysctl>,
}

impl Restore {
    pub(super) fn new(name: String, found: Link, addresses: Vec<Prefix>, spare: OwnedFd) -> Self {
        let (added, sysctls) = (Vec::new(), Vec::new());
        Self { name, found, addresses, spare, form: None, added, sysctls }
    }

    /// Puts the device back, as far as that can be done, and says in the log what cannot; no
    /// queue of it may be open.
    pub(super) fn run(mut self, netlink: &Netlink) {
        for undone in [self.reform(), self.undo(netlink), self.put_back(netlink)] {
            if let Err(error) = undone {
                tracing::warn!(name = self.name, %error, "device not put back");
            }
        }
    }

    /// Takes away what was added, the last first.
    fn undo(&mut self, netlink: &Netlink) -> io::Result<()> {
        let removed = self.added.drain(..).rev().map(|undoing| netlink.request(undoing));
        let switched = self.sysctls.drain(..).rev().map(Sysctl::put_back);
        // All of them are tried, whatever becomes of the first.
        let tried: Vec<_> = removed.chain(switched).collect();
        tried.into_iter().collect()
    }

    /// Undoes what was changed, and what became of that.
    fn put_back(&self, netlink: &Netlink) -> io::Result<()> {
        // It may have been removed since.
        let Some(now) = link::find(netlink, &self.name)? else { return Ok(()) };
        if now.index != self.found.index {
            return Ok(());
        }
        if differs(&now, &self.found) {
            netlink.request(link::put_back(&self.found))?;
        }
        let left = link::addresses(netlink, now.index)?;
        // A device that goes down loses its addresses of IPv6.
        for lost in self.addresses.iter().filter(|address| !left.contains(address)) {
            netlink.request(link::address(libc::RTM_NEWADDR, now.index, *lost))?;
        }
        Ok(())
    }

    /// Gives the device its flags back, which only somebody who opens it can do.
    fn reform(&self) -> io::Result<()> {
        let (Some(form), Some(tun)) = (self.form, self.found.tun) else { return Ok(()) };
        ioctl::attach(&self.spare, &self.name, flags(tun))?;
        ioctl::agree(&self.spare, false)?;
        form.set(&self.spare)
    }
}

/// The flags with which a device was opened, or made.
fn flags(tun: TunInfo) -> i32 {
    let of = |is, flag| if is { flag } else { 0 };
    of(!tun.packet_info, libc::IFF_NO_PI)
        | of(tun.vnet_header, libc::IFF_VNET_HDR)
        | of(tun.multi_queue, libc::IFF_MULTI_QUEUE)
}

/// Whether something of a device is not as it was, of what `put_back` changes.
fn differs(now: &Link, found: &Link) -> bool {
    let mask = (libc::IFF_UP | libc::IFF_MULTICAST) as u32;
    let of = |link: &Link| (link.flags & mask, link.mtu, link.addr_gen_mode);
    of(now) != of(found)
}
