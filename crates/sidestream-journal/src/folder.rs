//! Where journals are kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::FolderError;

/// Returns where changes to the machine are noted, below the folder that is `/` to it.
pub fn of_root(fs_root: &Path) -> PathBuf {
    fs_root.join("var/lib/sidestream/journal")
}

/// Returns where changes to what is the user's are noted.
///
/// # Errors
///
/// [`FolderError::NoHome`] if neither `XDG_STATE_HOME` nor `HOME` names a folder from `/`.
pub fn of_user(env: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, FolderError> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or(FolderError::NoHome)?;
    Ok(state.join("sidestream/journal"))
}
