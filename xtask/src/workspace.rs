//! The workspace as `cargo metadata` tells it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The workspace and its members.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(rename = "manifest_path")]
    pub(crate) manifest: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// A dependency as the manifest declares it, optional ones included.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or nothing for a normal one.
    kind: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    sidestream: House,
}

/// `[package.metadata.sidestream]`: where a crate stands in the house.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct House {
    /// The floor; a crate uses only crates on lower ones.
    pub(crate) floor: Option<u8>,
    /// Whether it may hold `unsafe` and name operating systems.
    #[serde(default)]
    pub(crate) os: bool,
    /// Whether it is a tool of this workspace and never published.
    #[serde(default)]
    pub(crate) tool: bool,
    /// The one system for which it is meant, as targets name it; every one where there is none.
    pub(crate) only: Option<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self> {
        let asked = Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("running cargo metadata")?;
        let complaint = String::from_utf8_lossy(&asked.stderr);
        ensure!(asked.status.success(), "cargo metadata failed: {complaint}");
        serde_json::from_slice(&asked.stdout).context("reading what cargo metadata says")
    }

    /// Gives the words that name to cargo every member that is meant for a target or a system.
    pub(crate) fn members_for<'a>(&'a self, system: &str) -> Vec<&'a str> {
        let mut words = vec!["--workspace"];
        for package in self.packages.iter().filter(|package| !package.house().suits(system)) {
            words.extend(["--exclude", &package.name]);
        }
        words
    }

    /// Gives the words that name to cargo every member that is meant for this system.
    pub(crate) fn members(&self) -> Vec<&str> {
        self.members_for(std::env::consts::OS)
    }
}

impl Package {
    /// Gives the folder of the manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or_else(|| Path::new(""))
    }

    /// Gives where the crate stands in the house.
    pub(crate) fn house(&self) -> House {
        self.metadata.clone().unwrap_or_default().sidestream
    }
}

impl House {
    fn suits(&self, system: &str) -> bool {
        self.only.as_ref().is_none_or(|only| system.contains(only.as_str()))
    }
}

impl Dependency {
    /// Whether only tests, examples and benches use it.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Finds all files below `folder`, sorted, without hidden and build folders; an absent folder has none.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            let name = name.to_string_lossy();
            if !name.starts_with('.') && name != "target" && name != "artifacts" {
                found.extend(files(&entry.path())?);
            }
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Finds the Rust files below `folder`.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files(folder)?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    Ok(found)
}
