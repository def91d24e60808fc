//! A machine made of a temporary folder and an environment.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write as _,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use sidestream_trust::{EntryKind, Overlay, OverlayFile, Plan, RootCertificate};
use tempfile::TempDir;

use crate::{OTHER, ROOT};

pub(crate) struct Machine {
    root: TempDir,
    env: BTreeMap<&'static str, OsString>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), env: BTreeMap::new() }
    }

    /// Writes a file.
    pub(crate) fn file(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.outside(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        self.mode(&path, 0o644)
    }

    fn mode(self, path: &Path, mode: u32) -> Self {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Takes all rights to a file or directory away, also from its owner.
    pub(crate) fn closed(self, path: &str) -> Self {
        let path = self.outside(path);
        self.mode(&path, 0)
    }

    /// Gives the owner all rights to a directory.
    pub(crate) fn open(self, path: &str) -> Self {
        let path = self.outside(path);
        self.mode(&path, 0o755)
    }

    /// Writes a file that holds one root.
    pub(crate) fn bundle(self, path: &str) -> Self {
        self.file(path, OTHER)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        let path = self.outside(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.insert(name, value.into());
        self
    }

    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.root.path().join(path.strip_prefix('/').unwrap())
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(self.root.path(), &|name| self.env.get(name).cloned())
    }
}

pub(crate) fn plan(fs_root: &Path, env: &dyn Fn(&str) -> Option<OsString>) -> Plan {
    let root = RootCertificate::from_pem(ROOT).unwrap();
    Overlay {
        root: &root,
        env,
        fs_root,
        current_dir: Path::new("/project"),
        root_pem: Path::new("/run/us/root.pem"),
        bundle_fallback: Path::new("/run/us/bundle.pem"),
    }
    .plan()
}

/// A plan in words.
pub(crate) fn show(plan: &Plan) -> String {
    let mut text = String::new();
    for file in &plan.files {
        writeln!(text, "cover  {}", line(file)).unwrap();
    }
    for directory in &plan.directories {
        writeln!(text, "cover  {}/", directory.path.display()).unwrap();
        for entry in &directory.entries {
            let what = match &entry.kind {
                EntryKind::Directory { .. } => "/".to_owned(),
                EntryKind::File { contents, mode } => format!(" {mode:o} {}", holds(contents)),
                EntryKind::Symlink { target } => format!(" -> {}", target.display()),
            };
            writeln!(text, "         {}{what}", entry.path.display()).unwrap();
        }
    }
    for file in &plan.created {
        writeln!(text, "create {}", line(file)).unwrap();
    }
    for (name, value) in &plan.environment {
        writeln!(text, "set    {}={}", name.display(), value.display()).unwrap();
    }
    for note in &plan.notes {
        writeln!(text, "note   {note}").unwrap();
    }
    text
}

fn line(file: &OverlayFile) -> String {
    format!("{} {:o} {}", file.path.display(), file.mode, holds(&file.contents))
}

fn holds(contents: &[u8]) -> String {
    let text = String::from_utf8_lossy(contents);
    let parts = [("ours", text.contains(ROOT.trim())), ("other", text.contains(OTHER.trim()))];
    let parts: Vec<&str> =
        parts.into_iter().filter_map(|(name, is_in)| is_in.then_some(name)).collect();
    match parts.as_slice() {
        [] if contents.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) => format!("JKS of {}", contents[11]),
        [] => format!("{} bytes", contents.len()),
        parts => parts.join(" + "),
    }
}
