//! Files that are written whole or not at all, of which a killed process leaves nothing for long.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// What the name of a file begins with that is not whole yet.
const PREFIX: &str = ".sidestream-new-";

/// A file that is not whole yet, its owner's alone (0600), in a folder that is ours meanwhile.
#[derive(Debug)]
pub struct Unfinished {
    file: NamedTempFile,
    _turn: Option<File>,
}

impl Unfinished {
    /// Writes a file beside where it belongs, and has it on the disk.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn write(folder: &Path, bytes: &[u8]) -> io::Result<Self> {
        let turn = sweep(folder);
        let mut file = Builder::new().prefix(PREFIX).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(Self { file, _turn: turn })
    }

    /// Returns the file.
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Puts it where it belongs, in place of what is there.
    ///
    /// # Errors
    ///
    /// The system refused.
    pub fn replace(self, path: &Path) -> io::Result<()> {
        self.file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Puts it where it belongs, unless something is there.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if something is there, or the system refused.
    pub fn put(self, path: &Path) -> io::Result<()> {
        self.file.persist_noclobber(path).map(drop).map_err(|error| error.error)
    }
}

/// Removes what a killed process has left unfinished in a folder, once nobody else writes there.
///
/// What is returned keeps others out; nothing where a folder cannot be locked, and so not swept.
pub fn sweep(folder: &Path) -> Option<File> {
    let turn = File::open(folder).ok()?;
    turn.lock().ok()?;
    for entry in fs::read_dir(folder).ok()?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // In a folder that is read-only, somebody else's turn will come.
            _ = fs::remove_file(entry.path());
        }
    }
    Some(turn)
}
