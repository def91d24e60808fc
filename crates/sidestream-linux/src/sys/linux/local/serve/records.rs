//! Records of processes, told to the proxy once and before any flow names them.

use sidestream_ipc::ProcessRecord;

use super::engine::Engine;
use super::processes::Key;

impl Engine {
    /// Returns the key of the record of a process when it ran the executable of that name, and
    /// tells the proxy the record and those of the ancestors unless it knows them.
    pub(super) fn record(&mut self, key: Key, exe: &str) -> Option<u64> {
        let mut line = vec![key];
        if self.processes.get_mut(key)?.program_mut(exe).record.is_none() {
            line.extend(self.processes.ancestors(key).map(|(key, _)| key));
        }
        // From the first ancestor down, so that each finds its parent told.
        let mut parent = None;
        for (distance, key) in line.into_iter().enumerate().rev() {
            parent = self.record_one(key, if distance == 0 { exe } else { "" }, parent);
        }
        parent
    }

    fn record_one(&mut self, key: Key, exe: &str, parent: Option<u64>) -> Option<u64> {
        let entry = self.processes.get_mut(key)?;
        let program = entry.program_mut(exe);
        if program.record.is_some() {
            return program.record;
        }
        self.last_record += 1;
        let record = self.last_record;
        program.record = Some(record);
        let image = std::rc::Rc::clone(&program.image);
        let process = self.people.describe(entry, &image);
        self.out.push(&ProcessRecord { key: record, parent, process }.into());
        Some(record)
    }
}
