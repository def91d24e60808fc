//! `/proc/PID/stat`, the one file that identifies a process.

use std::collections::HashMap;
use std::fs;

/// What of `/proc/PID/stat` is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) parent: u32,
    /// Clock ticks after boot.
    pub(crate) started: u64,
    /// Where the stack begins: an `exec` moves it, so it tells one program from the next in the
    /// same process. Zero where the caller may not look.
    pub(crate) stack: u64,
}

impl Stat {
    pub(crate) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses the file; the name is whatever the process chose, parentheses included.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
        let rest = str::from_utf8(text.get(close + 1..)?).ok()?;
        // proc_pid_stat(5) counts from 1; the first field here is the third, the state.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            name,
            parent: u32::try_from(field(4)?).ok()?,
            started: field(22)?,
            stack: field(28).unwrap_or(0),
        })
    }
}

/// Lists the living descendants of a process, those of each before those of the next.
///
/// A snapshot: a process that is made while it is taken may be missed.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for pid in pids() {
        if let Some(stat) = Stat::read(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, u32, u64, u64)>) {
        let stat = Stat::parse(text.as_bytes());
        let stat = stat.as_ref().map(|s| (s.name.as_str(), s.parent, s.started, s.stack));
        assert_eq!(stat, expected);
    }

    const TAIL: &str = "2 2 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1000 10 99 1 1 555 0";

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        check(&format!("7 (a) b (c) S 3 {TAIL}"), Some(("a) b (c", 3, 777, 555)));
    }

    #[test]
    fn a_cut_file_is_nothing() {
        for text in ["", "7", "7 (a", "7 a)", "7 (a) S", "7 (a) S 3 2 2"] {
            check(text, None);
        }
    }

    #[test]
    fn a_hidden_stack_is_zero() {
        let cut = TAIL.split(" 1000").next().unwrap_or_default();
        check(&format!("7 (a) S 3 {cut}"), Some(("a", 3, 777, 0)));
    }
}
