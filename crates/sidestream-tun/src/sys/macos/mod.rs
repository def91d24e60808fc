//! macOS: one socket of the kernel's control `utun` a device.

mod control;
mod interface;
mod queue;

use std::io;

use self::interface::Interface;
use crate::sys::{Opened, plain, utun};
use crate::{Builder, OpenError, Setting};

pub(crate) use self::queue::Queue;
pub(crate) use crate::sys::device::Device;

/// Opens a device; see [`Builder::open`].
pub(crate) fn open(wanted: &Builder) -> Result<Opened, OpenError> {
    plain::check(wanted)?;
    let asked = wanted.name.as_deref();
    let unit = utun::unit(asked).map_err(|source| {
        let name = asked.unwrap_or_default().to_owned();
        OpenError::Name { name, source }
    })?;
    let socket = control::connect(unit).map_err(|source| match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => OpenError::NoRight(source),
        Some(libc::EBUSY) => OpenError::Busy { name: asked.unwrap_or("utun").to_owned() },
        _ => OpenError::System(source),
    })?;
    let name = control::name(&socket)?;
    let interface = Interface::new(&name)?;
    let refused = |setting| {
        let name = name.clone();
        move |source: io::Error| OpenError::Refused { name, setting, source }
    };
    if let Some(mtu) = wanted.mtu {
        interface.set_mtu(mtu).map_err(refused(Setting::Mtu(mtu)))?;
    }
    interface.up().map_err(refused(Setting::Up))?;
    let (index, mtu) = (interface.index()?, interface.mtu()?);
    tracing::debug!(name, index, mtu, "device opened");
    let device = Device::new(name, index, mtu);
    Ok(Opened { device, queues: vec![Queue::from(socket)] })
}
