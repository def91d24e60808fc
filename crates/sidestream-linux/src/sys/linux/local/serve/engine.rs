//! All that the helper knows while it captures.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use sidestream_bpf::{Events, Hooks};
use sidestream_ipc::{Message, NoticeKind};
use sidestream_spec::Spec;
use tracing::debug;

use super::datagrams::Associations;
use super::nets::{Nets, Unsettled};
use super::notices::Notices;
use super::outbox::Outbox;
use super::people::People;
use super::processes::{Key, Processes, scan};
use super::verdicts::Verdicts;
use crate::ServeOptions;

/// The proxy gives a sign of life four times as often.
const MAX_SILENCE: Duration = Duration::from_secs(1);

/// The most that waits for the proxy to take it; beyond that nothing is accepted.
const MAX_QUEUED: usize = 1 << 20;

/// How long a closed connection may wait in a listener's queue.
const UNCLAIMED: Duration = Duration::from_secs(30);

/// As often as the kernel's buffer can be full of events.
const MAX_DRAINS: usize = 16;

/// How much time passes between two looks at all processes that lost events ask for.
const RESCAN: Duration = Duration::from_millis(500);

/// How long nothing is accepted after the descriptors have run out.
pub(crate) const REST: Duration = Duration::from_millis(50);

/// Whose connections are captured, and what becomes of each.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) hooks: Hooks,
    options: ServeOptions,
    /// The helper and the proxy, which are never captured.
    pub(super) own: Vec<u32>,
    pub(super) processes: Processes,
    pub(super) people: People,
    pub(super) nets: Nets,
    pub(super) verdicts: Verdicts,
    pub(super) associations: Associations,
    pub(super) notices: Notices,
    pub(super) out: Outbox,
    /// The number of the last flow.
    pub(super) last_flow: u64,
    /// The key of the last record of a process.
    pub(super) last_record: u64,
    last_beat: Instant,
    resting_until: Instant,
    last_scan: Instant,
    /// How many events were lost since.
    lost: u64,
    /// Of whom the events told that the kernel may not have decided about them.
    pub(super) undecided: BTreeSet<Key>,
    /// Whether the spec has just changed: a new process may have what the old one said of its
    /// parent.
    pub(super) settles: bool,
    /// Changes of the spec that are not answered yet.
    pub(super) unsettled: Vec<Unsettled>,
}

impl Engine {
    /// Makes an engine that captures nothing yet.
    pub(crate) fn new(
        hooks: Hooks,
        options: ServeOptions,
        own: Vec<u32>,
        people: People,
        nets: Nets,
        spec: Spec,
        out: Outbox,
    ) -> Self {
        let now = Instant::now();
        Self {
            hooks,
            options,
            own,
            processes: Processes::default(),
            people,
            nets,
            verdicts: Verdicts::new(spec),
            associations: Associations::default(),
            notices: Notices::default(),
            out,
            last_flow: 0,
            last_record: 0,
            last_beat: now,
            resting_until: now,
            last_scan: now,
            lost: 0,
            undecided: BTreeSet::new(),
            settles: false,
            unsettled: Vec::new(),
        }
    }

    /// Looks at all processes, brings what the spec says of them into the kernel, and captures.
    pub(crate) fn begin(&mut self, events: &mut Events) -> io::Result<()> {
        self.processes.handle_scan(scan(), Instant::now());
        self.put_in_force(events);
        self.follow_all();
        // What passed until here was not to be captured.
        self.notices.handle_counters(&self.hooks.counters());
        self.notices.take();
        self.handle_beat(Instant::now())
    }

    /// Notes a sign of life of the proxy, and passes it on to the kernel.
    pub(crate) fn handle_beat(&mut self, now: Instant) -> io::Result<()> {
        self.last_beat = now;
        self.hooks.beat()
    }

    /// Tells whether another connection may be accepted.
    pub(crate) fn accepts(&self, now: Instant) -> bool {
        let lives = now.duration_since(self.last_beat) < MAX_SILENCE;
        lives && self.out.queued_bytes() < MAX_QUEUED && !self.rests(now)
    }

    /// Tells whether nothing is accepted for a moment.
    pub(crate) fn rests(&self, now: Instant) -> bool {
        now < self.resting_until
    }

    /// Stops accepting for a moment: no descriptor is left.
    pub(crate) fn rest(&mut self, now: Instant) {
        self.resting_until = now + REST;
    }

    /// Replaces the spec; when this returns, the new one is in force everywhere. Meanwhile each
    /// process has a verdict by the old or by the new one.
    pub(crate) fn set_spec(&mut self, spec: Spec, events: &mut Events) {
        self.drain_all(events);
        self.verdicts.replace(spec, &mut self.processes);
        self.put_in_force(events);
        self.follow_all();
    }

    /// Decides about all processes by the new spec, and then puts that in force.
    fn put_in_force(&mut self, events: &mut Events) {
        self.settles = true;
        self.enforce_all();
        // Who was made or ran another program meanwhile was decided about by the old spec.
        self.drain_all(events);
        self.verdicts.begin(&self.hooks);
        self.drain_all(events);
    }

    /// Takes all events that are there, unless they come faster than they are taken.
    fn drain_all(&mut self, events: &mut Events) {
        (0..MAX_DRAINS).any(|_| self.drain(events));
    }

    /// Does what is to be done now and then.
    pub(crate) fn handle_tick(&mut self, now: Instant) {
        self.settles = false;
        for key in self.processes.prune(now) {
            self.out.push(&Message::Forget { key });
        }
        self.handle_lost(0, now);
        self.nets.handle_tick(now);
        self.notices.handle_counters(&self.hooks.counters());
        for notice in self.notices.take() {
            self.out.push(&Message::Notice(notice));
        }
        if let Err(error) = self.hooks.sweep(UNCLAIMED) {
            debug!(%error, "no sweep");
        }
    }

    /// Notes that events were lost, and looks at all processes in their place, soon at least.
    pub(super) fn handle_lost(&mut self, count: u64, now: Instant) {
        self.lost += count;
        if self.lost == 0 || now.duration_since(self.last_scan) < RESCAN {
            return;
        }
        let lost = std::mem::take(&mut self.lost);
        debug!(lost, "events lost, looking at all processes");
        self.notices.add(NoticeKind::EventsLost, None, None, lost);
        for pid in self.processes.handle_scan(scan(), now) {
            self.forget_verdict(pid);
        }
        self.processes.undecide();
        self.enforce_all();
        self.follow_all();
        self.last_scan = Instant::now();
    }

    /// Removes what the kernel may know of a process that has ended: it may have been decided
    /// about after its end.
    pub(super) fn forget_verdict(&self, pid: u32) {
        if let Err(error) = self.hooks.forget_process(pid) {
            tracing::trace!(pid, %error, "no verdict to forget");
        }
    }

    /// Notes that a process is that user's, which may be another one than before.
    pub(super) fn set_user(&mut self, key: Key, uid: u32) {
        if let Some(entry) = self.processes.get_mut(key).filter(|entry| entry.uid != uid) {
            entry.uid = uid;
            entry.decisions = None;
            self.enforce(key);
        }
    }

    fn enforce_all(&mut self) {
        self.verdicts.handle_processes(&self.processes, &self.hooks);
        self.processes.living().into_iter().for_each(|key| self.enforce(key));
    }

    /// Tells whether processes of that user are none of ours.
    pub(super) fn is_foreign(&self, uid: u32) -> bool {
        !self.options.all_users && uid != self.options.uid
    }

    /// Decides about a process and tells the kernel.
    pub(super) fn enforce(&mut self, key: Key) {
        // The hooks leave other users alone by themselves.
        if self.processes.get(key).is_none_or(|entry| self.is_foreign(entry.uid)) {
            return;
        }
        self.verdicts.enforce(key, &mut self.processes, &mut self.people, &self.hooks);
    }
}
