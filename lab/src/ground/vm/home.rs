//! Where a run of virtual machines has its files: a folder that goes with it, or with the next run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of one run.
#[derive(Debug)]
pub(super) struct Home {
    /// Where it is.
    pub(super) folder: PathBuf,
    /// Locked for as long as the run and all that it started have it open.
    pub(super) lock: File,
}

impl Home {
    /// Makes one in a folder of such; what runs left that were killed goes first and is told.
    pub(super) fn make(homes: &Path) -> Result<(Self, Vec<String>)> {
        fs::create_dir_all(homes).with_context(|| format!("making {}", homes.display()))?;
        // Else one could remove what another has made and not locked yet.
        let all = File::create(homes.join("lock"))?;
        all.lock()?;
        let swept = sweep(homes)?;
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(homes)?.keep();
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        Ok((Self { folder, lock }, swept))
    }

    /// Makes a folder in it.
    pub(super) fn join(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed now, the next run removes.
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders of runs of which nothing lives.
fn sweep(homes: &Path) -> Result<Vec<String>> {
    let mut swept = Vec::new();
    for entry in fs::read_dir(homes)?.flatten() {
        let lock = File::open(entry.path().join("lock"));
        let is_home = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_home && lock.map_or(true, |lock| lock.try_lock().is_ok()) {
            fs::remove_dir_all(entry.path())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            swept.push(format!("removed what a killed lab had left of its machines: {name}"));
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_goes_and_what_lives_stays() {
        let homes = tempfile::tempdir().unwrap();
        let (alive, swept) = Home::make(homes.path()).unwrap();
        assert_eq!(swept, Vec::<String>::new());
        fs::create_dir(homes.path().join("run-dead")).unwrap();
        File::create(homes.path().join("run-dead/lock")).unwrap();
        let (other, swept) = Home::make(homes.path()).unwrap();
        assert_eq!(swept, ["removed what a killed lab had left of its machines: run-dead"]);
        assert!(alive.folder.exists() && other.folder.exists() && alive.folder != other.folder);
        let gone = other.folder.clone();
        drop(other);
        assert!(!gone.exists());
    }
}
