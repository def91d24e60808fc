//! Windows: an adapter of Wintun's, whose `wintun.dll` lies beside the program.

mod interface;
mod library;
mod queue;
mod session;
mod wait;

use std::io;

use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

use self::library::Wintun;
use self::session::{Adapter, Session};
use crate::sys::{Opened, plain};
use crate::{Builder, OpenError, Setting};

pub(crate) use self::queue::Queue;
pub(crate) use crate::sys::device::Device;

/// What a device that was not given a name begins with.
const NAME: &str = "sidestream";
/// How many names are tried for such a device.
const NAMES: u32 = 100;

/// Opens a device; see [`Builder::open`].
pub(crate) fn open(wanted: &Builder) -> Result<Opened, OpenError> {
    plain::check(wanted)?;
    let wintun = Wintun::load()?;
    let asked = match &wanted.name {
        Some(name) if interface::is_there(name) => {
            return Err(OpenError::Busy { name: name.clone() });
        }
        Some(name) => name.clone(),
        None => free().ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))?,
    };
    let adapter = Adapter::create(wintun, &asked).map_err(sorted)?;
    let luid = adapter.luid();
    // Somebody else may have taken the name meanwhile.
    let (name, index) = (interface::name(luid)?, interface::index(luid)?);
    if let Some(mtu) = wanted.mtu {
        let setting = Setting::Mtu(mtu);
        let refused = |source| OpenError::Refused { name: name.clone(), setting, source };
        interface::set_mtu(luid, mtu).map_err(refused)?;
    }
    let session = Session::start(adapter).map_err(sorted)?;
    let mtu = wanted.mtu.unwrap_or(plain::LARGEST as u32);
    tracing::debug!(name, index, mtu, "device opened");
    let device = Device::new(name, index, mtu);
    Ok(Opened { device, queues: vec![Queue::new(session)?] })
}

/// Looks for a name that no interface has.
fn free() -> Option<String> {
    (0..NAMES).map(|number| format!("{NAME}{number}")).find(|name| !interface::is_there(name))
}

fn sorted(error: io::Error) -> OpenError {
    match error.raw_os_error() {
        Some(code) if code == ERROR_ACCESS_DENIED as i32 => OpenError::NoRight(error),
        _ => OpenError::System(error),
    }
}
