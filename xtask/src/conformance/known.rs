//! The failures that are known, each with its explanation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Case;

/// Where they stand.
const PATH: &str = "xtask/conformance/known.toml";

/// All known failures.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    #[serde(default)]
    pub(crate) known: Vec<Failure>,
}

/// A failure that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    pub(crate) suite: String,
    /// The name of the case, whole, or its beginning with `*` after it.
    pub(crate) case: String,
    /// Why it fails, and whether that stays.
    pub(crate) why: String,
}

impl Known {
    /// Reads the file.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(root.join(PATH)).with_context(|| format!("reading {PATH}"))?;
        toml::from_str(&text).with_context(|| format!("reading {PATH}"))
    }

    /// Checks that each belongs to a suite and says why.
    pub(crate) fn check(&self, suites: &BTreeSet<&str>) -> Result<()> {
        for failure in &self.known {
            let Failure { suite, case, why } = failure;
            ensure!(suites.contains(suite.as_str()), "{PATH}: {case:?} is of no suite: {suite:?}");
            ensure!(!why.trim().is_empty(), "{PATH}: {suite}: {case:?} has no explanation");
        }
        Ok(())
    }

    /// Gives what is new: failures that are not known, and known ones that are none.
    pub(crate) fn news(&self, suite: &str, cases: &[Case]) -> Vec<String> {
        let known: Vec<_> = self.known.iter().filter(|failure| failure.suite == suite).collect();
        let mut news = Vec::new();
        for case in cases {
            let Some(why) = &case.failed else { continue };
            if !known.iter().any(|failure| failure.covers(&case.name)) {
                news.push(format!("failed anew: {}: {why}", case.name));
            }
        }
        for failure in known {
            let mut failed = cases.iter().filter(|case| case.failed.is_some());
            if !failed.any(|case| failure.covers(&case.name)) {
                news.push(format!("no longer fails: {:?}; take it out of {PATH}", failure.case));
            }
        }
        news
    }
}

impl Failure {
    fn covers(&self, case: &str) -> bool {
        match self.case.strip_suffix('*') {
            Some(beginning) => case.starts_with(beginning),
            None => case == self.case,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(case: &str) -> Known {
        let failure = Failure { suite: "s".into(), case: case.into(), why: "so".into() };
        Known { known: vec![failure] }
    }

    #[test]
    fn a_known_failure_is_no_news() {
        assert!(known("a").news("s", &[Case::failed("a", "x")]).is_empty());
        assert!(known("a*").news("s", &[Case::failed("ab", "x")]).is_empty());
    }

    #[test]
    fn a_failure_that_is_not_known_is_news() {
        let news = known("a").news("s", &[Case::failed("a", "x"), Case::failed("ab", "y")]);
        assert_eq!(news, ["failed anew: ab: y"]);
    }

    #[test]
    fn a_known_failure_that_passes_is_news() {
        let news = known("a").news("s", &[Case::passed("a")]);
        assert_eq!(news, [format!("no longer fails: \"a\"; take it out of {PATH}")]);
    }

    #[test]
    fn failures_of_another_suite_are_not_asked_for() {
        assert!(known("a").news("other", &[Case::passed("a")]).is_empty());
    }

    #[test]
    fn a_failure_needs_a_suite_and_an_explanation() {
        assert!(known("a").check(&BTreeSet::from(["s"])).is_ok());
        assert!(known("a").check(&BTreeSet::from(["t"])).is_err());
        let mut silent = known("a");
        silent.known[0].why.clear();
        assert!(silent.check(&BTreeSet::from(["s"])).is_err());
    }
}
