//! Settings in a TOML file.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Layer, OwnCert};

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, or has a key that is not known.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: Box<toml::de::Error>,
    },
}

/// Returns where the file lies unless the user says otherwise.
pub fn default_path(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    crate::folder::config(env).map(|folder| folder.join("config.toml"))
}

/// Reads a file. One that is not there says nothing, unless it was asked for by name.
///
/// Relative paths in it begin where the file lies.
///
/// # Errors
///
/// It cannot be read or understood.
pub fn read(path: &Path, was_named: bool) -> Result<Layer, FileError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // A folder that may not be looked into, as that of another user, holds nothing for us.
        Err(error) if !was_named && is_absent(&error) => return Ok(Layer::default()),
        Err(source) => return Err(FileError::Read { path: path.to_owned(), source }),
    };
    let layer: Layer = toml::from_str(&text)
        .map_err(|source| FileError::Parse { path: path.to_owned(), source: Box::new(source) })?;
    Ok(from_folder(layer, path.parent().unwrap_or_else(|| Path::new(""))))
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::NotFound | Kind::NotADirectory | Kind::PermissionDenied)
}

fn from_folder(layer: Layer, folder: &Path) -> Layer {
    let place = |path: PathBuf| folder.join(path);
    let place_own = |own: OwnCert| OwnCert { path: place(own.path), ..own };
    Layer {
        ca: layer.ca.map(|paths| paths.into_iter().map(place).collect()),
        certs: layer.certs.map(|certs| certs.into_iter().map(place_own).collect()),
        client_certs: layer.client_certs.map(place),
        confdir: layer.confdir.map(place),
        json: layer.json.map(place),
        proto_dir: layer.proto_dir.map(place),
        session: layer.session.map(place),
        spec_file: layer.spec_file.map(place),
        ssl_key_log_file: layer.ssl_key_log_file.map(place),
        ..layer
    }
}
