//! Long files, long functions, and files that do not begin with what they are.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::conclude;
use crate::source::{blank, functions};
use crate::workspace::{Workspace, rust_files};

/// From here on a file is listed, and refused.
const FILE_LINES: Limit = Limit { listed: 400, refused: 600 };
const FUNCTION_LINES: Limit = Limit { listed: 80, refused: 120 };

const ALLOWED: &str = "xtask/sizes-allowed.txt";

struct Limit {
    listed: usize,
    refused: usize,
}

/// What is too long, by its name in the list of exceptions, with its length in lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    listed: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
    unnamed: Vec<String>,
}

/// Checks every Rust file of the workspace and of the fuzz targets.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut report = Report::default();
    let mut count = 0;
    for path in rust_files(&workspace.root)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let shown = path.strip_prefix(&workspace.root).unwrap_or(&path).display().to_string();
        report.measure(&shown, &text);
        count += 1;
    }
    for (what, lines) in &report.listed {
        println!("sizes: {what}: {lines} lines");
    }
    let listed = fs::read_to_string(workspace.root.join(ALLOWED)).unwrap_or_default();
    conclude("sizes", &report.findings(&allowed(&listed)?))?;
    println!("sizes: {count} files, {} long", report.listed.len());
    Ok(())
}

impl Report {
    fn measure(&mut self, path: &str, text: &str) {
        let begins = ["//!", "#![doc = include_str!"].iter().any(|start| text.starts_with(start));
        if !begins {
            self.unnamed.push(path.to_owned());
        }
        self.note(path.to_owned(), text.lines().count(), &FILE_LINES);
        for function in functions(&blank(text)) {
            self.note(format!("{path}::{}", function.name), function.lines, &FUNCTION_LINES);
        }
    }

    fn note(&mut self, what: String, lines: usize, limit: &Limit) {
        if lines > limit.refused {
            self.refused.insert(what.clone(), lines);
        }
        if lines > limit.listed {
            self.listed.insert(what, lines);
        }
    }

    fn findings(&self, allowed: &BTreeMap<String, String>) -> Vec<String> {
        let unnamed = self.unnamed.iter().map(|path| {
            format!("{path}: begin with one `//!` sentence that says what the file is")
        });
        let refused = self.refused.iter().filter(|(what, _)| !allowed.contains_key(*what));
        let refused = refused.map(|(what, lines)| {
            format!("{what}: {lines} lines; split it, or give a reason in {ALLOWED}")
        });
        let stale = allowed.keys().filter(|what| !self.refused.contains_key(*what));
        let stale = stale.map(|what| format!("{what}: short enough to leave {ALLOWED}"));
        unnamed.chain(refused).chain(stale).collect()
    }
}

/// Reads the exceptions: `PATH: REASON` or `PATH::FUNCTION: REASON` a line.
fn allowed(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once(": ") {
            Some((what, reason)) => Ok((what.to_owned(), reason.to_owned())),
            None => bail!("{ALLOWED}: no reason in {line:?}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, String)], exceptions: &str) -> Vec<String> {
        let mut report = Report::default();
        for (path, text) in files {
            report.measure(path, text);
        }
        report.findings(&allowed(exceptions).unwrap())
    }

    #[test]
    fn finds_what_is_too_long_or_unnamed() {
        let long = format!("//! A.\n{}", "\n".repeat(600));
        let function = format!("//! A.\nfn f() {{{}}}\n", "\n".repeat(120));
        let files = [
            ("a.rs", long),
            ("b.rs", function),
            ("c.rs", "use std::io;\n".to_owned()),
            ("d.rs", "#![doc = include_str!(\"../README.md\")]\n".to_owned()),
        ];
        let expected = [
            "c.rs: begin with one `//!` sentence that says what the file is",
            "a.rs: 601 lines; split it, or give a reason in xtask/sizes-allowed.txt",
            "b.rs::f: 121 lines; split it, or give a reason in xtask/sizes-allowed.txt",
        ];
        assert_eq!(findings(&files, ""), expected);
        assert_eq!(findings(&files, "a.rs: flat\nb.rs::f: flat\n"), expected[..1]);
    }

    #[test]
    fn finds_exceptions_that_are_not_needed() {
        let files = [("a.rs", "//! A.\n".to_owned())];
        let expected = ["a.rs: short enough to leave xtask/sizes-allowed.txt"];
        assert_eq!(findings(&files, "# reasons\n\na.rs: flat\n"), expected);
    }

    #[test]
    fn lists_before_it_refuses() {
        let mut report = Report::default();
        report.measure("a.rs", &format!("//! A.\n{}", "\n".repeat(400)));
        assert_eq!((report.listed.len(), report.refused.len()), (1, 0));
    }
}
