//! What the kernel tells of processes, as it happens.

use std::rc::Rc;
use std::time::Instant;

use sidestream_bpf::{Event, Events, PassReason};
use sidestream_ipc::{Message, NoticeKind};
use sidestream_spec::Field;

use super::decide::{Decision, Decisions};
use super::engine::Engine;
use super::processes::{Exec, Image};

/// The most events that are taken before others have their turn.
const MAX_EVENTS: usize = 4096;

impl Engine {
    /// Takes events, and tells whether those were all.
    pub(crate) fn drain(&mut self, events: &mut Events) -> bool {
        let now = Instant::now();
        let mut is_all = false;
        for _ in 0..MAX_EVENTS {
            let Some(event) = events.next() else {
                is_all = true;
                break;
            };
            self.handle_event(event, now);
        }
        // By what it runs now, and not by what it ran a few events ago.
        std::mem::take(&mut self.undecided).into_iter().for_each(|key| self.enforce(key));
        is_all
    }

    /// Takes an event in.
    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Fork { parent, child, child_started_ns } => {
                self.handle_fork(parent, child, child_started_ns);
            }
            Event::Exec { pid, started_ns, parent, uid, path, comm, args, decided, .. } => {
                let path = Some(path).filter(|path| !path.as_os_str().is_empty());
                let args = args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned());
                let image = Image { path, comm, args: args.collect() };
                self.handle_exec(Exec { pid, started_ns, parent, uid, image }, decided);
            }
            Event::Exit { pid, started_ns } => {
                self.processes.handle_exit(pid, started_ns, now);
                self.nets.handle_exit(pid, now);
                self.forget_verdict(pid);
            }
            Event::Passed { reason, pid, destination, .. } => {
                let kind = match reason {
                    PassReason::BoundDevice => NoticeKind::BoundDevice,
                    PassReason::ForeignNetns => NoticeKind::ForeignNamespace,
                    PassReason::Backlog | PassReason::Full => NoticeKind::Full,
                    PassReason::Marked => NoticeKind::Marked,
                    _ => return,
                };
                self.handle_passed(kind, pid, destination);
            }
            Event::Namespace { pid, inum, cookie } => self.handle_namespace(pid, inum, cookie),
            Event::Closed { slot } => self.associations.close(slot),
            Event::Lost { count } => self.handle_lost(count, now),
            _ => {}
        }
    }

    fn handle_fork(&mut self, parent: u32, child: u32, started_ns: u64) {
        let made_by = self.processes.find_pid(parent);
        let key = self.processes.handle_fork(parent, child, started_ns);
        let inherits = !self.verdicts.asks(Field::Pid) && !self.settles;
        let made_by = made_by.filter(|made_by| inherits && !self.undecided.contains(made_by));
        let inherited = made_by.and_then(|made_by| {
            inherit(&self.verdicts.decisions(made_by, &mut self.processes, &mut self.people))
        });
        match self.processes.get_mut(key) {
            // The kernel has done the same by itself.
            Some(entry) if inherited.is_some() => entry.decisions = inherited,
            _ => drop(self.undecided.insert(key)),
        }
    }

    fn handle_exec(&mut self, exec: Exec, decided: Option<u32>) {
        let (key, forgotten) = self.processes.handle_exec(exec);
        // What we told of the process may have come after what the kernel decided.
        let is_told = self.processes.get(key).is_some_and(|entry| entry.is_told);
        if is_told || !self.verdicts.stands(decided) {
            self.undecided.insert(key);
        }
        if let Some(key) = forgotten {
            self.out.push(&Message::Forget { key });
        }
        if !self.verdicts.asks(Field::Ancestors) {
            return;
        }
        for key in self.processes.descendants(key) {
            if let Some(entry) = self.processes.get_mut(key) {
                entry.decisions = None;
            }
            self.undecided.insert(key);
        }
    }

    fn handle_passed(&mut self, kind: NoticeKind, pid: u32, destination: std::net::SocketAddr) {
        let Some(key) = self.processes.find_pid(pid) else { return };
        let decisions = self.verdicts.decisions(key, &mut self.processes, &mut self.people);
        // Who was not to be captured anyway is not missed.
        if decisions.own != Decision::Pass {
            let process = self.record(key, "");
            self.notices.add(kind, process, Some(destination), 1);
        }
    }
}

/// Returns what is decided about a process that was just made, where the pid does not count.
fn inherit(parent: &Rc<Decisions>) -> Option<Rc<Decisions>> {
    let child = parent.child.as_ref()?;
    if parent.own == *child {
        return Some(Rc::clone(parent));
    }
    let is_in_tree = parent.is_in_tree;
    Some(Rc::new(Decisions { own: child.clone(), child: Some(child.clone()), is_in_tree }))
}
