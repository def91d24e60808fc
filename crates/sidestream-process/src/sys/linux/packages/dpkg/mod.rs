//! What Debian's package manager keeps on disk (dpkg(1), dpkg-divert(1)).

mod diversions;
mod list;

use std::cmp::Reverse;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::index::{Index, canonical};
use diversions::Diversions;
use list::List;

/// Where it keeps what it knows.
pub(super) const FOLDER: &str = "/var/lib/dpkg";

/// How many lists are read where somebody waits.
const MAX_NEAR: usize = 6;

/// After how many times that all lists were read for nothing an index of them is worth its cost.
const MAX_SEARCHES: usize = 3;

/// A system whose packages are Debian's.
///
/// Each package has a list of its files. Lists are searched for a path until it is found, those
/// first whose names say that they may have it, as most programs are in a package of their name.
#[derive(Debug)]
pub(super) struct Dpkg {
    folder: PathBuf,
    lists: Vec<List>,
    diverted: Diversions,
    /// How many lists have been read.
    searched: usize,
    index: Option<Index>,
}

impl Dpkg {
    /// Reads which lists there are; `None` where this is not the package manager.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let entries = fs::read_dir(folder.join("info")).ok()?.flatten();
        let lists = entries.filter_map(|entry| List::new(entry.file_name())).collect();
        let diversions = fs::read(folder.join("diversions")).unwrap_or_default();
        let diverted = Diversions::parse(&diversions);
        let folder = folder.join("info");
        Some(Self { folder, lists, diverted, searched: 0, index: None })
    }

    /// Finds the package of a file if one of the likeliest has it, at the cost of a few small
    /// files.
    pub(super) fn near(&self, path: &Path) -> Option<&str> {
        let wanted = self.diverted.resolve(canonical(path.as_os_str().as_bytes()));
        let mut lists = self.likely(path).filter(|list| wanted.may_be_of(list.package()));
        lists.find(|list| list.has(&self.folder, wanted.path)).map(List::package)
    }

    /// Finds the package of a file.
    pub(super) fn owner(&mut self, path: &Path) -> Option<String> {
        if self.index.is_none() && self.searched > MAX_SEARCHES * self.lists.len() {
            self.index = Some(self.index());
        }
        let wanted = self.diverted.resolve(canonical(path.as_os_str().as_bytes()));
        if let Some(index) = &self.index {
            let mut owners = index.owners(wanted.path);
            return owners.find(|owner| wanted.may_be_of(owner)).map(str::to_owned);
        }
        let mut searched = 0;
        let lists = self.likely(path).chain(&self.lists);
        let found = lists.filter(|list| wanted.may_be_of(list.package())).find(|list| {
            searched += 1;
            list.has(&self.folder, wanted.path)
        });
        let found = found.map(|list| list.package().to_owned());
        self.searched += searched;
        found
    }

    /// Iterates over the lists of the packages that a program's name is nearest to: the one name
    /// begins as the other does, as with `nodejs` and `node`, or `git` and `git-remote-http`.
    fn likely(&self, path: &Path) -> impl Iterator<Item = &List> {
        let program = path.file_name().unwrap_or_default().as_bytes();
        let is_near = |list: &&List| {
            let package = list.package().as_bytes();
            package.starts_with(program) || program.starts_with(package)
        };
        let mut near: Vec<&List> = self.lists.iter().filter(is_near).collect();
        near.sort_by_key(|list| {
            let len = list.package().len();
            (Reverse(len.min(program.len())), len)
        });
        near.into_iter().take(MAX_NEAR)
    }

    /// Reads all lists.
    fn index(&self) -> Index {
        let mut index = Index::default();
        for list in &self.lists {
            let Ok(text) = list.read(&self.folder) else { continue };
            index
                .add(list.package(), text.split(|&byte| byte == b'\n').filter(|it| !it.is_empty()));
        }
        index.finish()
    }
}

#[cfg(test)]
mod tests;
