//! What the spec says of each process, brought into the kernel.

use std::rc::Rc;

use sidestream_bpf::{self as bpf, Hooks, Items};
use sidestream_flow::Process;
use sidestream_spec::{Field, Spec};
use tracing::debug;

use super::decide::{Decision, Decisions};
use super::facts::Judge;
use super::people::People;
use super::processes::{Key, Processes};
use super::rules::{Placed, RuleSets};

/// The spec in force.
#[derive(Debug)]
pub(crate) struct Verdicts {
    judge: Judge,
    sets: RuleSets,
    epoch: u32,
    /// What of it the kernel knows; the inner one is `None` if that is nothing.
    items: Option<Option<Items>>,
}

impl Verdicts {
    /// Makes the first epoch.
    pub(crate) fn new(spec: Spec) -> Self {
        Self { judge: Judge::new(spec), sets: RuleSets::new(1), epoch: 1, items: None }
    }

    /// Tells whether the kernel has decided about a process by itself, and that stands.
    pub(crate) fn stands(&self, decided: Option<u32>) -> bool {
        // Whether a process is in a tree is known better here.
        decided == Some(self.epoch) && !self.asks(Field::Ancestors)
    }

    /// Tells whether the spec asks for a fact of processes.
    pub(crate) fn asks(&self, field: Field) -> bool {
        self.judge.asks(field)
    }

    /// Tells whether a process may be chosen, or what it will run.
    pub(crate) fn may_choose(&self, process: Option<&Process>) -> bool {
        self.judge.may_choose(process)
    }

    /// Notes which processes there are, before all are decided about, and brings into the kernel
    /// what it can decide by itself.
    pub(crate) fn handle_processes(&mut self, processes: &Processes, hooks: &Hooks) {
        self.judge.handle_processes(processes);
        let items = self.judge.items();
        if self.items == Some(items.clone()) {
            return;
        }
        if let Err(error) = hooks.set_items(self.epoch, items.as_ref()) {
            // Who runs another program is undecided until we are told of it.
            debug!(%error, "no items in the kernel");
        }
        self.items = Some(items);
    }

    /// Replaces the spec. In the kernel the old one is in force until all processes are enforced
    /// anew and [`begin`](Self::begin) is called.
    pub(crate) fn replace(&mut self, spec: Spec, processes: &mut Processes) {
        let epoch = self.epoch.wrapping_add(1);
        let (judge, sets) = (Judge::new(spec), RuleSets::new(epoch));
        *self = Self { judge, sets, epoch, items: None };
        processes.undecide();
    }

    /// Puts the spec in force.
    pub(crate) fn begin(&self, hooks: &Hooks) {
        hooks.set_epoch(self.epoch);
    }

    /// Returns what the spec says of a process.
    pub(crate) fn decisions(
        &self,
        key: Key,
        processes: &mut Processes,
        people: &mut People,
    ) -> Rc<Decisions> {
        if let Some(known) = processes.get(key).and_then(|entry| entry.decisions.clone()) {
            return known;
        }
        let decisions = Rc::new(self.judge.judge(key, processes, people));
        if let Some(entry) = processes.get_mut(key) {
            entry.decisions = Some(Rc::clone(&decisions));
        }
        decisions
    }

    /// Decides about a process and tells the kernel.
    pub(crate) fn enforce(
        &mut self,
        key: Key,
        processes: &mut Processes,
        people: &mut People,
        hooks: &Hooks,
    ) {
        let decisions = self.decisions(key, processes, people);
        let Some(entry) = processes.get(key).filter(|entry| !entry.is_gone()) else { return };
        let own = self.in_kernel(&decisions.own, hooks);
        let child = decisions.child.as_ref();
        let child = child.map_or(bpf::Verdict::Undecided, |child| self.in_kernel(child, hooks));
        let (identity, uid, is_in_tree) = (entry.identity, entry.uid, decisions.is_in_tree);
        let (started, verdicts) = (identity.started_ns(), bpf::Verdicts { own, child, is_in_tree });
        let set = hooks.set_process(identity.pid, started, uid, verdicts, self.epoch);
        if let Some(entry) = processes.get_mut(key) {
            entry.is_told = true;
        }
        if let Err(error) = set {
            // It stays undecided: each of its connections is then decided when it is accepted.
            debug!(pid = identity.pid, %error, "no verdict in the kernel");
        }
    }

    fn in_kernel(&mut self, decision: &Decision, hooks: &Hooks) -> bpf::Verdict {
        let residual = match decision {
            Decision::Intercept => return bpf::Verdict::Intercept,
            Decision::Pass => return bpf::Verdict::Pass,
            Decision::Residual(residual) => residual,
        };
        match self.sets.place(residual) {
            Placed::Known(index) => bpf::Verdict::Rules(index),
            Placed::New(index, rules) => match hooks.set_rules(index, &rules) {
                Ok(()) => bpf::Verdict::Rules(index),
                Err(error) => {
                    debug!(index, %error, "no rules in the kernel");
                    self.sets.refuse(residual);
                    bpf::Verdict::Intercept
                }
            },
            Placed::Refused => bpf::Verdict::Intercept,
        }
    }
}
