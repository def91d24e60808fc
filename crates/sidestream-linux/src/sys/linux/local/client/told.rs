//! What the helper tells beside flows: who the processes are, and what people should know.

use std::collections::HashSet;
use std::sync::Arc;

use sidestream_flow::Process;
use sidestream_ipc::{Level, Message, Notice, NoticeKind};
use tokio::sync::mpsc;

use super::processes::Processes;
use crate::{LocalNotice, Passed};

/// The most that is remembered as told; then all is told again.
const MAX_TOLD: usize = 4096;

/// Keeps what was told.
#[derive(Debug)]
pub(super) struct Told {
    processes: Processes,
    notices: mpsc::UnboundedSender<LocalNotice>,
    passed: HashSet<(Passed, Option<u64>)>,
}

impl Told {
    pub(super) fn new(notices: mpsc::UnboundedSender<LocalNotice>) -> Self {
        Self { processes: Processes::default(), notices, passed: HashSet::new() }
    }

    /// Returns the process with that key.
    pub(super) fn process(&mut self, key: u64) -> Option<Arc<Process>> {
        self.processes.get(key)
    }

    /// Takes a message if it tells something; else gives it back.
    pub(super) fn take(&mut self, message: Message) -> Option<Message> {
        match message {
            Message::Process(record) => self.processes.insert(*record),
            Message::Forget { key } => self.processes.remove(key),
            Message::Notice(notice) => self.notice(notice),
            Message::Log { level, text } => log(level, &text),
            other => return Some(other),
        }
        None
    }

    fn notice(&mut self, notice: Notice) {
        let Notice { kind, process, destination, count } = notice;
        let notice = match kind {
            NoticeKind::BoundDevice => return self.passed(Passed::BoundDevice, notice),
            NoticeKind::ForeignNamespace => return self.passed(Passed::ForeignNamespace, notice),
            NoticeKind::Full => return self.passed(Passed::Full, notice),
            NoticeKind::Marked => return self.passed(Passed::Marked, notice),
            NoticeKind::OtherUser => return self.passed(Passed::OtherUser, notice),
            NoticeKind::Stale => return self.passed(Passed::Stale, notice),
            NoticeKind::EventsLost => LocalNotice::EventsLost { count },
            NoticeKind::Reset => LocalNotice::Reset { count },
            NoticeKind::ResetFailed => LocalNotice::ResetFailed { count },
            NoticeKind::Unclaimed => LocalNotice::Unclaimed { count },
            kind => {
                tracing::debug!(?kind, process, ?destination, count, "a notice of a newer helper");
                return;
            }
        };
        self.tell(notice);
    }

    fn passed(&mut self, why: Passed, notice: Notice) {
        let Notice { kind: _, process: key, destination, count } = notice;
        if self.passed.len() >= MAX_TOLD {
            self.passed.clear();
        }
        let process = key.and_then(|key| self.process(key));
        if self.passed.insert((why, key)) {
            self.tell(LocalNotice::Passed { why, process, destination, count });
        } else {
            tracing::debug!(?why, pid = process.map(|one| one.pid), ?destination, count, "passed");
        }
    }

    fn tell(&self, notice: LocalNotice) {
        // Nobody may be listening.
        _ = self.notices.send(notice);
    }
}

/// Makes a line of the helper's log one of ours.
fn log(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!(target: "sidestream_helper", "{text}"),
        Level::Warn => tracing::warn!(target: "sidestream_helper", "{text}"),
        Level::Info => tracing::info!(target: "sidestream_helper", "{text}"),
        Level::Debug => tracing::debug!(target: "sidestream_helper", "{text}"),
        Level::Trace => tracing::trace!(target: "sidestream_helper", "{text}"),
    }
}
