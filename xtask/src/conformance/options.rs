//! The command line of `cargo xtask conformance`.

use anyhow::{Result, bail};
use lexopt::prelude::*;

use super::suites::{SUITES, Suite};

/// Which suites are to run, and what is to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Names of suites; the usual ones where there is none.
    suites: Vec<&'static str>,
    /// Every suite, those that take long included.
    all: bool,
    /// Names them and runs none.
    pub(crate) list: bool,
    /// Prints every case, as JSON.
    pub(crate) json: bool,
    /// Writes the page anew.
    pub(crate) bless: bool,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn parse(words: Vec<String>) -> Result<Self> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("all") => options.all = true,
                Long("bless") => options.bless = true,
                Long("json") => options.json = true,
                Long("list") => options.list = true,
                Value(name) => {
                    let name = name.string()?;
                    let Some(suite) = SUITES.iter().find(|suite| suite.name == name) else {
                        let known: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
                        bail!("no suite {name:?}; there are {}", known.join(", "));
                    };
                    options.suites.push(suite.name);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// Gives the suites, in their own order.
    pub(crate) fn wanted(&self) -> Vec<&'static Suite> {
        let is_wanted = |suite: &&Suite| {
            let named = self.suites.contains(&suite.name);
            named || self.all || (self.suites.is_empty() && suite.usual)
        };
        SUITES.iter().filter(is_wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned).collect())
    }

    fn names(line: &str) -> Vec<&'static str> {
        parse(line).unwrap().wanted().iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn the_usual_suites_run_where_none_is_named() {
        let usual: Vec<_> = SUITES.iter().filter(|suite| suite.usual).map(|s| s.name).collect();
        assert_eq!(names(""), usual);
        assert_eq!(names("--all").len(), SUITES.len());
    }

    #[test]
    fn a_named_suite_runs_alone() {
        assert_eq!(names("http2-ends"), ["http2-ends"]);
    }

    #[test]
    fn an_unknown_suite_is_refused() {
        let error = parse("http4").unwrap_err().to_string();
        assert!(error.starts_with("no suite \"http4\"; there are http2-ends"), "{error}");
    }
}
