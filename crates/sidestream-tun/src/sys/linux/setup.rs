//! Makes a device what was asked for, and remembers how to undo that.

use std::io;
use std::thread;
use std::time::Duration;

use super::link::{self, Link};
use super::netlink::{Message, Netlink};
use super::restore::Restore;
use super::sysctl::Sysctl;
use crate::builder::{Builder, Prefix};
use crate::{OpenError, Setting};

/// The MTU of a new device: the most that leaves room for a header before the packet in 64 KiB.
const MTU: u32 = 65_520;

/// How long an address is waited for: as long as it takes the kernel on a machine that is busy.
const WAIT: Duration = Duration::from_millis(1);
const WAITS: u32 = 1000;

/// Everything that was done to a device; a persistent one is put back on drop.
#[derive(Debug)]
pub(super) struct Setup {
    netlink: Netlink,
    restore: Option<Restore>,
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Some(restore) = self.restore.take() {
            restore.run(&self.netlink);
        }
    }
}

impl Setup {
    pub(super) fn new(netlink: Netlink, restore: Option<Restore>) -> Self {
        Self { netlink, restore }
    }

    pub(super) fn restore(&mut self) -> Option<&mut Restore> {
        self.restore.as_mut()
    }

    /// Makes a persistent device quiet where this user may: the kernel begins to speak on one
    /// that is up as soon as it is opened.
    pub(super) fn quiet_before_open(&mut self) {
        let Some(restore) = &self.restore else { return };
        let (name, found) = (restore.name.clone(), restore.found.clone());
        self.quiet(&name, &found);
    }

    fn quiet(&mut self, name: &str, link: &Link) {
        // Whoever made the device decides where this user may not.
        if let Err(error) = self.netlink.request(link::quiet(link)) {
            tracing::debug!(name, %error, "device not made quiet");
        }
        // Often a container has these switches for reading only; without an address of its own
        // the kernel asks for no router either.
        if let Err(error) = self.switch(name, "accept_ra", "0") {
            tracing::debug!(name, %error, "router advertisements not switched off");
        }
    }

    /// Applies what is wanted, step by step, and returns what has become of the device.
    pub(super) fn apply(&mut self, name: &str, wanted: &Builder) -> Result<Link, OpenError> {
        let link = self.find(name)?;
        let new = self.restore.is_none();
        if new {
            self.quiet(name, &link);
        }
        let (index, mtu) = (link.index, wanted.mtu.or(if new { Some(MTU) } else { None }));
        if let Some(mtu) = mtu.filter(|mtu| *mtu != link.mtu) {
            let setting = Setting::Mtu(mtu);
            self.request(name, setting, link::set_mtu(index, mtu))?;
        }
        for &address in &wanted.addresses {
            self.add_address(name, index, address)?;
        }
        if link.flags & libc::IFF_UP as u32 == 0 {
            self.request(name, Setting::Up, link::up(index))?;
        }
        for &address in &wanted.addresses {
            self.wait_for(index, address)?;
        }
        for &route in &wanted.routes {
            self.add_route(name, index, route)?;
        }
        self.find(name)
    }

    fn find(&self, name: &str) -> Result<Link, OpenError> {
        let link = link::find(&self.netlink, name)?;
        link.ok_or_else(|| OpenError::System(io::Error::from_raw_os_error(libc::ENODEV)))
    }

    fn add_address(&mut self, name: &str, index: u32, it: Prefix) -> Result<(), OpenError> {
        if link::addresses(&self.netlink, index)?.contains(&it) {
            return Ok(());
        }
        let setting = Setting::Address(it.0, it.1);
        self.allow(name, setting, it)?;
        self.request(name, setting, link::own_address(index, it))?;
        self.undo_by(link::address(libc::RTM_DELADDR, index, it));
        Ok(())
    }

    /// Waits until an address of IPv6 receives, which the kernel sees to in a while of its own.
    fn wait_for(&self, index: u32, (ip, _): Prefix) -> io::Result<()> {
        let (local, host) = (libc::RT_TABLE_LOCAL, (ip, 128));
        for _ in 0..WAITS {
            if ip.is_ipv4() || link::has_route(&self.netlink, local, index, host)? {
                return Ok(());
            }
            thread::sleep(WAIT);
        }
        tracing::debug!(%ip, "address not ready yet");
        Ok(())
    }

    fn add_route(&mut self, name: &str, index: u32, it: Prefix) -> Result<(), OpenError> {
        if link::has_route(&self.netlink, libc::RT_TABLE_MAIN, index, it)? {
            return Ok(());
        }
        let setting = Setting::Route(it.0, it.1);
        self.allow(name, setting, it)?;
        self.request(name, setting, link::route(libc::RTM_NEWROUTE, index, it))?;
        self.undo_by(link::route(libc::RTM_DELROUTE, index, it));
        Ok(())
    }

    /// Devices may be born without IPv6, be it only that others are given it one by one.
    fn allow(&mut self, name: &str, setting: Setting, it: Prefix) -> Result<(), OpenError> {
        if it.0.is_ipv4() {
            return Ok(());
        }
        let allowed = self.switch(name, "disable_ipv6", "0");
        allowed.map_err(|source| refused(name, setting, source))
    }

    fn undo_by(&mut self, message: Message) {
        if let Some(restore) = &mut self.restore {
            restore.added.push(message);
        }
    }

    fn request(&self, name: &str, setting: Setting, message: Message) -> Result<(), OpenError> {
        self.netlink.request(message).map_err(|source| refused(name, setting, source))
    }

    fn switch(&mut self, name: &str, switch: &str, value: &str) -> io::Result<()> {
        let set = Sysctl::set(name, switch, value)?;
        if let (Some(restore), Some(set)) = (&mut self.restore, set) {
            restore.sysctls.push(set);
        }
        Ok(())
    }
}

fn refused(name: &str, setting: Setting, source: io::Error) -> OpenError {
    let name = name.to_owned();
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES | libc::EROFS) => {
            OpenError::Setup { name, setting, source }
        }
        _ => OpenError::Refused { name, setting, source },
    }
}
