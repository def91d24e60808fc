//! `/proc/PID/stat`, the one file that identifies a process.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::{fs, iter};

use crate::Sighting;

/// Marks a thread of the kernel among the flags of a process (`PF_KTHREAD`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What of `/proc/PID/stat` is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) name: String,
    /// Whether it has ended, and waits only for its parent to see how.
    pub(crate) ended: bool,
    pub(crate) parent: u32,
    pub(crate) is_kernel: bool,
    /// Clock ticks after boot.
    pub(crate) started: u64,
    /// Where the stack begins: an `exec` moves it, so it tells one program from the next in the
    /// same process. Zero where the caller may not look.
    pub(crate) stack: u64,
}

/// Longer than all 52 numbers and a name.
const MAX_LEN: usize = 2048;

impl Stat {
    pub(crate) fn read(pid: u32) -> Option<Self> {
        // It comes whole with the first read, as it is made then.
        let mut text = [0; MAX_LEN];
        let len = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut text).ok()?;
        Self::parse(text.get(..len)?)
    }

    /// Parses the file; the name is whatever the process chose, parentheses included.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
        let rest = str::from_utf8(text.get(close + 1..)?).ok()?;
        // proc_pid_stat(5) counts from 1; the first field here is the third, the state.
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(28).collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            name,
            ended: matches!(*fields.first()?, "Z" | "X"),
            is_kernel: field(9)? & KERNEL_THREAD != 0,
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
    for seen in scan() {
        children.entry(seen.parent).or_default().push(seen.pid);
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

/// Iterates over the living descendants of a process as they are looked for: first, at little cost
/// for each, what the kernel lists as children, the newest first; then what [`tree`] finds, as not
/// every kernel has such lists, and a child may be missing while others end.
pub(super) fn descendants(root: u32) -> impl Iterator<Item = u32> {
    let (mut below, mut last) = (Vec::new(), Some(root));
    let listed = iter::from_fn(move || {
        below.extend(last.into_iter().flat_map(children));
        last = below.pop();
        last
    });
    listed.chain(iter::once_with(move || tree(root)).flatten())
}

/// Iterates over the children of a process, the oldest first; over none where the kernel has no
/// lists of them.
fn children(pid: u32) -> impl Iterator<Item = u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.flat_map(|thread| {
        let listed = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        listed.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
    })
}

/// Iterates over all processes as they are looked for, those of a user first, and of each the
/// newest.
pub(super) fn newest_first(uid: u32) -> impl Iterator<Item = u32> {
    let all = move || {
        let mut pids: Vec<u32> = pids().collect();
        pids.sort_unstable_by(|left, right| right.cmp(left));
        let is_theirs = move |pid: &u32| {
            fs::metadata(format!("/proc/{pid}")).is_ok_and(|folder| folder.uid() == uid)
        };
        let others = pids.clone().into_iter().filter(move |pid| !is_theirs(pid));
        pids.into_iter().filter(is_theirs).chain(others)
    };
    iter::once_with(all).flatten()
}

/// Iterates over what runs, in no order, at the cost of one small file a process.
///
/// A snapshot: a process that is made while it is taken may be missed.
pub fn scan() -> impl Iterator<Item = Sighting> {
    pids().filter_map(|pid| {
        let Stat { parent, is_kernel, ended, started, .. } = Stat::read(pid)?;
        Some(Sighting { pid, parent, started_ticks: started, is_kernel, has_ended: ended })
    })
}

/// Tells whether a process that started so many nanoseconds after boot, as the kernel counts
/// them, is the one that `/proc` says started so many clock ticks after boot.
///
/// Clock ticks are coarse, usually 10 ms, and are rounded down.
pub fn same_start(started_ns: u64, started_ticks: u64) -> bool {
    started_ns / (1_000_000_000 / ticks_per_second()) == started_ticks
}

/// Returns how many clock ticks `/proc` counts in a second.
pub(super) fn ticks_per_second() -> u64 {
    // SAFETY: the call takes no pointers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).unwrap_or(100).clamp(1, 1_000_000_000)
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn threads_of_the_kernel_and_what_has_ended_are_marked() {
        let stat = |state, flags: u64| {
            Stat::parse(format!("2 (x) {state} 0 0 0 0 -1 {flags} {TAIL}").as_bytes()).unwrap()
        };
        assert!(stat('S', 0x0020_8040).is_kernel);
        assert!(!stat('S', 0x0040_0100).is_kernel);
        assert!(stat('Z', 0).ended && !stat('R', 0).ended);
    }

    #[test]
    fn a_start_in_ticks_is_the_start_in_nanoseconds_rounded_down() {
        let tick_ns = 1_000_000_000 / super::ticks_per_second();
        for (ns, ticks, same) in
            [(0, 0, true), (tick_ns - 1, 0, true), (tick_ns, 1, true), (tick_ns, 0, false)]
        {
            assert_eq!(super::same_start(ns, ticks), same, "{ns} {ticks}");
        }
    }

    #[test]
    fn a_hidden_stack_is_zero() {
        let cut = TAIL.split(" 1000").next().unwrap_or_default();
        check(&format!("7 (a) S 3 {cut}"), Some(("a", 3, 777, 0)));
    }

    proptest! {
        #[test]
        fn no_text_is_a_reason_to_panic(text in "[()SZ0-9 \\-]{0,120}", cut in any::<Vec<u8>>()) {
            Stat::parse(text.as_bytes());
            Stat::parse(&cut);
        }
    }
}
