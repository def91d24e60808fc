//! What Debian's package manager keeps on disk (dpkg(1), dpkg-divert(1)).

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::index::Index;

const FOLDER: &str = "/var/lib/dpkg";

/// What the diversions' file has for whoever administers the machine.
const LOCAL: &str = ":";

/// A system whose packages are Debian's.
#[derive(Debug)]
pub(super) struct Dpkg {
    index: Index,
    diverted: Diversions,
}

impl Dpkg {
    /// Reads what is installed; `None` where this is not the package manager.
    pub(super) fn read() -> Option<Self> {
        let folder = Path::new(FOLDER);
        let mut index = Index::default();
        for entry in fs::read_dir(folder.join("info")).ok()?.flatten() {
            let name = entry.file_name();
            let Some(package) = name.to_str().and_then(package) else { continue };
            let Ok(list) = fs::read(entry.path()) else { continue };
            index.add(package, list.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()));
        }
        let diversions = fs::read(folder.join("diversions")).unwrap_or_default();
        Some(Self { index: index.finish(), diverted: Diversions::parse(&diversions) })
    }

    /// Finds the package of a file.
    pub(super) fn owner(&self, path: &Path) -> Option<&str> {
        self.diverted.owner(&self.index, path.as_os_str().as_bytes())
    }
}

/// Returns the package that a list of files is of: `libc6` of `libc6:amd64.list`.
fn package(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".list")?;
    Some(name.split_once(':').map_or(name, |(name, _architecture)| name))
}

/// Files that one package has put aside, for another file of the same name.
#[derive(Debug, Default)]
struct Diversions {
    /// From where a file should be to who put it aside.
    by: HashMap<Vec<u8>, String>,
    /// From where a file is to where it should be.
    from: HashMap<Vec<u8>, Vec<u8>>,
}

impl Diversions {
    /// Parses the file: three lines each, from where, to where, and by whom.
    fn parse(text: &[u8]) -> Self {
        let mut found = Self::default();
        let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        for diversion in lines.chunks_exact(3) {
            let [from, to, by] = [0, 1, 2].map(|line| diversion[line]);
            found.by.insert(from.to_vec(), String::from_utf8_lossy(by).into_owned());
            found.from.insert(to.to_vec(), from.to_vec());
        }
        found
    }

    fn owner<'a>(&self, index: &'a Index, path: &[u8]) -> Option<&'a str> {
        if let Some(by) = self.by.get(path) {
            return index.owners(path).find(|owner| owner == by);
        }
        let Some(from) = self.from.get(path) else { return index.owners(path).next() };
        let by = self.by.get(from).map_or(LOCAL, String::as_str);
        index.owners(from).find(|owner| *owner != by)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Diversions, Index, package};

    #[test]
    fn a_package_of_several_architectures_is_one() {
        assert_eq!(package("libc6:amd64.list"), Some("libc6"));
        assert_eq!(package("g++.list"), Some("g++"));
        assert_eq!(package("g++.md5sums"), None);
    }

    #[test]
    fn a_file_put_aside_belongs_to_who_made_it() {
        let mut index = Index::default();
        index.add("dash", [&b"/bin/sh"[..], b"/bin/dash"]);
        index.add("zsh-as-sh", [&b"/bin/sh"[..]]);
        index.add("grep", [&b"/bin/grep"[..]]);
        let index = index.finish();
        let text = b"/bin/sh\n/bin/sh.distrib\nzsh-as-sh\n/bin/grep\n/bin/grep.real\n:\n/cut\n";
        let diverted = Diversions::parse(text);
        let owner = |path: &str| diverted.owner(&index, path.as_bytes());
        assert_eq!(owner("/bin/sh"), Some("zsh-as-sh"));
        assert_eq!(owner("/bin/sh.distrib"), Some("dash"));
        assert_eq!(owner("/bin/dash"), Some("dash"));
        assert_eq!(owner("/bin/grep"), None);
        assert_eq!(owner("/bin/grep.real"), Some("grep"));
        assert_eq!(owner("/cut"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_a_reason_to_panic(
            text in prop::collection::vec(prop::sample::select(&b"PFR:/%a\n"[..]), 0..80),
        ) {
            let (index, found) = (Index::default(), Diversions::parse(&text));
            prop_assert_eq!(found.owner(&index, &text), None);
        }
    }
}
