//! Where a source file says `unsafe` or names a system.

use crate::source::{blank, words};

/// Gives the lines of `text` that say what only crates marked OS may, and those only in `sys/`.
pub(super) fn check(path: &str, text: &str, os: bool) -> Vec<String> {
    let code = blank(text);
    let in_sys = path.split(['/', '\\']).any(|part| part == "sys" || part == "sys.rs");
    let mut findings = Vec::new();
    for (at, word) in words(&code) {
        let rule = match word {
            "unsafe" if !os => "`unsafe` only in crates marked os = true",
            "target_os" if !os => "`target_os` only in crates marked os = true",
            "unsafe" if !in_sys => "`unsafe` only below sys/",
            "target_os" if !in_sys => "`target_os` only below sys/",
            _ => continue,
        };
        let line = 1 + code[..at].matches('\n').count();
        findings.push(format!("{path}:{line}: {rule}"));
    }
    findings
}
