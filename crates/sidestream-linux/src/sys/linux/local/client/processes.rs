//! The processes that flows name.

use std::collections::HashMap;
use std::sync::Arc;

use sidestream_flow::Process;
use sidestream_ipc::ProcessRecord;
use sidestream_process::Packages;

/// The records of the helper, joined to their parents, and to the packages of their programs.
#[derive(Debug, Default)]
pub(super) struct Processes {
    kept: HashMap<u64, Arc<Process>>,
    packages: Packages,
}

impl Processes {
    /// Keeps a record under its key.
    pub(super) fn insert(&mut self, record: ProcessRecord) {
        let ProcessRecord { key, parent, mut process } = record;
        process.parent = parent.and_then(|parent| self.get(parent));
        if process.package.is_none() {
            // Asked for now, so that it is known when the program is met again.
            process.package = self.packages.known_owner_of(&process).flatten();
        }
        self.kept.insert(key, Arc::new(process));
    }

    /// Returns the process with that key, with its package if that has become known.
    pub(super) fn get(&mut self, key: u64) -> Option<Arc<Process>> {
        let process = self.kept.get_mut(&key)?;
        if process.package.is_none()
            && let Some(Some(package)) = self.packages.known_owner_of(process)
        {
            // Flows that were yielded keep the record as it was.
            Arc::make_mut(process).package = Some(package);
        }
        Some(Arc::clone(process))
    }

    /// Forgets a process that no flow will name again.
    pub(super) fn remove(&mut self, key: u64) {
        self.kept.remove(&key);
    }
}
