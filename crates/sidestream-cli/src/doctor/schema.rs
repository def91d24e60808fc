//! The types of `doctor --json`.

use serde::Serialize;
use sidestream::os::{Driver, Finding, Outcome, Report};

use super::{Folder, picked};

/// All that the doctor found.
#[derive(Debug, Serialize)]
pub(super) struct Doctor<'a> {
    version: &'static str,
    system: &'a str,
    is_root: bool,
    confdir: Option<String>,
    root: Root,
    run: Option<&'static str>,
    drivers: Vec<DriverLine<'a>>,
    leftovers: [String; 0],
}

#[derive(Debug, Serialize)]
struct Root {
    well: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct DriverLine<'a> {
    name: &'static str,
    mode: &'static str,
    usable: bool,
    capabilities: String,
    findings: Vec<FindingLine<'a>>,
}

#[derive(Debug, Serialize)]
struct FindingLine<'a> {
    what: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    remedy: Option<&'static str>,
}

impl<'a> Doctor<'a> {
    pub(super) fn new(report: &'a Report, folder: &Folder<'_>) -> Self {
        let (well, text) = folder.root();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            system: &report.system,
            is_root: report.is_root,
            confdir: folder.path.map(|path| path.display().to_string()),
            root: Root { well, text },
            run: picked(report).map(|driver| driver.name),
            drivers: report.drivers.iter().map(DriverLine::new).collect(),
            leftovers: [],
        }
    }
}

impl<'a> DriverLine<'a> {
    fn new(driver: &'a Driver) -> Self {
        Self {
            name: driver.name,
            mode: driver.mode,
            usable: driver.is_usable(),
            capabilities: driver.capabilities.to_string(),
            findings: driver.findings.iter().map(FindingLine::new).collect(),
        }
    }
}

impl<'a> FindingLine<'a> {
    fn new(finding: &'a Finding) -> Self {
        let (outcome, reason, remedy) = match &finding.outcome {
            Outcome::Fine => ("fine", None, None),
            Outcome::Missing { reason, remedy } => ("missing", Some(reason.as_str()), *remedy),
            Outcome::Untried => ("untried", None, None),
        };
        Self { what: &finding.what, outcome, reason, remedy }
    }
}
