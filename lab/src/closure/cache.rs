//! Archives that are kept, named by what is in them.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::{Closure, Content, Kind};

impl Closure {
    /// Returns a name for all that is in it. Files of this machine count by place, length and
    /// time, as for `make`.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        for entry in self.entries() {
            hash.update(format!("{}\0{:o}\0{}\0", entry.path, entry.mode, entry.mtime));
            match &entry.kind {
                Kind::File(Content::Bytes(bytes)) => {
                    hash.update(bytes.len().to_le_bytes());
                    hash.update(bytes);
                }
                other => hash.update(format!("{other:?}\0")),
            }
        }
        hash.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns a cpio archive of it in this folder, and writes it only where there is none yet.
    ///
    /// # Errors
    ///
    /// As [`Closure::write_cpio`].
    pub fn cpio_in(&self, folder: &Path) -> Result<PathBuf> {
        self.kept(folder, "cpio", |to| self.write_cpio(to))
    }

    /// Returns a tar archive of it in this folder, and writes it only where there is none yet.
    ///
    /// # Errors
    ///
    /// As [`Closure::write_tar`].
    pub fn tar_in(&self, folder: &Path) -> Result<PathBuf> {
        self.kept(folder, "tar", |to| self.write_tar(to))
    }

    fn kept(
        &self,
        folder: &Path,
        kind: &str,
        write: impl FnOnce(BufWriter<&File>) -> Result<()>,
    ) -> Result<PathBuf> {
        let path = folder.join(format!("{}.{kind}", self.key()));
        if path.exists() {
            return Ok(path);
        }
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        // Whole or not at all, also when two write it at once.
        let part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder)?;
        write(BufWriter::with_capacity(1 << 20, part.as_file()))?;
        part.persist(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}
