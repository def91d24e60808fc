//! Browsers of Chromium's family: roots of their own inside, and those that a policy of the machine's administrator names.
//!
//! Their policies are the files in a folder, of which the last by name that sets one decides it
//! (<https://chromeenterprise.google/policies/ca-certificates/>). Nothing of a policy is kept in the user's profile, which
//! the user's own database of certificates would be.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Entry, EntryKind, Note, NoteKind, OverlayDir, RootCertificate,
    sys::{self, Browser},
    tree::{self, Node, Tree},
};

/// The policy that lists roots, each in Base64.
const POLICY: &str = "CACertificates";

/// The name of our file, where no other comes later.
const NAME: &str = "sidestream.json";

/// How many policies a browser has, at most.
const MAX_FILES: usize = 256;

/// How large a policy is, at most.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where a browser's policy has to lie.
pub(crate) struct Place {
    /// The real path of the directory to cover: that of the policies, or the nearest above it that is there.
    pub(crate) cover: PathBuf,
    /// Our file, relative to it.
    file: PathBuf,
    contents: Vec<u8>,
}

/// Finds the places of this machine's browsers that do not trust the root yet.
pub(crate) fn places(
    tree: Tree<'_>,
    env: &dyn Fn(&str) -> Option<OsString>,
    root: &RootCertificate,
    notes: &mut Vec<Note>,
) -> Vec<Place> {
    let home = env("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let is_there = |path: &&str| {
        tree::expand(path, home.as_deref()).is_some_and(|p| tree.resolve(&p).is_some())
    };
    let ours: String = root.pem().lines().filter(|line| !line.starts_with('-')).collect();
    let place = |browser: &Browser| {
        let is_installed = browser.found_by.iter().any(is_there);
        let (cover, below) = cover(tree, browser, is_installed)?;
        let Set { mut roots, last } = match below.as_os_str().is_empty() {
            true => Set::read(tree, &cover, notes),
            false => Set::default(),
        };
        if roots.iter().any(|root| root == &ours) {
            return None;
        }
        roots.push(ours.clone().into());
        let policy = Value::Object([(POLICY.to_owned(), roots.into())].into_iter().collect());
        let file = below.join(name_after(last));
        Some(Place { cover, file, contents: policy.to_string().into_bytes() })
    };
    sys::BROWSERS.iter().filter_map(place).collect()
}

/// Names our file such that it comes after all others.
fn name_after(last: Option<OsString>) -> OsString {
    let ours = OsString::from(NAME);
    match last {
        Some(mut last) if last >= ours => {
            last.push("~");
            last
        }
        _ => ours,
    }
}

/// Finds the directory to cover, and what leads from there to the policies.
fn cover(tree: Tree<'_>, browser: &Browser, is_installed: bool) -> Option<(PathBuf, PathBuf)> {
    let folder = Path::new(browser.folder);
    let managed = folder.join("policies/managed");
    let outermost = if is_installed { folder.parent()? } else { folder };
    let mut candidates = managed.ancestors().take_while(|path| path.starts_with(outermost));
    candidates.find_map(|path| {
        let real = tree.resolve(path).filter(|real| tree.is_dir(real))?;
        Some((real, managed.strip_prefix(path).ok()?.to_owned()))
    })
}

/// What the administrator has set.
#[derive(Default)]
struct Set {
    /// The roots of the policy that counts.
    roots: Vec<Value>,
    /// The last file by name.
    last: Option<OsString>,
}

impl Set {
    fn read(tree: Tree<'_>, managed: &Path, notes: &mut Vec<Note>) -> Self {
        // A directory that cannot be listed is noted as it is copied.
        let mut names = tree.list(managed, MAX_FILES).unwrap_or_default();
        names.retain(|(_, node)| matches!(node, Node::File | Node::Symlink { .. }));
        let last = names.last().map(|(name, _)| name.clone());
        let paths = names.iter().rev().filter_map(|(name, _)| tree.resolve(&managed.join(name)));
        for path in paths {
            let parsed = tree.read(&path, MAX_BYTES).and_then(|read| {
                serde_json::from_slice(&read.contents).map_err(|error| {
                    let reason = format!("the policy is not plain JSON ({error})");
                    NoteKind::Malformed { reason }
                })
            });
            let policies: Value = match parsed {
                Ok(policies) => policies,
                Err(kind) => {
                    notes.push(Note { path, kind });
                    continue;
                }
            };
            if let Some(roots) = policies.get(POLICY).and_then(Value::as_array) {
                return Self { roots: roots.clone(), last };
            }
        }
        Self { roots: Vec::new(), last }
    }
}

impl Place {
    /// Puts our policy into the copy that covers its place; nothing when that could not be copied.
    pub(crate) fn fill(&self, directories: &mut [OverlayDir]) {
        let inside = directories.iter_mut().find_map(|directory| {
            let below = self.cover.strip_prefix(&directory.path).ok()?.to_owned();
            Some((directory, below.join(&self.file)))
        });
        let Some((OverlayDir { entries, .. }, path)) = inside else { return };
        let missing: Vec<PathBuf> = path
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty())
            .filter(|above| !entries.iter().any(|entry| entry.path == **above))
            .map(Path::to_owned)
            .collect();
        let directory = |path| Entry { path, kind: EntryKind::Directory { mode: 0o755 } };
        entries.extend(missing.into_iter().map(directory));
        let contents = self.contents.clone();
        entries.push(Entry { path, kind: EntryKind::File { contents, mode: 0o644 } });
        entries.sort_by(|left, right| left.path.cmp(&right.path));
    }
}
