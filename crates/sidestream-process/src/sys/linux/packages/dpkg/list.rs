//! The list of a package's files.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

use memchr::{memchr, memmem, memrchr};

use super::super::index::canonical;

/// A package's list of files, a path a line.
#[derive(Debug)]
pub(super) struct List {
    file: String,
    package_len: usize,
}

impl List {
    /// Takes a file for a list if its name is one's: `libc6:amd64.list` is of `libc6`.
    pub(super) fn new(file: OsString) -> Option<Self> {
        let file = file.into_string().ok()?;
        let name = file.strip_suffix(".list")?;
        let package_len = memchr(b':', name.as_bytes()).unwrap_or(name.len());
        Some(Self { file, package_len })
    }

    /// Returns the name of the package.
    pub(super) fn package(&self) -> &str {
        self.file.get(..self.package_len).unwrap_or_default()
    }

    /// Reads the list.
    pub(super) fn read(&self, folder: &Path) -> io::Result<Vec<u8>> {
        fs::read(folder.join(&self.file))
    }

    /// Tells whether the package has a path, which is canonical.
    pub(super) fn has(&self, folder: &Path, path: &[u8]) -> bool {
        self.read(folder).is_ok_and(|text| has_line(&text, path))
    }
}

/// Tells whether a line is a path, which is canonical, however it is written there.
fn has_line(text: &[u8], path: &[u8]) -> bool {
    // Not line by line: there are some hundred thousand.
    memmem::find_iter(text, path).any(|at| {
        let begin = memrchr(b'\n', &text[..at]).map_or(0, |before| before + 1);
        let end = memchr(b'\n', &text[at..]).map_or(text.len(), |len| at + len);
        canonical(&text[begin..end]) == path
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{List, canonical, has_line};

    #[test]
    fn a_package_of_several_architectures_is_one() {
        let package = |file: &str| List::new(file.into()).map(|list| list.package().to_owned());
        assert_eq!(package("libc6:amd64.list").as_deref(), Some("libc6"));
        assert_eq!(package("g++.list").as_deref(), Some("g++"));
        assert_eq!(package("g++.md5sums"), None);
    }

    #[test]
    fn a_path_is_a_whole_line_with_usr_or_without() {
        let text = b"/.\n/bin/cat.old\n/usr/bin/cat\n/usr/bin/zcat\n/opt/usr/bin/tac\n/usr/opt/x";
        for (path, expected) in [
            ("/usr/bin/cat", true),
            ("/bin/cat", true),
            ("/bin/zcat", true),
            ("/bin/cat.old", true),
            ("/usr/opt/x", true),
            ("/opt/x", false),
            ("/bin/ca", false),
            ("/bin/tac", false),
            ("/usr", false),
            ("", false),
        ] {
            assert_eq!(has_line(text, canonical(path.as_bytes())), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_found_as_if_all_were_looked_at(
            text in "(/|usr|bin|x|\n){0,40}",
            path in "(/|usr|bin|x){1,6}",
        ) {
            let path = canonical(path.as_bytes());
            let expected = text.as_bytes().split(|&b| b == b'\n').any(|it| canonical(it) == path);
            prop_assert_eq!(has_line(text.as_bytes(), path), expected);
        }
    }
}
