//! `cargo xtask conformance`: suites that others wrote, through Sidestream.

mod compare;
mod ground;
mod known;
mod options;
mod origin;
mod page;
mod suites;
mod tools;

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use self::ground::Ground;
use self::known::Known;
use self::options::Options;
use self::suites::{SUITES, Suite};
use self::tools::Missing;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// What became of one case of a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Why it failed; nothing where it passed.
    pub(crate) failed: Option<String>,
}

/// What a suite found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What it is and in which version.
    pub(crate) by: String,
    pub(crate) cases: Vec<Case>,
}

/// What became of a suite.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    suite: &'static str,
    what: &'static str,
    by: String,
    cases: Vec<Case>,
    skipped: Option<String>,
    /// Failures that nobody knows yet, and known ones that no longer happen.
    news: Vec<String>,
    seconds: f64,
}

impl Case {
    /// A case that went as it should.
    pub(crate) fn passed(name: impl Into<String>) -> Self {
        Self { name: name.into(), failed: None }
    }

    /// A case that did not.
    pub(crate) fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), failed: Some(why.into()) }
    }
}

impl Report {
    /// Judges what a suite found. One that breaks off is a failure of its own.
    fn new(suite: &Suite, found: Result<Found>, known: &Known, took: Duration) -> Self {
        let (Found { by, cases }, skipped) = match found {
            Ok(found) => (found, None),
            Err(error) if error.is::<Missing>() => (Found::default(), Some(error.to_string())),
            Err(error) => {
                let cases = vec![Case::failed("the suite runs to its end", format!("{error:#}"))];
                (Found { by: String::new(), cases }, None)
            }
        };
        let news = if skipped.is_some() { Vec::new() } else { known.news(suite.name, &cases) };
        let seconds = took.as_secs_f64();
        Self { suite: suite.name, what: suite.what, by, cases, skipped, news, seconds }
    }

    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.failed.is_some()).count()
    }

    fn line(&self) -> String {
        let (name, seconds) = (self.suite, self.seconds);
        match &self.skipped {
            Some(why) => format!("{name:16} skipped: {why}"),
            None => {
                let (all, failed) = (self.cases.len(), self.failed());
                format!("{name:16} {:4} of {all:4} passed, {seconds:5.1} s", all - failed)
            }
        }
    }
}

/// Runs what the command line names, prints the table, and fails for what is new.
pub(crate) fn main(workspace: &Workspace, words: Vec<String>) -> Result<()> {
    let options = Options::parse(words)?;
    if options.list {
        for suite in &SUITES {
            let when = if suite.usual { "usual" } else { "asked for" };
            println!("{:16} {when:10} {}", suite.name, suite.what);
        }
        return Ok(());
    }
    let reports = run(workspace, &options.wanted())?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        reports.iter().for_each(|report| println!("{}", report.line()));
    }
    if options.bless {
        return page::bless(&workspace.root, &reports, &Known::read(&workspace.root)?);
    }
    conclude(workspace, &reports)
}

/// Runs the usual suites, for continuous integration.
pub(crate) fn ci(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let reports = run(workspace, &Options::default().wanted())?;
    for report in &reports {
        println!("{}", report.line());
        match report.skipped {
            Some(_) => counts.skipped += 1,
            None => counts.passed += report.cases.len() - report.failed(),
        }
        counts.failed += report.news.len();
    }
    conclude(workspace, &reports)
}

fn run(workspace: &Workspace, wanted: &[&'static Suite]) -> Result<Vec<Report>> {
    let known = Known::read(&workspace.root)?;
    known.check(&SUITES.iter().map(|suite| suite.name).collect::<BTreeSet<_>>())?;
    let ground = Ground::prepare(workspace)?;
    let mut reports = Vec::new();
    for suite in wanted {
        eprintln!("conformance: {}", suite.name);
        let started = Instant::now();
        let found = (suite.run)(&ground);
        reports.push(Report::new(suite, found, &known, started.elapsed()));
    }
    Ok(reports)
}

/// Fails for what is new, for what must run and was skipped, and for a page that says otherwise.
fn conclude(workspace: &Workspace, reports: &[Report]) -> Result<()> {
    let must_run = env::var_os("SIDESTREAM_MUST_RUN").is_some_and(|value| value == "1");
    let mut findings: Vec<String> = Vec::new();
    for report in reports {
        let named = |words: &String| format!("{}: {words}", report.suite);
        findings.extend(report.news.iter().map(named));
        findings.extend(report.skipped.iter().filter(|_| must_run).map(named));
    }
    if !findings.is_empty() {
        return crate::conclude("conformance", &findings);
    }
    if page::is_current(&workspace.root, reports)? {
        return Ok(());
    }
    bail!("{} says otherwise: `cargo xtask conformance --bless` writes it anew", page::PATH)
}
