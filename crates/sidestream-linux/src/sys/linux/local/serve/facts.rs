//! The facts of processes, as far as a spec asks for them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use sidestream_bpf::Items;
use sidestream_flow::{Container, Process};
use sidestream_spec::{self as spec, Fact, Facts, Field, Fields, ProcessFacts, Spec, Verdict};

use super::decide::items::compile;
use super::decide::{Decisions, asks, decide, pids};
use super::people::People;
use super::processes::{Entry, Key, Processes};

/// Where a process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    cgroup: Option<PathBuf>,
    unit: Option<String>,
    container: Option<Container>,
}

impl From<&Process> for Place {
    fn from(process: &Process) -> Self {
        let Process { cgroup, unit, container, .. } = process;
        Self { cgroup: cgroup.clone(), unit: unit.clone(), container: container.clone() }
    }
}

/// What is looked up for each process where a spec asks for it, rather than known by its events.
const LOOKED_UP: [Field; 4] = [Field::Ancestors, Field::Cgroup, Field::Container, Field::Unit];

/// The most programs that decisions are kept for.
const MAX_KNOWN: usize = 1024;

/// Decisions by program and user.
type Known = HashMap<(PathBuf, u32), Decisions>;

/// Decides about processes, and finds out for that what the spec asks for and nothing else.
#[derive(Debug)]
pub(crate) struct Judge {
    spec: Spec,
    asks: Fields,
    /// What is known of the pid of a process that is yet to be made.
    child_pid: Fact<u32>,
    /// The pids that the spec names.
    pids: HashSet<u32>,
    /// Programs run again and again, and long specs take a while.
    known: RefCell<Known>,
}

impl Judge {
    pub(crate) fn new(spec: Spec) -> Self {
        let (asks, pids) = (asks(&spec), pids(&spec).collect());
        Self { spec, asks, child_pid: Fact::Unknown, pids, known: RefCell::default() }
    }

    /// Notes which processes there are: a new one has none of their pids. So if the spec asks for
    /// no other pids, it asks for none that a new process can have.
    pub(crate) fn handle_processes(&mut self, processes: &Processes) {
        let lives = |pid| {
            let entry = processes.find_pid(pid).and_then(|key| processes.get(key));
            entry.is_some_and(|entry| !entry.is_gone())
        };
        // No process has the pid 0.
        let all_live = self.pids.iter().copied().all(lives);
        self.child_pid = if all_live { 0.into() } else { Fact::Unknown };
        self.known.take();
    }

    /// Returns what the kernel can decide by itself.
    pub(crate) fn items(&self) -> Option<Items> {
        compile(&self.spec, self.child_pid, People::find_user)
    }

    /// Tells whether a process may be chosen, or what it will run, wherever it then belongs, save
    /// that a container is not left.
    pub(crate) fn may_choose(&self, process: Option<&Process>) -> bool {
        let container = process.and_then(|process| process.container.as_ref());
        let container = match container {
            Some(container) if container.name.is_some() => known(container).into(),
            // It may yet be put into one, or be given a name.
            _ => Fact::Unknown,
        };
        let process = ProcessFacts { container, ..ProcessFacts::default() };
        let facts = Facts { process, ..Facts::default() };
        self.spec.decide(&facts) != Verdict::Pass
    }

    /// Tells whether the spec asks for a fact.
    pub(crate) fn asks(&self, field: Field) -> bool {
        self.asks.contains(field)
    }

    /// Decides about a process and about those that it will make.
    pub(crate) fn judge(
        &self,
        key: Key,
        processes: &mut Processes,
        people: &mut People,
    ) -> Decisions {
        let Some(program) = processes.get(key).and_then(|entry| self.program(entry)) else {
            return self.judge_anew(key, processes, people);
        };
        if let Some(decisions) = self.known.borrow().get(&program) {
            return decisions.clone();
        }
        let decisions = self.judge_anew(key, processes, people);
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(program, decisions.clone());
        decisions
    }

    /// Returns program and user of a process if nothing else of it counts for this spec.
    fn program(&self, entry: &Entry) -> Option<(PathBuf, u32)> {
        let looked_up = LOOKED_UP.into_iter().any(|field| self.asks.contains(field));
        if looked_up || self.pids.contains(&entry.identity.pid) {
            return None;
        }
        Some((entry.program.image.path.clone()?, entry.uid))
    }

    fn judge_anew(&self, key: Key, processes: &mut Processes, people: &mut People) -> Decisions {
        let ancestors = processes.ancestors(key).map(|(key, _)| key);
        let wanted = if self.asks.contains(Field::Ancestors) { usize::MAX } else { 0 };
        let line: Vec<Key> = std::iter::once(key).chain(ancestors.take(wanted)).collect();
        for &key in &line {
            if let Some(entry) = processes.get_mut(key) {
                self.look_up(entry, people);
            }
        }
        let entries = line.iter().filter_map(|&key| processes.get(key));
        let facts: Vec<ProcessFacts<'_>> = entries.map(|entry| facts(entry, people)).collect();
        match facts.split_first() {
            Some((process, ancestors)) => decide(&self.spec, *process, ancestors, self.child_pid),
            None => decide(&self.spec, ProcessFacts::ABSENT, &[], self.child_pid),
        }
    }

    fn look_up(&self, entry: &mut Entry, people: &mut People) {
        let asks_place = [Field::Cgroup, Field::Unit, Field::Container];
        if entry.place.is_none() && asks_place.into_iter().any(|field| self.asks.contains(field)) {
            let process = people.living(entry);
            entry.place = Some(Rc::new(process.as_deref().map(Place::from).unwrap_or_default()));
        }
        if self.asks.contains(Field::User) {
            people.learn_user(entry);
        }
    }
}

fn known(container: &Container) -> spec::Container<'_> {
    let Container { id, name, image, .. } = container;
    spec::Container { id, name: name.as_deref(), image: image.as_deref() }
}

fn facts<'a>(entry: &'a Entry, people: &'a People) -> ProcessFacts<'a> {
    let place = entry.place.as_deref();
    let container = place.and_then(|place| place.container.as_ref());
    let process = ProcessFacts {
        pid: entry.identity.pid.into(),
        user: spec::User { uid: Some(entry.uid), name: people.user(entry.uid) }.into(),
        cgroup: Fact::or_absent(place.and_then(|place| Some(place.cgroup.as_ref()?.as_os_str()))),
        unit: Fact::or_absent(place.and_then(|place| place.unit.as_deref())),
        container: Fact::or_absent(container.map(known)),
        ..ProcessFacts::ABSENT
    };
    match &entry.program.image.path {
        Some(path) => process.with_path(path),
        None => process,
    }
}
