//! A directory copied whole, with our root in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    Entry, EntryKind, Note, NoteKind, OverlayDir, OverlayFile, RootCertificate,
    tree::{Node, Tree},
};

/// How deep a copied directory is, at most.
const MAX_DEPTH: usize = 4;

/// How many entries a copied directory has, at most.
const MAX_ENTRIES: usize = 8192;

/// How many bytes a copied directory holds, at most.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// How a directory's readers find a root in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// They read every file.
    Anchors,
    /// By the hash of its subject, or they read every file.
    Hashed,
    /// They read policies, which are put there later.
    Policies,
}

/// What the copy of one directory is made of.
pub(crate) struct Copier<'a> {
    pub(crate) tree: Tree<'a>,
    pub(crate) root: &'a RootCertificate,
    /// Files whose copies are made already, by their real paths.
    pub(crate) files: &'a BTreeMap<PathBuf, OverlayFile>,
    /// All directories that get our root, by their real paths.
    pub(crate) layouts: &'a BTreeMap<PathBuf, Layout>,
    /// What was left out.
    pub(crate) notes: Vec<Note>,
    entries: Vec<Entry>,
    left_bytes: u64,
}

impl<'a> Copier<'a> {
    pub(crate) fn new(
        tree: Tree<'a>,
        root: &'a RootCertificate,
        files: &'a BTreeMap<PathBuf, OverlayFile>,
        layouts: &'a BTreeMap<PathBuf, Layout>,
    ) -> Self {
        Self {
            tree,
            root,
            files,
            layouts,
            notes: Vec::new(),
            entries: Vec::new(),
            left_bytes: MAX_BYTES,
        }
    }

    /// Copies the directory at a real path.
    pub(crate) fn copy(&mut self, real: &Path) -> Result<OverlayDir, NoteKind> {
        self.level(real, Path::new(""), 0)?;
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(OverlayDir {
            path: real.to_owned(),
            mode: self.tree.mode(real).unwrap_or(0o755),
            entries,
        })
    }

    fn level(&mut self, real: &Path, below: &Path, depth: usize) -> Result<(), NoteKind> {
        if depth > MAX_DEPTH {
            return Err(NoteKind::TooLarge);
        }
        let start = self.entries.len();
        let names = self.tree.list(real, MAX_ENTRIES - start.min(MAX_ENTRIES))?;
        for (name, node) in names {
            let (here, path) = (real.join(&name), below.join(&name));
            let kind = match node {
                Node::Directory { mode } => {
                    let mode = match self.level(&here, &path, depth + 1) {
                        // To whom it was closed before, it stays closed.
                        Err(NoteKind::Unreadable { .. }) => 0,
                        outcome => outcome.map(|()| mode)?,
                    };
                    EntryKind::Directory { mode }
                }
                Node::File => self.file(here)?,
                Node::Symlink { target } => EntryKind::Symlink { target },
                Node::Other => {
                    let reason = "it is not a regular file".to_owned();
                    self.notes.push(Note { path: here, kind: NoteKind::Malformed { reason } });
                    continue;
                }
            };
            self.entries.push(Entry { path, kind });
        }
        match self.layouts.get(real) {
            Some(Layout::Anchors) => self.add_root(below, |n| format!("sidestream-{n}.pem")),
            Some(Layout::Hashed) => {
                let hash = self.root.subject_hash();
                self.add_root(below, |n| format!("{hash:08x}.{n}"));
            }
            Some(Layout::Policies) | None => {}
        }
        Ok(())
    }

    fn file(&mut self, real: PathBuf) -> Result<EntryKind, NoteKind> {
        if let Some(file) = self.files.get(&real) {
            return Ok(EntryKind::File { contents: file.contents.clone(), mode: file.mode });
        }
        match self.tree.read(&real, self.left_bytes) {
            Ok(read) => {
                self.left_bytes -= read.contents.len() as u64;
                Ok(EntryKind::File { contents: read.contents, mode: read.mode })
            }
            Err(NoteKind::Unreadable { .. }) => {
                Ok(EntryKind::File { contents: Vec::new(), mode: 0 })
            }
            Err(kind) => Err(kind),
        }
    }

    /// Puts our root under the first name that is free, unless it is there.
    fn add_root(&mut self, below: &Path, name: impl Fn(u32) -> String) {
        let ours = EntryKind::File { contents: self.root.pem().as_bytes().to_vec(), mode: 0o644 };
        for path in (0u32..).map(|n| below.join(name(n))) {
            match self.entries.iter().find(|entry| entry.path == path) {
                Some(entry) if entry.kind == ours => return,
                Some(_) => {}
                None => {
                    self.entries.push(Entry { path, kind: ours });
                    return;
                }
            }
        }
    }
}
