//! Linux: one descriptor of /dev/net/tun a queue, and netlink for all else.

mod header;
mod ioctl;
mod link;
mod netlink;
mod queue;
mod restore;
mod setup;
mod sysctl;

use std::io;
use std::os::fd::OwnedFd;

use sidestream_capture::PacketProperties;

use self::ioctl::{Agreed, Form};
use self::link::Link;
use self::netlink::Netlink;
use self::restore::Restore;
use self::setup::Setup;
use crate::sys::Opened;
use crate::{Builder, Losses, OpenError};

pub(crate) use self::queue::Queue;

/// The name of a device that was not given any; the kernel puts a number for the last two letters.
const TEMPLATE: &str = "sidestream%d";

const FLAGS: i32 = libc::IFF_NO_PI | libc::IFF_VNET_HDR;

/// What the queues of a device share; dropped last.
#[derive(Debug)]
pub(crate) struct Device {
    name: String,
    index: u32,
    properties: PacketProperties,
    losses: Losses,
    _setup: Setup,
}

impl Device {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn properties(&self) -> PacketProperties {
        self.properties
    }

    pub(crate) fn losses(&self) -> &Losses {
        &self.losses
    }
}

/// Opens a device; see [`Builder::open`].
pub(crate) fn open(wanted: &Builder) -> Result<Opened, OpenError> {
    let netlink = Netlink::open()?;
    let found = find(&netlink, wanted)?;
    let spare = door()?;
    let restore = match (found, &wanted.name) {
        (Some(found), Some(name)) => {
            let addresses = link::addresses(&netlink, found.index)?;
            Some(Restore::new(name.clone(), found, addresses, spare))
        }
        _ => None,
    };
    let mut setup = Setup::new(netlink, restore);
    setup.quiet_before_open();
    // Declared after the setup, the queues are closed before it puts anything back.
    let (name, queues) = attach(wanted, setup.restore())?;
    let agreed = form(&queues[0], wanted.offloads, setup.restore())?;
    let link = setup.apply(&name, wanted)?;
    tracing::debug!(name, link.index, link.mtu, ?agreed, "device opened");
    let (index, properties) = (link.index, properties(link.mtu, agreed));
    let device = Device { name, index, properties, losses: Losses::default(), _setup: setup };
    Ok(Opened { device, queues: queues.into_iter().map(Queue::from).collect() })
}

/// Looks for a persistent device of the name that is wanted, and whether it can be had.
fn find(netlink: &Netlink, wanted: &Builder) -> Result<Option<Link>, OpenError> {
    let Some(name) = wanted.name.clone() else { return Ok(None) };
    let Some(link) = link::find(netlink, &name)? else { return Ok(None) };
    match link.tun {
        None => Err(OpenError::NotTun { name }),
        // Further queues would take packets away from whoever has it open.
        Some(tun) if tun.queues > 0 || !tun.persistent => Err(OpenError::Busy { name }),
        Some(tun) if wanted.queues > 1 && !tun.multi_queue => Err(OpenError::SingleQueue { name }),
        Some(_) => Ok(Some(link)),
    }
}

fn door() -> Result<OwnedFd, OpenError> {
    ioctl::open().map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => OpenError::NoTun(error),
        Some(libc::EPERM | libc::EACCES) => OpenError::Closed(error),
        _ => OpenError::System(error),
    })
}

/// Opens all queues of a device, of which the first makes it if it is new.
fn attach(
    wanted: &Builder,
    restore: Option<&mut Restore>,
) -> Result<(String, Vec<OwnedFd>), OpenError> {
    let found = restore.and_then(|restore| restore.found.tun);
    let multi = found.map_or(wanted.queues > 1, |tun| tun.multi_queue);
    let flags = FLAGS | if multi { libc::IFF_MULTI_QUEUE } else { 0 };
    let excl = if found.is_some() { 0 } else { libc::IFF_TUN_EXCL };
    let asked = wanted.name.as_deref().unwrap_or(TEMPLATE);
    let first = door()?;
    let name = ioctl::attach(&first, asked, flags | excl).map_err(|source| {
        let name = asked.to_owned();
        match source.raw_os_error() {
            Some(libc::EPERM) if found.is_some() => OpenError::NotOwner { name, source },
            Some(libc::EPERM) => {
                OpenError::Forbidden { user: rustix::process::geteuid().as_raw(), source }
            }
            Some(libc::EBUSY) => OpenError::Busy { name },
            _ => OpenError::System(source),
        }
    })?;
    let mut queues = vec![first];
    for _further in 1..wanted.queues {
        let queue = door()?;
        ioctl::attach(&queue, &name, flags)?;
        queues.push(queue);
    }
    Ok((name, queues))
}

/// Agrees with the kernel on headers and offloads, which all queues share.
fn form(queue: &OwnedFd, offloads: bool, restore: Option<&mut Restore>) -> io::Result<Agreed> {
    if let Some(restore) = restore {
        restore.form = Some(Form::of(queue)?);
    }
    Form { len: header::LEN as i32, little_endian: 1 }.set(queue)?;
    ioctl::agree(queue, offloads)
}

fn properties(mtu: u32, agreed: Agreed) -> PacketProperties {
    PacketProperties {
        mtu: mtu as usize,
        checksums: agreed.checksums,
        segmented: if agreed.segments { queue::LARGEST } else { 0 },
        segmented_udp: agreed.udp_segments,
    }
}
