//! Which tests skipped themselves, why, and whether they may.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::user::User;

const ALLOWED: &str = "ci/allowed-skips.txt";

/// The file to which the tests of one run append their skips.
#[derive(Debug)]
pub(crate) struct SkipsFile(PathBuf);

/// The skips of one run: `PACKAGE::TEST`, and the reason.
#[derive(Debug, Default)]
pub(crate) struct Skips(BTreeMap<String, String>);

impl SkipsFile {
    /// Makes an empty file in `folder`, which the user who runs the tests can write.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("skips");
        fs::write(&path, "").with_context(|| format!("writing {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn read(&self) -> Result<Skips> {
        let text =
            fs::read_to_string(&self.0).with_context(|| format!("reading {}", self.0.display()))?;
        Ok(Skips::parse(&text))
    }
}

impl Skips {
    /// How many tests skipped themselves.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Prints each skip with its reason.
    pub(crate) fn print(&self) {
        for (name, reason) in &self.0 {
            println!("SKIPPED {name}: {reason}");
        }
    }

    /// Gives the skips that `ci/allowed-skips.txt` does not list for this user.
    pub(crate) fn refused(&self, root: &Path, user: &User) -> Result<Vec<String>> {
        let text = fs::read_to_string(root.join(ALLOWED)).context(ALLOWED)?;
        self.refused_by(&text, user.name())
    }

    fn parse(text: &str) -> Self {
        let mut skips = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.splitn(3, '\t');
            let mut field = || fields.next().unwrap_or_default();
            skips.insert(format!("{}::{}", field(), field()), field().to_owned());
        }
        Self(skips)
    }

    fn refused_by(&self, allowed: &str, user: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for line in allowed.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fields: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
            let [who, name, reason] = fields[..] else {
                bail!("{ALLOWED}: not three parts: {line}")
            };
            if reason.is_empty() {
                bail!("{ALLOWED}: no reason for {name}");
            }
            let is_part = |part: &str| part == "*" || !part.contains('*');
            if name.contains('*') && (who != "nobody" || !name.split("::").all(is_part)) {
                bail!("{ALLOWED}: only for nobody, and only for whole parts of a name: {name}");
            }
            if who == user || who == "any" {
                names.push(name);
            }
        }
        let is_allowed = |name: &str| names.iter().any(|allowed| covers(allowed, name));
        let refused = self.0.iter().filter(|(name, _)| !is_allowed(name));
        Ok(refused
            .map(|(name, reason)| {
                format!("{name}: must run here as {user}, but was skipped: {reason}")
            })
            .collect())
    }
}

/// Tells whether a name is that one; a `*` stands for one part of it, and at its end for the rest.
fn covers(allowed: &str, name: &str) -> bool {
    let mut parts = name.split("::");
    let mut wanted = allowed.split("::").peekable();
    while let Some(want) = wanted.next() {
        let Some(part) = parts.next() else { return false };
        if want == "*" && wanted.peek().is_none() {
            return true;
        }
        if want != "*" && want != part {
            return false;
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_test_once() {
        assert_eq!(Skips::parse("one\ta\tx\none\ta\tx\nother\ta\tx\n").len(), 2);
    }

    #[test]
    fn refuses_what_is_not_listed_for_the_user() {
        let skips = Skips::parse("linux\tmakes_a_table\tnot root\n");
        let check = |allowed: &str, user: &str, refused: usize| {
            assert_eq!(skips.refused_by(allowed, user).unwrap().len(), refused, "{allowed}");
        };
        check("", "root", 1);
        check("# Why.\n\nnobody | linux::makes_a_table | needs root\n", "nobody", 0);
        check("nobody | linux::makes_a_table | needs root\n", "root", 1);
        check("nobody | linux::* | needs root\n", "nobody", 0);
        check("nobody | other::* | needs root\n", "nobody", 1);
        assert!(skips.refused_by("root | linux::* | never here\n", "root").is_err());
        assert!(skips.refused_by("nobody | linux::makes* | needs root\n", "nobody").is_err());
        check("nobody | *::makes_a_table | needs root\n", "nobody", 0);
        check("nobody | *::makes_a_table::more | needs root\n", "nobody", 1);
        check("nobody | linux::makes_a_table::* | needs root\n", "nobody", 1);
        check("any | other::makes_a_table | never here\n", "root", 1);
        check("any | linux::makes_a_table | never here\n", "root", 0);
        assert!(skips.refused_by("any | linux::makes_a_table |\n", "root").is_err());
        assert!(skips.refused_by("makes_a_table\n", "root").is_err());
    }
}
