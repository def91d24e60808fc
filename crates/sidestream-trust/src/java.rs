//! Where JDKs keep their roots, and where the user told one to look.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    sys,
    tree::{self, Tree},
};

/// Folders that are asked for JDKs have no more children than this.
const MAX_CHILDREN: usize = 512;

/// Where a JDK, a JRE inside one, or an IDE's runtime has its stores; the first, when there, takes precedence in Java.
const STORES: [&str; 6] = [
    "lib/security/jssecacerts",
    "lib/security/cacerts",
    "jre/lib/security/jssecacerts",
    "jre/lib/security/cacerts",
    "jbr/lib/security/cacerts",
    "libexec/lib/security/cacerts",
];

/// Variables that name a JDK.
const HOMES: [&str; 3] = ["GRAALVM_HOME", "JAVA_HOME", "JDK_HOME"];

/// Variables in which options of the virtual machine stand.
const OPTIONS: [&str; 7] = [
    "GRADLE_OPTS",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "MAVEN_OPTS",
    "SBT_OPTS",
    "_JAVA_OPTIONS",
];

/// Finds the stores of this machine: real path, and the password when the user gives one.
pub(crate) fn stores(
    tree: Tree<'_>,
    env: &dyn Fn(&str) -> Option<OsString>,
    current_dir: &Path,
) -> BTreeMap<PathBuf, Option<String>> {
    let mut stores = BTreeMap::new();
    let of_homes =
        homes(tree, env).into_iter().flat_map(|home| STORES.map(|store| home.join(store)));
    for path in sys::JAVA_STORES.iter().map(PathBuf::from).chain(of_homes) {
        if let Some(real) = tree.resolve(&path).filter(|real| !tree.is_dir(real)) {
            stores.entry(real).or_default();
        }
    }
    for (path, password) in OPTIONS.iter().filter_map(|name| named_in(env(name)?.to_str()?)) {
        if let Some(real) = tree.resolve(&current_dir.join(path)) {
            stores.insert(real, password);
        }
    }
    stores
}

fn homes(tree: Tree<'_>, env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> =
        HOMES.iter().filter_map(|name| env(name)).map(PathBuf::from).collect();
    homes.extend(on_path(tree, env));
    let home = env("HOME").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = sys::JDK_FOLDERS
        .iter()
        .filter_map(|folder| tree::expand(folder, home.as_deref()))
        .collect();
    folders.extend(env("SDKMAN_DIR").map(|dir| PathBuf::from(dir).join("candidates/java")));
    for folder in folders.iter().filter_map(|folder| tree.resolve(folder)) {
        // A folder that cannot be listed holds no JDK that the user could start either.
        for (name, _) in tree.list(&folder, MAX_CHILDREN).unwrap_or_default() {
            homes.push(folder.join(name));
        }
    }
    homes.retain(|home| home.is_absolute());
    homes
}

/// The JDK of the `java` that a shell would start.
fn on_path(tree: Tree<'_>, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = env("PATH")?;
    let java = std::env::split_paths(&path).find_map(|dir| tree.resolve(&dir.join("java")))?;
    java.parent()?.parent().map(Path::to_owned)
}

/// The store that options name, with its password.
fn named_in(options: &str) -> Option<(String, Option<String>)> {
    let value = |property: &str| {
        let words = options.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
        // The last one counts.
        words.rev().find_map(|word| {
            word.strip_prefix("-Djavax.net.ssl.")?.strip_prefix(property)?.strip_prefix('=')
        })
    };
    Some((value("trustStore")?.to_owned(), value("trustStorePassword").map(str::to_owned)))
}
