//! The table of the last runs: scenario × ground.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Result;

use super::page;
use super::results::{self, Outcome};
use crate::workspace::Workspace;

/// What became of a scenario on a ground, over all drivers and families.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) trials: Vec<Outcome>,
}

/// Scenarios by name, grounds by name, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) grounds: BTreeSet<String>,
    pub(crate) rows: BTreeMap<String, BTreeMap<String, Cell>>,
}

/// Writes the table into `target/lab` as Markdown, HTML and JUnit, and prints what it comes to.
pub(crate) fn write(workspace: &Workspace, results: &[Outcome]) -> Result<()> {
    let table = Table::new(results);
    let folder = results::folder(workspace);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("report.md"), markdown(&table))?;
    fs::write(folder.join("report.html"), page::html(&table, results))?;
    fs::write(folder.join("junit.xml"), page::junit(results))?;
    print!("\n{}", summary(results));
    println!("{}", folder.join("report.html").display());
    Ok(())
}

impl Table {
    fn new(results: &[Outcome]) -> Self {
        let mut table = Self::default();
        for result in results {
            let [ground, scenario, ..] = result.parts();
            table.grounds.insert(ground.to_owned());
            let row = table.rows.entry(scenario.to_owned()).or_default();
            row.entry(ground.to_owned()).or_default().trials.push(result.clone());
        }
        table
    }
}

impl Cell {
    /// In a word: how many passed, or what is wrong.
    pub(crate) fn words(&self) -> String {
        let counts = results::count(&self.trials);
        match (counts.passed, counts.failed, counts.skipped) {
            (passed, 0, 0) => format!("✓ {passed}"),
            (0, 0, _) => "skipped".to_owned(),
            (passed, 0, skipped) => format!("✓ {passed}, {skipped} skipped"),
            (_, failed, _) => format!("✗ {failed} of {}", self.trials.len()),
        }
    }
}

/// The table as Markdown, with what failed and what was skipped below it.
fn markdown(table: &Table) -> String {
    let mut out = String::from("| scenario |");
    table.grounds.iter().for_each(|ground| out.push_str(&format!(" {ground} |")));
    out.push_str(&format!("\n|---|{}\n", "---|".repeat(table.grounds.len())));
    for (scenario, row) in &table.rows {
        out.push_str(&format!("| {scenario} |"));
        for ground in &table.grounds {
            let words = row.get(ground).map_or_else(|| "–".to_owned(), Cell::words);
            out.push_str(&format!(" {words} |"));
        }
        out.push('\n');
    }
    let cells = table.rows.values().flat_map(BTreeMap::values);
    for trial in cells.flat_map(|cell| &cell.trials).filter(|trial| trial.verdict != "passed") {
        let first = trial.words.lines().next().unwrap_or_default();
        out.push_str(&format!("\n- {} {}: {first}", trial.trial, trial.verdict));
    }
    out.push('\n');
    out
}

/// A line for each ground, and one for each trial that did not pass.
fn summary(results: &[Outcome]) -> String {
    let mut grounds: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for result in results {
        grounds.entry(result.parts()[0]).or_default().push(result.clone());
    }
    let mut out = String::new();
    for result in results.iter().filter(|result| result.verdict == "failed") {
        let first = result.words.lines().next().unwrap_or_default();
        out.push_str(&format!("FAILED  {}: {first}\n", result.trial));
    }
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for result in results.iter().filter(|result| result.verdict == "skipped") {
        *reasons.entry((result.parts()[0], &result.words)).or_default() += 1;
    }
    for ((ground, reason), count) in reasons {
        out.push_str(&format!("SKIPPED {ground}: {count} trials: {reason}\n"));
    }
    for (ground, results) in grounds {
        let seconds: f64 = results.iter().map(|result| result.seconds).sum();
        let counts = results::count(&results);
        out.push_str(&format!("{ground:12} {counts}, {seconds:.0} s of trials\n"));
    }
    out
}
