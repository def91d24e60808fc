//! What the user may want to know, counted rather than repeated.

use std::collections::HashMap;
use std::net::SocketAddr;

use sidestream_bpf::Counters;
use sidestream_ipc::{Notice, NoticeKind};

/// The most notices that are kept apart between two ticks; more are counted together.
const MAX_APART: usize = 256;

/// Notices that were not told yet.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    waiting: HashMap<(NoticeKind, Option<u64>), (u64, Option<SocketAddr>)>,
    counted: Counters,
}

impl Notices {
    /// Adds something that happened `count` times.
    pub(crate) fn add(
        &mut self,
        kind: NoticeKind,
        process: Option<u64>,
        destination: Option<SocketAddr>,
        count: u64,
    ) {
        let process = process.filter(|_| self.waiting.len() < MAX_APART);
        let waiting = self.waiting.entry((kind, process)).or_insert((0, destination));
        waiting.0 += count;
    }

    /// Adds what the kernel only counts.
    pub(crate) fn handle_counters(&mut self, counters: &Counters) {
        let stale = counters.stale.saturating_sub(self.counted.stale);
        if stale > 0 {
            self.add(NoticeKind::Stale, None, None, stale);
        }
        self.counted = *counters;
    }

    /// Takes the notices.
    pub(crate) fn take(&mut self) -> Vec<Notice> {
        let notice =
            |((kind, process), (count, destination))| Notice { kind, process, destination, count };
        self.waiting.drain().map(notice).collect()
    }
}

#[cfg(test)]
mod tests {
    use sidestream_ipc::{Notice, NoticeKind};

    use super::{MAX_APART, Notices};

    #[test]
    fn what_happens_again_is_counted() {
        let mut notices = Notices::default();
        let destination = Some("192.0.2.1:443".parse().unwrap());
        notices.add(NoticeKind::Marked, Some(1), destination, 1);
        notices.add(NoticeKind::Marked, Some(1), None, 2);
        let kind = NoticeKind::Marked;
        let expected = Notice { kind, process: Some(1), destination, count: 3 };
        assert_eq!(notices.take(), [expected]);
        assert_eq!(notices.take(), []);
    }

    #[test]
    fn many_processes_are_counted_together() {
        let mut notices = Notices::default();
        for process in 0..10_000 {
            notices.add(NoticeKind::Full, Some(process), None, 1);
        }
        let notices = notices.take();
        assert!(notices.len() <= MAX_APART + 1);
        assert_eq!(notices.iter().map(|notice| notice.count).sum::<u64>(), 10_000);
    }
}
