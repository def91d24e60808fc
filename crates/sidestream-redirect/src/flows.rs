//! What a redirector said of flows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sidestream_flow::{FlowKey, Process};
use sidestream_ipc::{Direction, Diverted, ProcessRecord};
use sidestream_spec::Spec;

/// How many flows are remembered that are over: packets may have come faster than they are served.
const MAX_CLOSED: usize = 1024;

/// What is known of the flows whose packets a [`Device`](crate::Device) has.
///
/// A flow is there before its first packet, and for a while after its last.
#[derive(Clone, Debug, Default)]
pub struct Flows(Arc<Mutex<Table>>);

/// What is known of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub process: Option<Arc<Process>>,
    /// What the spec says of it.
    pub verdict: FlowVerdict,
    /// Which way its client sends.
    pub direction: Direction,
}

/// What the spec says of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowVerdict {
    /// Show it to the user.
    Intercept,
    /// Carry it unseen.
    Pass,
    /// Decide by what is left of the spec once the host's name is known.
    Residual(Arc<Spec>),
}

#[derive(Debug, Default)]
struct Table {
    flows: HashMap<FlowKey, (u64, Known)>,
    keys: HashMap<u64, FlowKey>,
    closed: VecDeque<u64>,
    processes: HashMap<u64, Arc<Process>>,
    /// The last one: most flows have the same.
    residual: Option<Arc<Spec>>,
}

impl Flows {
    /// Returns what is known of the latest flow between these ends.
    pub fn get(&self, key: &FlowKey) -> Option<Known> {
        self.table().flows.get(key).map(|(_, known)| known.clone())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn process(&self, key: u64) -> Option<Arc<Process>> {
        self.table().processes.get(&key).cloned()
    }

    pub(crate) fn add_process(&self, record: ProcessRecord) {
        let ProcessRecord { key, parent, mut process } = record;
        let mut table = self.table();
        process.parent = parent.and_then(|parent| table.processes.get(&parent).cloned());
        table.processes.insert(key, Arc::new(process));
    }

    pub(crate) fn forget_process(&self, key: u64) {
        self.table().processes.remove(&key);
    }

    pub(crate) fn open(&self, flow: Diverted) {
        let Diverted { id, key, process, verdict, direction } = flow;
        let mut table = self.table();
        let verdict = match verdict {
            sidestream_ipc::FlowVerdict::Intercept => FlowVerdict::Intercept,
            sidestream_ipc::FlowVerdict::Pass => FlowVerdict::Pass,
            sidestream_ipc::FlowVerdict::Residual(text) => table.residual(&text),
        };
        let process = process.and_then(|process| table.processes.get(&process).cloned());
        table.flows.insert(key, (id, Known { process, verdict, direction }));
        table.keys.insert(id, key);
    }

    pub(crate) fn close(&self, id: u64) {
        let mut table = self.table();
        if !table.keys.contains_key(&id) {
            return;
        }
        table.closed.push_back(id);
        while table.closed.len() > MAX_CLOSED {
            let Some(old) = table.closed.pop_front() else { return };
            let Some(key) = table.keys.remove(&old) else { continue };
            // Another flow may have the same ends since.
            if table.flows.get(&key).is_some_and(|(id, _)| *id == old) {
                table.flows.remove(&key);
            }
        }
    }
}

impl Table {
    fn residual(&mut self, text: &str) -> FlowVerdict {
        if let Some(last) = self.residual.as_ref().filter(|last| last.as_str() == text) {
            return FlowVerdict::Residual(Arc::clone(last));
        }
        match text.parse::<Spec>() {
            Ok(spec) => FlowVerdict::Residual(Arc::clone(self.residual.insert(Arc::new(spec)))),
            Err(error) => {
                tracing::warn!(%error, text, "what the redirector leaves of the spec is none, passed");
                FlowVerdict::Pass
            }
        }
    }
}
