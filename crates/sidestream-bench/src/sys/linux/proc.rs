//! What the files of `/proc/PID` say.

use std::time::Duration;

/// Ticks a second in which the kernel tells times to programs, on all machines of today.
const TICKS: u64 = 100;

/// What `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The parent's process id.
    pub(crate) parent: u32,
    /// The time on a processor of all threads, those that have ended included.
    pub(crate) cpu_time: Duration,
}

impl Stat {
    /// Reads the line; `None` if it makes no sense.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may hold any of the others' characters.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // Numbered from 1 in proc_pid_stat(5); the state after the name is 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = field(14)? + field(15)?;
        let cpu_time = Duration::from_millis(ticks * 1000 / TICKS);
        Some(Self { parent: field(4)?.try_into().ok()?, cpu_time })
    }
}

/// Reads the resident memory in KB from `/proc/PID/status`.
pub(crate) fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u32, u64)>) {
        let parsed = Stat::parse(text).map(|stat| (stat.parent, stat.cpu_time.as_millis()));
        assert_eq!(parsed, expected.map(|(parent, ms)| (parent, u128::from(ms))), "{text}");
    }

    #[test]
    fn reads_the_line_of_a_process() {
        check("7 (cat) R 5 7 7 0 -1 4194304 90 0 0 0 12 30 4 5 20 0 1 0 99", Some((5, 420)));
        check("7 (a) R 1 (b) S 5 7 7 0 -1 0 90 0 0 0 1 0 4 5 20 0 1 0 99", Some((5, 10)));
        check("7 (cat) R 5 7", None);
        check("", None);
    }

    #[test]
    fn reads_the_memory_of_a_process() {
        assert_eq!(resident("VmHWM:\t    20 kB\nVmRSS:\t    12 kB\n"), Some(12));
        assert_eq!(resident("Name:\tkthreadd\n"), None);
    }
}
