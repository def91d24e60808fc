//! The machine's own store: a folder of anchors, and what a tool makes from it.

use std::path::{Path, PathBuf};

use sidestream_journal::{Part, Transaction};

use super::parts::JAVA;
use super::{Place, Scope, Store, Stores, TrustError};
use crate::sys::{self, System};
use crate::tree::Tree;
use crate::trusted::{is_trusted, pem_holds};

/// How many anchors there are, at most, and how large.
const MAX_ANCHORS: usize = 4_096;
const MAX_ANCHOR_BYTES: u64 = 1024 * 1024;

pub(super) fn place(tree: Tree<'_>) -> Option<Place> {
    let system = system(tree)?;
    Some(Place {
        store: Store::System,
        scope: Scope::Machine,
        name: system.name,
        path: system.anchors.into(),
        password: None,
    })
}

pub(super) fn holds(stores: &Stores<'_>) -> bool {
    is_trusted(stores.root, stores.fs_root).by_machine
}

/// Returns whether the root is an anchor, or still in what is made of them.
pub(super) fn is_anchored(stores: &Stores<'_>) -> bool {
    !anchored(stores).is_empty()
}

pub(super) fn put(stores: &Stores<'_>, change: &mut Transaction) -> Result<(), TrustError> {
    let tree = stores.tree();
    let (system, words) = tool(tree)?;
    let anchors = real(tree, system.anchors);
    // What its tool hands on to other stores is taken out of them, too.
    let part = Part { kind: JAVA.into(), bytes: stores.root.der().to_vec() };
    let watch =
        change.watch(&generated(tree, system), &afresh(tree, system, &words), Some(part))?;
    change.create_dir(&anchors)?;
    let file = anchors.join(format!("{}.crt", stores.own_name()));
    change.write(&file, stores.root.pem().as_bytes(), None)?;
    change.run(&words)?;
    Ok(change.settle(watch)?)
}

/// Removes every anchor that is the root, whatever it is called.
pub(super) fn take_out(stores: &Stores<'_>, change: &mut Transaction) -> Result<(), TrustError> {
    let tree = stores.tree();
    let (system, words) = tool(tree)?;
    let words = afresh(tree, system, &words);
    let watch = change.watch(&generated(tree, system), &words, None)?;
    for path in anchored(stores) {
        change.remove(&tree.outside(&path))?;
    }
    change.run(&words)?;
    Ok(change.settle(watch)?)
}

/// Finds the anchors that are the root, each a file of its own.
fn anchored(stores: &Stores<'_>) -> Vec<PathBuf> {
    let tree = stores.tree();
    let folder = system(tree).and_then(|system| tree.resolve(Path::new(system.anchors)));
    let Some(folder) = folder else { return Vec::new() };
    let names = tree.list(&folder, MAX_ANCHORS).unwrap_or_default();
    let paths = names.into_iter().map(|(name, _)| folder.join(name));
    let is_ours = |path: &PathBuf| {
        let read = tree.resolve(path).and_then(|real| tree.read(&real, MAX_ANCHOR_BYTES).ok());
        read.is_some_and(|read| {
            let is_alone = read.contents.windows(11).filter(|at| at == b"-----BEGIN ").count() <= 1;
            read.contents == stores.root.der() || is_alone && pem_holds(&read.contents, stores.root)
        })
    };
    paths.filter(is_ours).collect()
}

/// The way of this machine: its folder is there, and a tool of it.
fn system(tree: Tree<'_>) -> Option<&'static System> {
    let is_there = |system: &&System| {
        tree.resolve(Path::new(system.is_there)).is_some_and(|path| tree.is_dir(&path))
    };
    let mut present = sys::SYSTEMS.iter().filter(is_there).peekable();
    let first = present.peek().copied();
    present.find(|system| words(tree, system).is_some()).or(first)
}

fn tool(tree: Tree<'_>) -> Result<(&'static System, Vec<String>), TrustError> {
    let missing = TrustError::NoTool {
        tool: "update-ca-certificates or update-ca-trust",
        package: "ca-certificates",
    };
    let Some(system) = system(tree) else { return Err(missing) };
    words(tree, system).map(|words| (system, words)).ok_or(missing)
}

/// The command that makes the bundles.
fn words(tree: Tree<'_>, system: &System) -> Option<Vec<String>> {
    let command = |words: &&[&str]| {
        let (name, arguments) = words.split_first()?;
        let program = find(tree, name)?.to_str()?.to_owned();
        let arguments = arguments.iter().map(|&word| word.to_owned());
        Some(std::iter::once(program).chain(arguments).collect())
    };
    system.tools.iter().find_map(command)
}

/// The command that also forgets what is gone, and what a killed one has left of itself.
fn afresh(tree: Tree<'_>, system: &System, words: &[String]) -> Vec<String> {
    let more = system.afresh.iter().map(|&word| word.to_owned());
    let words = words.iter().cloned().chain(more);
    let Some(scratch) = system.scratch else { return words.collect() };
    let scratch = tree.outside(Path::new(scratch)).display().to_string();
    let shell = ["sh", "-c", "rm -f \"$0\"; exec \"$@\""].map(str::to_owned);
    shell.into_iter().chain([scratch]).chain(words).collect()
}

/// Finds a tool of the machine, not one of the user's.
fn find(tree: Tree<'_>, name: &str) -> Option<PathBuf> {
    let candidates = sys::TOOL_FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    let mut installed =
        candidates.filter(|path| tree.resolve(path).is_some_and(|real| !tree.is_dir(&real)));
    installed.next().map(|path| tree.outside(&path))
}

fn generated(tree: Tree<'_>, system: &System) -> Vec<PathBuf> {
    system.generated.iter().map(|path| real(tree, path)).collect()
}

/// Where a directory lies, links followed.
fn real(tree: Tree<'_>, path: &str) -> PathBuf {
    let path = Path::new(path);
    tree.outside(&tree.resolve(path).unwrap_or_else(|| path.to_owned()))
}
