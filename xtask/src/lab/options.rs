//! What of the lab is to run.

use anyhow::{Result, ensure};
use lexopt::prelude::*;

/// The grounds that there are, quick ones first.
const GROUNDS: [&str; 7] = ["sim", "net", "ctr", "kernel", "vm", "wine", "netext-sim"];
/// What runs where nothing is named; virtual machines take minutes and are asked for.
const USUAL: [&str; 4] = ["sim", "net", "ctr", "kernel"];

/// What of the lab is to run, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Parts of scenarios' names; all where there is none.
    pub(crate) scenarios: Vec<String>,
    /// Names of grounds.
    pub(crate) grounds: Vec<String>,
    /// Versions of kernels; the usual ones where there is none.
    pub(crate) kernels: Vec<String>,
    /// Every kernel that can be had.
    pub(crate) all_kernels: bool,
    /// The system of the vm ground.
    pub(crate) os: Option<String>,
    /// One driver alone.
    pub(crate) driver: Option<String>,
    /// Leaves hosts standing.
    pub(crate) keep: bool,
    /// Writes what went over the links, also where all went well.
    pub(crate) pcap: bool,
    /// What is skipped has failed; `LAB_REQUIRE` in the environment says the same of single grounds.
    pub(crate) required: bool,
    /// Takes transcripts as they are now.
    pub(crate) bless: bool,
}

impl Options {
    /// Everything that is usual.
    pub(crate) fn usual() -> Self {
        Self { grounds: USUAL.map(str::to_owned).to_vec(), ..Self::default() }
    }

    /// Everything that is usual, and nothing of it may be skipped.
    pub(crate) fn required() -> Self {
        Self { required: true, ..Self::usual() }
    }

    /// Reads the command line.
    pub(crate) fn parse(words: Vec<String>) -> Result<Self> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("ground") => {
                    let names = parser.value()?.string()?;
                    for name in names.split(',') {
                        ensure!(GROUNDS.contains(&name), "no ground {name:?}: {GROUNDS:?}");
                        options.grounds.push(name.to_owned());
                    }
                }
                Long("kernel") => options.kernels.push(parser.value()?.string()?),
                Long("all") => options.all_kernels = true,
                Long("os") => options.os = Some(parser.value()?.string()?),
                Long("driver") => options.driver = Some(parser.value()?.string()?),
                Long("keep") => options.keep = true,
                Long("pcap") => options.pcap = true,
                Long("bless") => options.bless = true,
                Value(name) => options.scenarios.push(name.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        if options.grounds.is_empty() {
            options.grounds = Self::usual().grounds;
        }
        Ok(options)
    }

    /// Whether a trial is among them, by its name.
    pub(crate) fn wants(&self, trial: &str) -> bool {
        let mut parts = trial.split("::");
        let (ground, scenario) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let driver = parts.next();
        // `kernel-6.1` is of the ground `kernel`.
        let of_ground = |name: &String| {
            ground == name
                || ground.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-'))
        };
        let of_driver = |wanted: &String| driver.is_none_or(|driver| driver == wanted);
        self.grounds.iter().any(of_ground)
            && (self.scenarios.is_empty()
                || self.scenarios.iter().any(|part| scenario.contains(part)))
            && self.driver.as_ref().is_none_or(of_driver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        Options::parse(line.split_whitespace().map(str::to_owned).collect()).unwrap()
    }

    #[test]
    fn a_trial_is_wanted_by_its_ground_its_scenario_and_its_driver() {
        let options = parse("http1/ --ground net,kernel --driver run");
        assert!(options.wants("net::http1/get::run::v4"));
        assert!(options.wants("kernel-6.1::http1/get::run::v4"));
        assert!(!options.wants("net::http1/get::local::v4"));
        assert!(!options.wants("net::http2/get::run::v4"));
        assert!(!options.wants("sim::http1/get::run::v4"));
    }

    #[test]
    fn virtual_machines_have_to_be_asked_for() {
        assert_eq!(parse("").grounds, ["sim", "net", "ctr", "kernel"]);
        assert_eq!(parse("--ground vm").grounds, ["vm"]);
    }

    #[test]
    fn an_unknown_ground_is_refused() {
        let error = Options::parse(vec!["--ground".into(), "moon".into()]).unwrap_err();
        assert!(error.to_string().starts_with("no ground \"moon\""), "{error}");
    }
}
