//! The command line of a comparison.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use lexopt::prelude::*;

use super::setup::Setup;
use super::unit::Unit;

/// How a comparison is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The release build that is measured.
    pub sidestream: PathBuf,
    /// hudsucker as a program.
    pub hudsucker: Option<PathBuf>,
    /// What is measured.
    pub units: Vec<Unit>,
    /// Beside what; the direct way is always there.
    pub setups: Vec<Setup>,
    /// How often everything is measured in turn.
    pub rounds: usize,
    /// Whether little is measured.
    pub quick: bool,
    /// Where the figures go for machines.
    pub json: Option<PathBuf>,
    /// Whether this process is in a network of its own already.
    pub inside: bool,
}

impl Options {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// It makes no sense; the message says what there is.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut parser = lexopt::Parser::from_args(words);
        let (mut sidestream, mut hudsucker) = (None, None);
        let (mut rounds, mut json) = (None, None);
        let (mut units, mut setups) = (Vec::new(), Vec::new());
        let (mut quick, mut inside) = (false, false);
        while let Some(word) = parser.next()? {
            match word {
                Long("sidestream") => sidestream = Some(parser.value()?.into()),
                Long("hudsucker") => hudsucker = Some(absolute(parser.value()?.into())?),
                Long("setup") => setups.push(setup(&parser.value()?.string()?)?),
                Long("rounds") => rounds = Some(parser.value()?.parse()?),
                Long("json") => json = Some(absolute(parser.value()?.into())?),
                Long("quick") => quick = true,
                Long("inside") => inside = true,
                Value(name) => units.push(unit(&name.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        let rounds = rounds.unwrap_or(if quick { 3 } else { 5 });
        ensure!(rounds > 0, "no rounds to measure");
        if units.is_empty() {
            units = Unit::ALL.to_vec();
        }
        if setups.is_empty() {
            setups = Setup::ALL.to_vec();
        }
        setups.retain(|setup| *setup != Setup::Direct);
        setups.insert(0, Setup::Direct);
        let sidestream = sidestream.context("say what to measure: --sidestream PROGRAM")?;
        let sidestream = absolute(sidestream)?;
        Ok(Self { sidestream, hudsucker, units, setups, rounds, quick, json, inside })
    }
}

fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(&path).with_context(|| format!("finding {}", path.display()))
}

fn unit(name: &str) -> anyhow::Result<Unit> {
    match Unit::ALL.into_iter().find(|unit| unit.name() == name) {
        Some(unit) => Ok(unit),
        None => bail!("no unit {name:?}; there are {}", Unit::ALL.map(Unit::name).join(", ")),
    }
}

fn setup(name: &str) -> anyhow::Result<Setup> {
    match Setup::ALL.into_iter().find(|setup| setup.name() == name) {
        Some(setup) => Ok(setup),
        None => bail!("no setup {name:?}; there are {}", Setup::ALL.map(Setup::name).join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> anyhow::Result<Options> {
        Options::parse(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn measures_everything_unless_told_otherwise() {
        let options = parse("--sidestream /bin/s").unwrap();
        assert_eq!((options.units.len(), options.setups.len()), (20, 15));
        assert_eq!((options.rounds, options.quick), (5, false));
    }

    #[test]
    fn measures_what_it_is_told_always_beside_the_direct_way() {
        let options = parse("http1 idle --setup run --quick --sidestream /bin/s").unwrap();
        assert_eq!(options.units, [Unit::Http1, Unit::Idle]);
        assert_eq!(options.setups, [Setup::Direct, Setup::Run]);
        assert_eq!((options.rounds, options.quick), (3, true));
    }

    #[test]
    fn says_what_there_is() {
        let error = |words| parse(words).unwrap_err().to_string();
        insta::assert_snapshot!(error("http3"), @r#"no unit "http3"; there are http1, http2, connection, connection-hybrid, first-seen, first-seen-hybrid, download, upload, raw, raw-up, raw-connection, idle, open, open-half, latency, connect, connect-udp, hook, start, capture"#);
        insta::assert_snapshot!(error("--setup squid"), @r#"no setup "squid"; there are direct, relay, bare, nginx, hudsucker, run, unrecorded, rules, shared, regular, local, passed, beside, tun, tun-1500"#);
        insta::assert_snapshot!(error("--rounds 0 --sidestream s"), @"no rounds to measure");
        insta::assert_snapshot!(error("http1"), @"say what to measure: --sidestream PROGRAM");
    }
}
