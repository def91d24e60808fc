//! Files that rules name.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// How long a file may be that answers a request, or replaces something: 64 MiB.
pub(super) const MAX_FILE: u64 = 64 * 1024 * 1024;

/// What is there.
#[derive(Debug)]
pub(super) enum Found {
    File {
        path: PathBuf,
        content: Vec<u8>,
    },
    Nothing,
    /// It cannot be read, or is too long.
    Unreadable(io::Error),
}

/// Reads the first of the candidates that is a file below a directory, links followed; or the
/// file that stands there itself.
pub(super) fn find(root: &Path, candidates: &[PathBuf]) -> Found {
    if root.is_file() {
        return content(root.to_owned());
    }
    let Ok(root) = fs::canonicalize(root) else { return Found::Nothing };
    for candidate in candidates {
        // Links lead where they lead: what lies outside is not given away.
        let path = fs::canonicalize(root.join(candidate)).ok();
        if let Some(path) = path.filter(|path| path.starts_with(&root) && path.is_file()) {
            return content(path);
        }
    }
    Found::Nothing
}

fn content(path: PathBuf) -> Found {
    match read(&path) {
        Ok(content) => Found::File { path, content },
        Err(error) => Found::Unreadable(error),
    }
}

/// Reads a file that is not too long.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE {
        let what = format!("longer than {} MiB", MAX_FILE / 1024 / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(content)
}
