//! What lies over the machine's trusted roots, in the driver's words.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sidestream_linux::{Entry, EntryKind, Overlay, OverlayKind};
use sidestream_trust::{self as trust, Note, OverlayDir, OverlayFile, RootCertificate};

/// Stands for the place of new files until one is found.
const NOWHERE: &str = "/nonexistent/sidestream";

/// Folders that are empty on most machines, so that covering one hides nothing.
const EMPTY: [&str; 8] =
    ["/usr/share/empty", "/var/empty", "/mnt", "/media", "/srv", "/var/local", "/var/opt", "/opt"];

/// What lies over what, and which variables name it.
#[derive(Debug, Default)]
pub(crate) struct Overlays {
    pub(crate) overlays: Vec<Overlay>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) notes: Vec<Note>,
}

impl Overlays {
    /// Finds what makes a command trust the root, with these variables over the caller's own.
    pub(crate) fn find(
        root: &RootCertificate,
        environment: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let env = |name: &str| {
            let given = environment.iter().find(|(given, _)| given == name);
            given.map(|(_, value)| value.clone()).or_else(|| std::env::var_os(name))
        };
        let plan = trust::Overlay {
            root,
            env: &env,
            fs_root: Path::new("/"),
            current_dir: &std::env::current_dir().unwrap_or_else(|_| "/".into()),
            root_pem: &Path::new(NOWHERE).join("sidestream-root.pem"),
            bundle_fallback: &Path::new(NOWHERE).join("sidestream-bundle.pem"),
        }
        .plan();
        Ok(Self::from_plan(plan))
    }

    fn from_plan(plan: trust::Plan) -> Self {
        let mut overlays: Vec<_> = plan.files.into_iter().map(file).collect();
        overlays.extend(plan.directories.into_iter().map(directory));
        let home = home(&mut overlays, plan.created);
        let moved = |(name, value): (OsString, OsString)| match (
            Path::new(&value).strip_prefix(NOWHERE),
            &home,
        ) {
            (Err(_), _) => Some((name, value)),
            (Ok(file), Some(home)) => Some((name, home.join(file).into())),
            (Ok(_), None) => None,
        };
        let environment = plan.environment.into_iter().filter_map(moved).collect();
        Self { overlays, environment, notes: plan.notes }
    }
}

/// Puts new files where the command will see them, and says where: into a folder that is covered
/// anyway, or over an empty one.
fn home(overlays: &mut Vec<Overlay>, created: Vec<OverlayFile>) -> Option<PathBuf> {
    let created = created.into_iter().filter_map(|file| {
        let path = file.path.file_name()?.into();
        let OverlayFile { contents, mode, .. } = file;
        Some(Entry { path, kind: EntryKind::File { contents, mode } })
    });
    for overlay in overlays.iter_mut() {
        if let OverlayKind::Directory { entries, .. } = &mut overlay.kind {
            entries.extend(created);
            return Some(overlay.path.clone());
        }
    }
    let is_empty = |path: &&str| fs::read_dir(path).is_ok_and(|mut found| found.next().is_none());
    let path = PathBuf::from(EMPTY.iter().copied().find(is_empty)?);
    let kind = OverlayKind::Directory { mode: 0o755, entries: created.collect() };
    overlays.push(Overlay { path: path.clone(), kind });
    Some(path)
}

fn file(file: OverlayFile) -> Overlay {
    let OverlayFile { path, contents, mode, .. } = file;
    Overlay { path, kind: OverlayKind::File { contents, mode } }
}

fn directory(directory: OverlayDir) -> Overlay {
    let OverlayDir { path, mode, entries, .. } = directory;
    let entries = entries.into_iter().map(entry).collect();
    Overlay { path, kind: OverlayKind::Directory { mode, entries } }
}

fn entry(entry: trust::Entry) -> Entry {
    let kind = match entry.kind {
        trust::EntryKind::Directory { mode } => EntryKind::Directory { mode },
        trust::EntryKind::File { contents, mode } => EntryKind::File { contents, mode },
        trust::EntryKind::Symlink { target } => EntryKind::Symlink { target },
    };
    Entry { path: entry.path, kind }
}
