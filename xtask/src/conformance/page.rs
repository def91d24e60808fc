//! The table in `docs/conformance.md`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Report;
use super::known::Known;

/// Where the page is.
pub(crate) const PATH: &str = "docs/conformance.md";

/// What stands around the part that is written by the program.
const TABLE: [&str; 2] = ["<!-- table -->\n", "<!-- end of the table -->"];
const FAILURES: [&str; 2] = ["<!-- failures -->\n", "<!-- end of the failures -->"];

/// Writes the rows of the suites that ran, and the known failures.
pub(crate) fn bless(root: &Path, reports: &[Report], known: &Known) -> Result<()> {
    let path = root.join(PATH);
    let page = read(root)?;
    let page = with_rows(&page, reports)?;
    let page = replace(&page, FAILURES, &failures(known))?;
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))
}

/// Whether the page says of the suites that ran what they said.
pub(crate) fn is_current(root: &Path, reports: &[Report]) -> Result<bool> {
    let page = read(root)?;
    Ok(with_rows(&page, reports)? == page)
}

fn read(root: &Path) -> Result<String> {
    fs::read_to_string(root.join(PATH)).with_context(|| format!("reading {PATH}"))
}

/// Puts new rows for the suites that ran among those that are there.
fn with_rows(page: &str, reports: &[Report]) -> Result<String> {
    let mut table =
        "| suite | what | written by | cases | passed |\n|---|---|---|---|---|\n".to_owned();
    let there = between(page, TABLE)?;
    for suite in &super::SUITES {
        let ran = reports.iter().find(|report| report.suite == suite.name);
        let beginning = format!("| `{}` |", suite.name);
        let old = there.lines().find(|line| line.starts_with(&beginning)).map(str::to_owned);
        let new = ran.filter(|report| report.skipped.is_none()).map(row);
        if let Some(row) = new.or(old) {
            table.push_str(&row);
            table.push('\n');
        }
    }
    replace(page, TABLE, &table)
}

fn row(report: &Report) -> String {
    let (all, failed) = (report.cases.len(), report.failed());
    let Report { suite, what, by, .. } = report;
    format!("| `{suite}` | {what} | {by} | {all} | {} |", all - failed)
}

fn failures(known: &Known) -> String {
    let line = |failure: &super::known::Failure| {
        format!("- `{}`, {}: {}\n", failure.suite, failure.case, failure.why.trim())
    };
    match known.known.is_empty() {
        true => "None.\n".to_owned(),
        false => known.known.iter().map(line).collect(),
    }
}

fn between<'a>(page: &'a str, [begin, end]: [&str; 2]) -> Result<&'a str> {
    let part = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    part.map(|(part, _)| part).with_context(|| format!("{PATH} has no {begin:?}"))
}

fn replace(page: &str, marks: [&str; 2], with: &str) -> Result<String> {
    let old = format!("{}{}{}", marks[0], between(page, marks)?, marks[1]);
    Ok(page.replace(&old, &format!("{}{with}{}", marks[0], marks[1])))
}
