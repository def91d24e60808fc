//! The switches of a device's IPv6, which netlink does not have.

use std::fs;
use std::io;
use std::path::PathBuf;

/// A switch that was set, and what it was before.
#[derive(Debug)]
pub(super) struct Sysctl {
    path: PathBuf,
    before: String,
}

impl Sysctl {
    /// Sets a switch of a device; `None` if it was so already, or is not there.
    pub(super) fn set(device: &str, switch: &str, value: &str) -> io::Result<Option<Self>> {
        let path = PathBuf::from(format!("/proc/sys/net/ipv6/conf/{device}/{switch}"));
        match fs::read_to_string(&path) {
            Ok(before) if before.trim() == value => Ok(None),
            Ok(before) => fs::write(&path, value).map(|()| Some(Self { path, before })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets it to what it was.
    pub(super) fn put_back(self) -> io::Result<()> {
        fs::write(self.path, self.before)
    }
}
