//! What a kernel says on its console, and whether that is its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Result;

use super::End;

/// How many lines are told when a guest ends without a word.
const LAST: usize = 12;

/// The growing log of a console.
#[derive(Debug)]
pub(super) struct Console {
    file: File,
    pending: Vec<u8>,
    last: VecDeque<String>,
    trouble: Option<End>,
}

impl Console {
    /// Makes an empty log for QEMU to write and follows it.
    pub(super) fn create(path: &Path) -> Result<Self> {
        File::create(path)?;
        let file = File::open(path)?;
        Ok(Self { file, pending: Vec::new(), last: VecDeque::new(), trouble: None })
    }

    /// Reads what has come; returns whether anything has.
    pub(super) fn read(&mut self) -> Result<bool> {
        let read = self.file.read_to_end(&mut self.pending)?;
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.line(String::from_utf8_lossy(&line).trim_end());
        }
        Ok(read > 0)
    }

    /// Returns the first thing that it cannot get over, if there was any.
    pub(super) fn trouble(&self) -> Option<&End> {
        self.trouble.as_ref()
    }

    /// Returns the last lines.
    pub(super) fn last(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn line(&mut self, line: &str) {
        self.trouble = self.trouble.take().or_else(|| trouble_in(line));
        if !line.is_empty() {
            self.last.push_back(line.to_owned());
        }
        while self.last.len() > LAST {
            self.last.pop_front();
        }
    }
}

/// Whether a line is a kernel's last words. Stalls and hung tasks are none: a machine that is
/// emulated on a busy one has them and goes on.
fn trouble_in(line: &str) -> Option<End> {
    let panics = ["Kernel panic - not syncing", "BUG: kernel ", "BUG: unable ", "Oops: "];
    let stuck = ["BUG: soft lockup", "hard LOCKUP"];
    let text = strip_time(line).to_owned();
    if stuck.iter().any(|words| line.contains(words)) {
        return Some(End::Stuck(text));
    }
    panics.iter().any(|words| line.contains(words)).then_some(End::Panicked(text))
}

/// A line without the `[   12.345678] ` in front of it.
fn strip_time(line: &str) -> &str {
    let time = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    time.map_or(line, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<End>) {
        assert_eq!(trouble_in(line), expected);
    }

    #[test]
    fn last_words_are_told_from_others() {
        check(
            "[    3.14] Kernel panic - not syncing: sysrq triggered crash",
            Some(End::Panicked("Kernel panic - not syncing: sysrq triggered crash".into())),
        );
        check(
            "[   44.1] watchdog: BUG: soft lockup - CPU#0 stuck for 67s! [sh:99]",
            Some(End::Stuck("watchdog: BUG: soft lockup - CPU#0 stuck for 67s! [sh:99]".into())),
        );
        check(
            "BUG: kernel NULL pointer dereference, address: 0",
            Some(End::Panicked("BUG: kernel NULL pointer dereference, address: 0".into())),
        );
        check("[   33.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", None);
        check("[    0.0] Command line: oops=panic panic=-1", None);
    }

    #[test]
    fn a_log_is_followed_line_by_line() {
        use std::io::Write as _;

        let mut log = tempfile::NamedTempFile::new().unwrap();
        let mut console = Console::create(log.path()).unwrap();
        assert!(!console.read().unwrap());
        write!(log, "[ 1.0] one\r\n[ 2.0] Kernel pan").unwrap();
        assert!(console.read().unwrap() && console.trouble().is_none());
        write!(log, "ic - not syncing: x\r\n").unwrap();
        assert!(console.read().unwrap());
        let expected = End::Panicked("Kernel panic - not syncing: x".into());
        assert_eq!(console.trouble(), Some(&expected));
        assert_eq!(console.last(), "[ 1.0] one\n[ 2.0] Kernel panic - not syncing: x");
    }
}
