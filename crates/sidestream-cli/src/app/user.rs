//! For whom the program works when it has root's rights: who stands behind `sudo`, or root.

use sidestream::os::{self, Caller, DropError};

/// For whom the program works.
#[derive(Debug)]
pub(super) struct User(Option<Caller>);

impl User {
    /// Finds who stands behind `sudo`, if anybody does, and takes over the folders of that user.
    /// To be called before there are threads, and before a file of the user's is looked for.
    pub(super) fn adopt() -> anyhow::Result<Self> {
        let caller = os::sudo_caller();
        if let Some(caller) = &caller {
            os::adopt_environment(caller)?;
        }
        Ok(Self(caller))
    }

    /// Returns whether somebody stands behind `sudo`.
    pub(super) fn is_another(&self) -> bool {
        self.0.is_some()
    }

    /// Becomes that user, with no right beyond that user's, for good. Root stays root, and loses
    /// its capabilities.
    pub(super) fn become_it(&self) -> anyhow::Result<()> {
        let (uid, gid) = self.0.as_ref().map_or((0, 0), |caller| (caller.uid, caller.gid));
        match os::drop_privileges(uid, gid) {
            Err(DropError::NotRoot) => Ok(()),
            dropped => Ok(dropped?),
        }
    }
}
