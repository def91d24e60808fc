//! The privileged helper: where it is, how it gets its rights, and installing it.

mod install;
mod status;

use std::path::Path;

pub use install::{InstallError, InstallOptions, Report, Step};
pub use status::{Rights, Status};

pub(crate) use status::GET_ONE;

use crate::sys;

/// The name of the helper's executable.
pub const NAME: &str = "sidestream-helper";

/// Where the helper is installed.
pub const INSTALLED: &str = "/usr/local/libexec/sidestream-helper";

/// The group whose members may run an installed helper.
pub const GROUP: &str = "sidestream";

/// Finds the helper and tells how it would get its rights; nothing is started.
pub fn status() -> Status {
    sys::helper_status()
}

/// Installs the helper with the capabilities that it needs, so that members of its group need
/// neither root nor a password; done again, it changes only what differs.
///
/// # Errors
///
/// The caller is not root, or the system refused a step; what was there before is as it was, save
/// that a group or a folder may have been made.
pub fn install(options: &InstallOptions) -> Result<Report, InstallError> {
    sys::install(options)
}

/// Removes an installed helper; its group stays, as files may belong to it.
///
/// # Errors
///
/// The caller is not root, or the system refused.
pub fn uninstall(at: &Path) -> Result<Report, InstallError> {
    sys::uninstall(at)
}
