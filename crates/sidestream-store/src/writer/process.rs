//! Processes, each of which is one row.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sidestream_flow::Process;

use crate::wire::ProcessFields;

/// How many processes are remembered before it is started anew.
const KNOWN_PROCESSES: usize = 1024;

/// The rows of processes written or found.
#[derive(Debug, Default)]
pub(super) struct Processes(HashMap<Arc<Process>, i64>);

impl Processes {
    /// Forgets all rows, which may have been rolled back.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Finds or writes the row of a process, its parents before it.
    pub(super) fn write(
        &mut self,
        to: &Connection,
        process: &Arc<Process>,
    ) -> rusqlite::Result<i64> {
        if let Some(id) = self.0.get(process) {
            return Ok(*id);
        }
        let line: Vec<_> =
            std::iter::successors(Some(&**process), |p| p.parent.as_deref()).collect();
        let mut parent: Option<i64> = None;
        for process in line.into_iter().rev() {
            parent = Some(ProcessRow::new(process).write(to, parent)?);
        }
        let id = parent.unwrap_or_default();
        if self.0.len() >= KNOWN_PROCESSES {
            self.0.clear();
        }
        self.0.insert(Arc::clone(process), id);
        Ok(id)
    }
}

/// What the row of a process holds beside its parent.
#[derive(Debug)]
pub(crate) struct ProcessRow {
    pub(crate) pid: i64,
    pub(crate) name: String,
    pub(crate) path: Option<String>,
    pub(crate) payload: Vec<u8>,
}

impl ProcessRow {
    fn new(process: &Process) -> Self {
        let path = process.path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let (pid, name) = (process.pid.into(), process.name.clone());
        Self { pid, name, path, payload: ProcessFields::encode(process) }
    }

    /// Finds the row, or writes it; its parent is written before.
    pub(crate) fn write(&self, to: &Connection, parent: Option<i64>) -> rusqlite::Result<i64> {
        let Self { pid, name, path, payload } = self;
        let find = "SELECT id FROM process WHERE pid = ?1 AND parent IS ?2 AND payload = ?3";
        let found = to
            .prepare_cached(find)?
            .query_row(params![pid, parent, payload], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        to.prepare_cached(
            "INSERT INTO process (parent, pid, name, path, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![parent, pid, name, path, payload])?;
        Ok(to.last_insert_rowid())
    }
}
