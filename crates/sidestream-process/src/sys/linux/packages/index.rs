//! From a path to the package that has it, in little memory.

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::BuildHasher;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Folders that are links to those below `/usr` on most systems, whose package managers still
/// write them either way.
const MERGED: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

/// Which package has which path.
///
/// Of each path only a hash is kept: a system has some hundred thousand.
#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    names: Vec<String>,
    /// Sorted once everything is in.
    owners: Vec<(u64, u32)>,
}

impl Index {
    /// Adds a package with its paths.
    pub(super) fn add<'a>(&mut self, name: &str, paths: impl IntoIterator<Item = &'a [u8]>) {
        let Ok(number) = u32::try_from(self.names.len()) else { return };
        self.names.push(name.to_owned());
        let hasher = &self.hasher;
        self.owners
            .extend(paths.into_iter().map(|path| (hasher.hash_one(canonical(path)), number)));
    }

    /// Makes the index ready for questions.
    pub(super) fn finish(mut self) -> Self {
        self.owners.sort_unstable();
        self.owners.dedup();
        self.owners.shrink_to_fit();
        self
    }

    /// Iterates over the packages that have a path.
    pub(super) fn owners(&self, path: &[u8]) -> impl Iterator<Item = &str> {
        let hash = self.hasher.hash_one(canonical(path));
        let from = self.owners.partition_point(|(other, _)| *other < hash);
        let same = self.owners[from..].iter().take_while(move |(other, _)| *other == hash);
        same.filter_map(|(_, number)| self.names.get(*number as usize)).map(String::as_str)
    }
}

/// Takes a path as it is where `/bin` and its like are links to `/usr/bin`.
///
/// Where they are not, two files of the same name in both are taken for one; no system has such
/// on purpose.
pub(super) fn canonical(path: &[u8]) -> &[u8] {
    let Some(rest) = path.strip_prefix(b"/usr/") else { return path };
    let first = Path::new(OsStr::from_bytes(rest)).components().next();
    let merged = first.is_some_and(|first| MERGED.iter().any(|name| first.as_os_str() == *name));
    if merged { &path[b"/usr".len()..] } else { path }
}

#[cfg(test)]
mod tests {
    use super::Index;

    #[test]
    fn a_path_is_found_with_usr_and_without() {
        let mut index = Index::default();
        index.add("bash", [&b"/bin/bash"[..], b"/usr/share/man/bash.1"]);
        index.add("curl", [&b"/usr/bin/curl"[..], b"/usr/share/man/bash.1"]);
        let index = index.finish();
        let owners = |path: &str| index.owners(path.as_bytes()).collect::<Vec<_>>();
        assert_eq!(owners("/usr/bin/bash"), ["bash"]);
        assert_eq!(owners("/bin/bash"), ["bash"]);
        assert_eq!(owners("/bin/curl"), ["curl"]);
        assert_eq!(owners("/usr/bin/curl"), ["curl"]);
        assert_eq!(owners("/usr/share/man/bash.1"), ["bash", "curl"]);
        assert_eq!(owners("/share/man/bash.1"), [""; 0]);
        assert_eq!(owners("/usr/binary/curl"), [""; 0]);
    }
}
