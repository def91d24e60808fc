//! Files below a root directory, seen as from inside: symbolic links never lead out of it.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File},
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use crate::{NoteKind, sys};

/// How many symbolic links are followed, as the kernel does (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A machine's files.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'a> {
    root: &'a Path,
}

/// A regular file, read whole.
pub(crate) struct Read {
    pub(crate) contents: Vec<u8>,
    pub(crate) mode: u32,
}

/// What one name in a directory is.
pub(crate) enum Node {
    Directory { mode: u32 },
    File,
    Other,
    Symlink { target: PathBuf },
}

impl<'a> Tree<'a> {
    pub(crate) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Where a path from inside lies for us.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The real path of what is there, without links and dots; nothing when it does not exist.
    pub(crate) fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let mut ahead: VecDeque<OsString> = names(path).collect();
        let mut real = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                real.pop();
                continue;
            }
            let here = real.join(&name);
            let outside = self.outside(&here);
            if fs::symlink_metadata(&outside).ok()?.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                let target = fs::read_link(outside).ok()?;
                if target.has_root() {
                    real = PathBuf::from("/");
                }
                for name in names(&target).rev() {
                    ahead.push_front(name);
                }
            } else {
                real = here;
            }
        }
        Some(real)
    }

    /// Tells whether a real path is a directory.
    pub(crate) fn is_dir(&self, real: &Path) -> bool {
        self.outside(real).is_dir()
    }

    /// The permission bits of a real path.
    pub(crate) fn mode(&self, real: &Path) -> Option<u32> {
        fs::symlink_metadata(self.outside(real)).ok().map(|metadata| sys::mode(&metadata))
    }

    /// Reads a regular file of at most `max_bytes`, at its real path.
    pub(crate) fn read(&self, real: &Path, max_bytes: u64) -> Result<Read, NoteKind> {
        let unreadable = |error: std::io::Error| NoteKind::Unreadable { reason: error.to_string() };
        let path = self.outside(real);
        // A pipe would wait for its writer, and give its bytes away: only plain files are opened.
        let metadata = fs::symlink_metadata(&path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(NoteKind::Malformed { reason: "it is not a regular file".to_owned() });
        }
        let mut contents = Vec::new();
        File::open(&path)
            .map_err(unreadable)?
            .take(max_bytes + 1)
            .read_to_end(&mut contents)
            .map_err(unreadable)?;
        if contents.len() as u64 > max_bytes {
            return Err(NoteKind::TooLarge);
        }
        Ok(Read { contents, mode: sys::mode(&metadata) })
    }

    /// What is in a directory, at its real path, sorted by name; an error when there are more than `max_entries`.
    pub(crate) fn list(
        &self,
        real: &Path,
        max_entries: usize,
    ) -> Result<Vec<(OsString, Node)>, NoteKind> {
        let unreadable = |error: std::io::Error| NoteKind::Unreadable { reason: error.to_string() };
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.outside(real)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entries.len() == max_entries {
                return Err(NoteKind::TooLarge);
            }
            entries.push((entry.file_name(), node(&entry.path()).map_err(unreadable)?));
        }
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(entries)
    }
}

fn node(path: &Path) -> Result<Node, std::io::Error> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(if metadata.is_symlink() {
        Node::Symlink { target: fs::read_link(path)? }
    } else if metadata.is_dir() {
        Node::Directory { mode: sys::mode(&metadata) }
    } else if metadata.is_file() {
        Node::File
    } else {
        Node::Other
    })
}

/// Takes a path that may begin with `~/`; nothing when it does and there is no home.
pub(crate) fn expand(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => Some(home?.join(rest)),
        None => Some(path.into()),
    }
}

fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}
