//! Files that one package has put aside, for another file of the same name (dpkg-divert(1)).

use std::collections::HashMap;

use super::super::index::canonical;

/// What the diversions' file has for whoever administers the machine.
const LOCAL: &str = ":";

/// The files that were put aside, by canonical paths.
#[derive(Debug, Default)]
pub(super) struct Diversions {
    /// From where a file should be to who put it aside.
    by: HashMap<Vec<u8>, String>,
    /// From where a file is to where it should be.
    from: HashMap<Vec<u8>, Vec<u8>>,
}

/// Which package to look for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    /// The path by which packages know the file.
    pub(super) path: &'a [u8],
    whose: Whose<'a>,
}

/// Whose a file may be.
#[derive(Debug, PartialEq, Eq)]
enum Whose<'a> {
    Anyones,
    NotOf(&'a str),
    Of(&'a str),
}

impl Diversions {
    /// Parses the file: three lines each, from where, to where, and by whom.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut found = Self::default();
        let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        for diversion in lines.chunks_exact(3) {
            let (from, to) = (canonical(diversion[0]).to_vec(), canonical(diversion[1]).to_vec());
            let by = String::from_utf8_lossy(diversion[2]).into_owned();
            found.by.insert(from.clone(), by);
            found.from.insert(to, from);
        }
        found
    }

    /// Tells by which path, and in which packages, to look for the file at a path.
    pub(super) fn resolve<'a>(&'a self, path: &'a [u8]) -> Wanted<'a> {
        if let Some(by) = self.by.get(path) {
            return Wanted { path, whose: Whose::Of(by) };
        }
        let Some(from) = self.from.get(path) else {
            return Wanted { path, whose: Whose::Anyones };
        };
        let by = self.by.get(from).map_or(LOCAL, String::as_str);
        Wanted { path: from, whose: Whose::NotOf(by) }
    }
}

impl Wanted<'_> {
    /// Tells whether the file may be of a package that has its path.
    pub(super) fn may_be_of(&self, package: &str) -> bool {
        match self.whose {
            Whose::Anyones => true,
            Whose::NotOf(other) => package != other,
            Whose::Of(only) => package == only,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Diversions, Wanted, Whose};

    proptest! {
        #[test]
        fn no_text_is_a_reason_to_panic(
            text in prop::collection::vec(prop::sample::select(&b"PFR:/%a\n"[..]), 0..80),
        ) {
            let found = Diversions::parse(&text);
            prop_assert_eq!(found.resolve(b"/x"), Wanted { path: b"/x", whose: Whose::Anyones });
        }
    }
}
