//! The question: which root, on which machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    Note, NoteKind, OverlayFile, Plan, RootCertificate, browsers,
    compose::{self, Format},
    directory::{Copier, Layout},
    environment::{self, Environment},
    java, sys,
    tree::Tree,
};

/// How large a bundle or key store is, at most; that of a usual system has a quarter of a megabyte.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// How many files a bundle is gathered from, at most.
const MAX_GATHERED: usize = 2048;

/// What has to be known to plan an overlay.
///
/// Nothing is changed by planning: files are read below [`fs_root`](Self::fs_root), and nothing else is touched.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// The root to add.
    pub root: &'a RootCertificate,
    /// The environment that the command would have.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where the machine's `/` lies: `/`, save in tests.
    pub fs_root: &'a Path,
    /// Where relative paths in variables begin: the command's working directory, absolute, without `fs_root`.
    pub current_dir: &'a Path,
    /// Where the root's PEM will lie for the command; the plan gives it in [`Plan::created`].
    pub root_pem: &'a Path,
    /// Where a bundle may be made when the machine has none; if so, the plan gives it in [`Plan::created`].
    pub bundle_fallback: &'a Path,
}

impl Overlay<'_> {
    /// Finds every place where a runtime looks for trusted roots, and says what has to lie over it.
    ///
    /// Never fails: what cannot be read or understood is left as it is, and noted.
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        if !sys::HAS_PLACES {
            plan.notes.push(Note { path: PathBuf::new(), kind: NoteKind::Unsupported });
        }
        let tree = Tree::new(self.fs_root);
        let mut environment = environment::read(tree, self.env, self.current_dir);
        plan.notes.append(&mut environment.notes);
        let files = self.files(tree, &environment, &mut plan.notes);
        let copied = self.copy_directories(tree, &environment, &files, &mut plan);
        self.fill_environment(tree, environment, &files, &mut plan);
        let is_inside = |path: &Path| copied.iter().any(|directory| path.starts_with(directory));
        plan.files = files.into_values().filter(|file| !is_inside(&file.path)).collect();
        plan
    }

    /// Composes every file that holds roots, once each, by its real path.
    fn files(
        &self,
        tree: Tree<'_>,
        environment: &Environment,
        notes: &mut Vec<Note>,
    ) -> BTreeMap<PathBuf, OverlayFile> {
        let bundles = sys::BUNDLES.iter().filter_map(|path| tree.resolve(Path::new(path)));
        let bundles =
            bundles.chain(environment.files.iter().cloned()).map(|path| (path, Format::Pem));
        let stores = java::stores(tree, self.env, self.current_dir).into_iter();
        let wanted: BTreeMap<PathBuf, Format> =
            bundles.chain(stores.map(|(path, password)| (path, Format::Java(password)))).collect();

        let mut files = BTreeMap::new();
        for (path, format) in wanted {
            let read = tree.read(&path, MAX_FILE_BYTES);
            let composed = read.and_then(|read| {
                let (contents, note) = compose::compose(&read.contents, &format, self.root)?;
                Ok((OverlayFile { path: path.clone(), contents, mode: read.mode }, note))
            });
            match composed {
                Ok((file, note)) => {
                    notes.extend(note.map(|kind| Note { path: path.clone(), kind }));
                    files.insert(path, file);
                }
                Err(kind) => notes.push(Note { path, kind }),
            }
        }
        files
    }

    /// Copies every directory of roots, outermost first; gives those that were copied.
    fn copy_directories(
        &self,
        tree: Tree<'_>,
        environment: &Environment,
        files: &BTreeMap<PathBuf, OverlayFile>,
        plan: &mut Plan,
    ) -> BTreeSet<PathBuf> {
        let known = |paths: &'static [&'static str], layout| {
            let reals = paths.iter().filter_map(move |path| tree.resolve(Path::new(path)));
            reals.filter(move |real| tree.is_dir(real)).map(move |real| (real, layout))
        };
        let mut layouts: BTreeMap<PathBuf, Layout> =
            known(&sys::ANCHORS, Layout::Anchors).collect();
        layouts.extend(known(&sys::DIRECTORIES, Layout::Hashed));
        let users = environment.directories.iter().filter(|(path, _)| !layouts.contains_key(path));
        let users: BTreeMap<PathBuf, &'static str> = users.cloned().collect();
        layouts.extend(users.keys().map(|path| (path.clone(), Layout::Hashed)));
        let policies = browsers::places(tree, self.env, self.root, &mut plan.notes);
        for place in &policies {
            layouts.entry(place.cover.clone()).or_insert(Layout::Policies);
        }

        let mut copied = BTreeSet::new();
        for path in layouts.keys() {
            if copied.iter().any(|outer| path.starts_with(outer)) {
                continue;
            }
            let mut copier = Copier::new(tree, self.root, files, &layouts);
            match copier.copy(path) {
                Ok(directory) => {
                    plan.notes.append(&mut copier.notes);
                    let variable = users.get(path);
                    let note = variable.map(|variable| Note {
                        path: path.clone(),
                        kind: NoteKind::Copied { variable },
                    });
                    plan.notes.extend(note);
                    plan.directories.push(directory);
                    copied.insert(path.clone());
                }
                Err(kind) => plan.notes.push(Note { path: path.clone(), kind }),
            }
        }
        for place in &policies {
            place.fill(&mut plan.directories);
        }
        // Whoever looks for a place for new files finds one among certificates first.
        plan.directories.sort_by_key(|directory| layouts[&directory.path] == Layout::Policies);
        copied
    }

    /// Names the root's PEM and a bundle in the variables that need them.
    fn fill_environment(
        &self,
        tree: Tree<'_>,
        environment: Environment,
        files: &BTreeMap<PathBuf, OverlayFile>,
        plan: &mut Plan,
    ) {
        let pem = self.root.pem().as_bytes().to_vec();
        plan.created.push(OverlayFile {
            path: self.root_pem.to_owned(),
            contents: pem,
            mode: 0o644,
        });
        let is_composed = |path: &&&str| {
            tree.resolve(Path::new(path)).is_some_and(|real| files.contains_key(&real))
        };
        let bundle = sys::BUNDLES.iter().find(is_composed).map_or_else(
            || {
                plan.notes.push(Note { path: PathBuf::new(), kind: NoteKind::NoBundle });
                let (path, contents) = (self.bundle_fallback.to_owned(), self.gather(tree));
                plan.created.push(OverlayFile { path, contents, mode: 0o644 });
                self.bundle_fallback
            },
            Path::new,
        );
        let named = |names: Vec<&'static str>, path: &Path| {
            names
                .into_iter()
                .map(|name| (name.into(), path.into()))
                .collect::<Vec<(OsString, OsString)>>()
        };
        plan.environment = named(environment.root_pem, self.root_pem);
        plan.environment.extend(named(environment.bundle, bundle));
        plan.environment.sort();
    }

    /// Makes a bundle of what the known directories hold, and our root.
    fn gather(&self, tree: Tree<'_>) -> Vec<u8> {
        let mut seen = BTreeSet::new();
        let mut bundle = Vec::new();
        for directory in sys::DIRECTORIES.iter().filter_map(|path| tree.resolve(Path::new(path))) {
            for (name, _) in tree.list(&directory, MAX_GATHERED).unwrap_or_default() {
                let Some(real) =
                    tree.resolve(&directory.join(name)).filter(|real| seen.insert(real.clone()))
                else {
                    continue;
                };
                let left = MAX_FILE_BYTES.saturating_sub(bundle.len() as u64);
                if let Ok(read) = tree.read(&real, left.saturating_sub(1))
                    && compose::contains(&read.contents, b"-----BEGIN CERTIFICATE-----")
                {
                    bundle.extend(read.contents);
                    if !bundle.ends_with(b"\n") {
                        bundle.push(b'\n');
                    }
                }
            }
        }
        bundle.extend_from_slice(self.root.pem().as_bytes());
        bundle
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay")
            .field("root", &self.root)
            .field("fs_root", &self.fs_root)
            .field("current_dir", &self.current_dir)
            .field("root_pem", &self.root_pem)
            .field("bundle_fallback", &self.bundle_fallback)
            .finish_non_exhaustive()
    }
}
