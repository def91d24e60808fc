//! `doctor`: what this machine can do, and why not.

mod schema;

use std::io::{self, Write};
use std::path::Path;

use sidestream::os::helper;
use sidestream::os::{Driver, Finding, Outcome, Report};

use crate::exit::Exit;
use crate::print::{Color, Style};
use crate::repair;
use crate::root::Kept;

/// What is known of the root's folder.
#[derive(Debug)]
struct Folder<'a> {
    path: Option<&'a Path>,
    root: Result<bool, String>,
    exposed: bool,
}

impl<'a> Folder<'a> {
    fn look(path: Option<&'a Path>) -> Self {
        let kept = path.map(Kept::new);
        let root = kept.as_ref().map_or(Ok(None), Kept::read);
        Self {
            path,
            root: root.map(|root| root.is_some()).map_err(|error| error.to_string()),
            exposed: kept.is_some_and(|kept| kept.is_exposed()),
        }
    }

    /// Words the state of the root, and says whether it is well.
    fn root(&self) -> (bool, String) {
        match (&self.root, self.path) {
            (_, None) => (false, "no folder is known, name one: --confdir DIR".into()),
            (Err(error), _) => (false, error.clone()),
            (Ok(_), _) if self.exposed => {
                (false, "others can read its key, take that from them: chmod 600 root.pem".into())
            }
            (Ok(true), _) => (true, "is there".into()),
            (Ok(false), _) => (true, "is made on first use".into()),
        }
    }
}

/// The modes that need a driver of this system, and what does where there is none.
const MODES: [(&str, &str); 3] =
    [("run", "use --mode regular"), ("local", "use run"), ("transparent", "use --mode wireguard")];

/// Prints what this machine can do. Exits 0 if `run` works here.
///
/// # Errors
///
/// The output cannot be written.
pub fn doctor(folder: Option<&Path>, json: bool, style: Style) -> anyhow::Result<Exit> {
    let report = sidestream::os::check();
    let folder = Folder::look(folder);
    let mut out = io::stdout().lock();
    if json {
        let helper = helper::status();
        serde_json::to_writer_pretty(&mut out, &schema::Doctor::new(&report, &folder, &helper))?;
        writeln!(out)?;
    } else {
        table(&mut out, &report, &folder, style)?;
    }
    Ok(if picked(&report, "run").is_some() { Exit::Success } else { Exit::Failure })
}

/// Returns the driver that a mode uses here.
fn picked<'a>(report: &'a Report, mode: &str) -> Option<&'a Driver> {
    report.drivers.iter().find(|driver| driver.mode == mode && driver.is_usable())
}

fn table(
    out: &mut impl Write,
    report: &Report,
    folder: &Folder<'_>,
    style: Style,
) -> io::Result<()> {
    let mut row = |well: Option<bool>, what: &str, how: &str| {
        let mark = match well {
            Some(true) => style.paint(Color::Green, "ok  "),
            Some(false) => style.paint(Color::Red, "no  "),
            None => style.paint(Color::Dim, "-   "),
        };
        writeln!(out, "{mark}{what:37} {how}")
    };
    let user = if report.is_root { "root" } else { "an ordinary user" };
    row(None, "system", &format!("{}, as {user}", report.system))?;
    let path = folder.path.map(|path| path.display().to_string());
    row(None, "folder", path.as_deref().unwrap_or("not known"))?;
    let (well, how) = folder.root();
    row(Some(well), "root", &how)?;
    for driver in &report.drivers {
        for finding in &driver.findings {
            let (well, how) = outcome(finding);
            row(well, &finding.what, &how)?;
        }
    }
    for (mode, instead) in MODES {
        match picked(report, mode) {
            Some(driver) => {
                row(Some(true), mode, &format!("by {}", driver.name))?;
                row(None, "", &driver.capabilities.to_string())?;
                driver.notes.iter().try_for_each(|note| row(None, "", note))?;
            }
            None if report.drivers.iter().any(|driver| driver.mode == mode) => {
                row(Some(false), mode, &format!("see above, or {instead}"))?;
            }
            None => {
                row(Some(false), mode, &format!("no driver for this system yet, {instead}"))?;
            }
        }
    }
    match &repair::left_overs()[..] {
        [] => row(Some(true), "left-overs", "none"),
        found => found.iter().try_for_each(|what| {
            row(Some(false), "left-overs", &format!("{what}, undo it: sidestream repair"))
        }),
    }
}

fn outcome(finding: &Finding) -> (Option<bool>, String) {
    match &finding.outcome {
        Outcome::Fine => (Some(true), String::new()),
        Outcome::Untried => (None, "not tried".into()),
        Outcome::Missing { reason, remedy: None } => (Some(false), reason.clone()),
        Outcome::Missing { reason, remedy: Some(remedy) } => {
            (Some(false), format!("{reason}: {remedy}"))
        }
    }
}
