//! The question whether a machine trusts a root already.

use std::path::{Path, PathBuf};

use crate::{RootCertificate, sys, tree::Tree};

/// How large a bundle is, at most; that of a usual system has a quarter of a megabyte.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// How many certificates a directory of anchors has, at most.
const MAX_ANCHORS: usize = 1024;

/// How many certificates share a hash of their subjects, at most.
const MAX_ALIKE: u32 = 16;

/// Where a machine keeps a root among those it trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trusted {
    /// The bundles that hold it and the files in directories that are it, by their real paths, once each.
    pub stores: Vec<PathBuf>,
    /// Whether the machine's main store is among them: the bundle that comes first for curl, GnuTLS, Go and most
    /// others, or where there is no bundle, any directory.
    pub by_machine: bool,
}

/// Finds where a machine trusts a root, comparing certificates and not their names.
///
/// Only files below `fs_root` are read, and none is changed. What cannot be read does not hold the root. Stores that
/// programs bring with them (Java, Node, browsers) are not asked.
pub fn is_trusted(root: &RootCertificate, fs_root: &Path) -> Trusted {
    let look = Look { root, tree: Tree::new(fs_root) };
    let mut bundles: Vec<PathBuf> = Vec::new();
    for path in sys::BUNDLES.iter().filter_map(|path| look.tree.resolve(Path::new(path))) {
        if !bundles.contains(&path) {
            bundles.push(path);
        }
    }
    let main = bundles.first().cloned();
    let mut stores: Vec<_> = bundles.into_iter().filter(|path| look.holds(path)).collect();
    for found in look.in_directories() {
        if !stores.contains(&found) {
            stores.push(found);
        }
    }
    let by_machine = match main {
        Some(main) => stores.first() == Some(&main),
        None => !stores.is_empty(),
    };
    Trusted { stores, by_machine }
}

struct Look<'a> {
    root: &'a RootCertificate,
    tree: Tree<'a>,
}

impl Look<'_> {
    /// Finds the files in directories that are the root: those of its hash, and any among anchors.
    fn in_directories(&self) -> Vec<PathBuf> {
        let is_there = |path: &&'static str| self.tree.resolve(Path::new(path));
        let hash = self.root.subject_hash();
        let hashed = sys::DIRECTORIES.iter().filter_map(is_there).flat_map(|folder| {
            let names = (0..MAX_ALIKE).map(|n| format!("{hash:08x}.{n}"));
            names.map(|name| folder.join(name)).collect::<Vec<_>>()
        });
        let anchors = sys::ANCHORS.iter().filter_map(is_there).flat_map(|folder| {
            let names = self.tree.list(&folder, MAX_ANCHORS).unwrap_or_default();
            names.into_iter().map(|(name, _)| folder.join(name)).collect::<Vec<_>>()
        });
        let reals = hashed.chain(anchors).filter_map(|path| self.tree.resolve(&path));
        reals.filter(|path| self.holds(path)).collect()
    }

    /// Returns whether a file holds the root, as PEM among others or as DER alone.
    fn holds(&self, real: &Path) -> bool {
        let Ok(read) = self.tree.read(real, MAX_FILE_BYTES) else { return false };
        if read.contents == self.root.der() {
            return true;
        }
        pem_holds(&read.contents, self.root)
    }
}

/// Tells whether PEM holds the root among others.
pub(crate) fn pem_holds(contents: &[u8], root: &RootCertificate) -> bool {
    let text = String::from_utf8_lossy(contents);
    let mut blocks = text.split("-----BEGIN ").skip(1);
    // One by one, since a block that is damaged says nothing of the others. Blocks of another kind may carry
    // conditions, as OpenSSL's `TRUSTED CERTIFICATE` does.
    blocks.any(|block| {
        block.starts_with("CERTIFICATE-----")
            && pem::parse(format!("-----BEGIN {block}"))
                .is_ok_and(|found| found.contents() == root.der())
    })
}
