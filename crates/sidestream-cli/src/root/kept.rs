//! The files of the root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sidestream::ca::Authority;

use super::{RootError, generate, provider};
use crate::whole::{self, Unfinished};

/// The folder in which a root is kept.
///
/// One file holds the certificate and its key, so that there is never one without the other;
/// a copy of the certificate alone is what others are pointed to.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Names the folder; nothing is touched.
    pub fn new(folder: &Path) -> Self {
        Self { folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()) }
    }

    /// Returns where the certificate and its key are: for nobody else to read.
    pub fn key_path(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// Returns where the certificate is: for others to trust.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join("root-cert.pem")
    }

    /// Returns whether others than the owner could read the key.
    pub fn is_exposed(&self) -> bool {
        fs::metadata(self.key_path()).is_ok_and(|metadata| is_exposed(&metadata))
    }

    /// Removes what a killed process has left unfinished.
    pub fn sweep(&self) {
        drop(whole::sweep(&self.folder));
    }

    /// Reads the root, or makes it. Two processes that do so at once get the same one.
    ///
    /// # Errors
    ///
    /// The folder cannot be written, or what lies in it is no root.
    pub fn read_or_make(&self) -> Result<Authority, RootError> {
        self.sweep();
        let authority = match self.read()? {
            Some(authority) => authority,
            None => self.make()?,
        };
        let pem = authority.certificate_pem();
        let path = self.certificate_path();
        if fs::read_to_string(&path).ok().as_deref() != Some(&pem) {
            // A folder that can be read and not written to serves without the copy.
            _ = self.write_certificate(&path, &pem);
        }
        Ok(authority)
    }

    /// Reads the root; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is something else.
    pub fn read(&self) -> Result<Option<Authority>, RootError> {
        let path = self.key_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(source) => return Err(RootError::NotReadable { path, source }),
        };
        match Authority::from_pem(&text, &text, &provider()) {
            Ok(authority) => Ok(Some(authority)),
            Err(source) => Err(RootError::NotARoot { path, source }),
        }
    }

    fn make(&self) -> Result<Authority, RootError> {
        let authority = generate()?;
        let text = format!("{}{}", authority.certificate_pem(), authority.key_pem());
        match self.put_key(&text) {
            Ok(()) => Ok(authority),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Another process was faster; its root is the one.
                let vanished = || RootError::NotReadable { path: self.key_path(), source: error };
                self.read()?.ok_or_else(vanished)
            }
            Err(source) => Err(RootError::NotWritable { path: self.folder.clone(), source }),
        }
    }

    /// Puts the key where it belongs, whole or not at all, unless there is one already.
    fn put_key(&self, text: &str) -> io::Result<()> {
        create_private_folder(&self.folder)?;
        Unfinished::write(&self.folder, text.as_bytes())?.put(&self.key_path())
    }

    fn write_certificate(&self, path: &Path, pem: &str) -> io::Result<()> {
        let file = Unfinished::write(&self.folder, pem.as_bytes())?;
        make_public(file.as_file())?;
        file.replace(path)
    }
}

/// A folder that may not be looked into holds no root that could be used.
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::NotFound | Kind::NotADirectory)
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn make_public(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_public(_: &fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_exposed(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_exposed(_: &fs::Metadata) -> bool {
    false
}
