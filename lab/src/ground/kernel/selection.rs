//! Which trials run in a guest.

use anyhow::{Result, bail};

use crate::model::{Driver, Trial};

/// Trials by parts of their scenarios' names, by driver, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Parts of names, of which one must be in it; all where there are none.
    pub scenarios: Vec<String>,
    /// The driver, or any.
    pub driver: Option<Driver>,
}

impl Selection {
    /// Reads it from words, as [`Selection::words`] writes it.
    pub(super) fn parse(words: &[String]) -> Result<Self> {
        let mut selection = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word != "--driver" {
                selection.scenarios.push(word.clone());
                continue;
            }
            let name = words.next().map_or("", String::as_str);
            selection.driver = Driver::ALL.into_iter().find(|driver| driver.name() == name);
            if selection.driver.is_none() {
                bail!("no driver {name:?}, there are direct, run, local and regular");
            }
        }
        Ok(selection)
    }

    /// Writes it as words of a command.
    pub(super) fn words(&self) -> Vec<&str> {
        let driver = self.driver.iter().flat_map(|driver| ["--driver", driver.name()]);
        driver.chain(self.scenarios.iter().map(String::as_str)).collect()
    }

    /// Returns whether a trial is in it.
    pub(in crate::ground) fn has(&self, trial: &Trial) -> bool {
        self.has_name(&trial.to_string()) && self.driver.is_none_or(|driver| driver == trial.driver)
    }

    /// Returns the parts of names of the eBPF driver's own tests that are wanted: `bpf` alone asks
    /// for all of them, `bpf:NAME` for some; none are wanted where nothing says so.
    pub(super) fn driver_tests(&self) -> Option<Vec<&str>> {
        let asked: Vec<&str> =
            self.scenarios.iter().filter_map(|part| part.strip_prefix("bpf")).collect();
        let names = asked.iter().filter_map(|part| part.strip_prefix(':')).collect();
        (!asked.is_empty() || self.scenarios.is_empty()).then_some(names)
    }

    /// Returns whether one of the parts is in a name.
    fn has_name(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|part| name.contains(part.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_comes_through_a_command_whole() {
        let selection =
            Selection { scenarios: vec!["http1/".into(), "udp".into()], driver: Some(Driver::Run) };
        let words: Vec<String> = selection.words().into_iter().map(str::to_owned).collect();
        assert_eq!(words, ["--driver", "run", "http1/", "udp"]);
        assert_eq!(Selection::parse(&words).unwrap(), selection);
        assert!(selection.has(&"net::http1/get::run::v4".parse().unwrap()));
        assert!(!selection.has(&"net::http1/get::local::v4".parse().unwrap()));
        assert!(!selection.has(&"net::dns/one::run::v4".parse().unwrap()));
        assert!(Selection::parse(&["--driver".into(), "none".into()]).is_err());
    }

    #[test]
    fn the_drivers_own_tests_are_asked_for_by_name() {
        let asking = |parts: &[&str]| Selection {
            scenarios: parts.iter().map(|part| (*part).to_owned()).collect(),
            driver: None,
        };
        assert_eq!(asking(&["http1/get"]).driver_tests(), None);
        assert_eq!(asking(&["http1/get", "bpf:diverts"]).driver_tests(), Some(vec!["diverts"]));
        assert_eq!(asking(&["bpf"]).driver_tests(), Some(vec![]));
        assert_eq!(asking(&[]).driver_tests(), Some(vec![]));
    }
}
