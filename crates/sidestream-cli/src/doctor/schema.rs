//! The types of `doctor --json`.

use serde::Serialize;
use sidestream::os::helper::{Rights, Status};
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
    local: Option<&'static str>,
    transparent: Option<&'static str>,
    helper: Helper<'a>,
    drivers: Vec<DriverLine<'a>>,
    leftovers: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Root {
    well: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct Helper<'a> {
    path: Option<String>,
    rights: Option<&'static str>,
    reason: Option<&'static str>,
    remedy: Option<&'static str>,
    group: Option<&'a str>,
    in_group: bool,
}

#[derive(Debug, Serialize)]
struct DriverLine<'a> {
    name: &'static str,
    mode: &'static str,
    usable: bool,
    capabilities: String,
    findings: Vec<FindingLine<'a>>,
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
struct FindingLine<'a> {
    what: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    remedy: Option<&'static str>,
}

impl<'a> Doctor<'a> {
    pub(super) fn new(report: &'a Report, folder: &Folder<'_>, helper: &'a Status) -> Self {
        let (well, text) = folder.root();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            system: &report.system,
            is_root: report.is_root,
            confdir: folder.path.map(|path| path.display().to_string()),
            root: Root { well, text },
            run: picked(report, "run").map(|driver| driver.name),
            local: picked(report, "local").map(|driver| driver.name),
            transparent: picked(report, "transparent").map(|driver| driver.name),
            helper: Helper::new(helper),
            drivers: report.drivers.iter().map(DriverLine::new).collect(),
            leftovers: crate::repair::left_overs(),
        }
    }
}

impl<'a> Helper<'a> {
    fn new(status: &'a Status) -> Self {
        let (rights, reason, remedy) = match status.rights {
            Rights::By(way) => (Some(way), None, None),
            Rights::Lacking { reason, remedy } => (None, Some(reason), Some(remedy)),
        };
        Self {
            path: status.found.as_ref().map(|path| path.display().to_string()),
            rights,
            reason,
            remedy,
            group: status.group.as_deref(),
            in_group: status.in_group,
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
            notes: &driver.notes,
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
