//! Processes read back, each once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use sidestream_flow::Process;

use crate::wire::{DecodeError, ProcessFields};

/// How many processes are remembered before it is started anew.
const KNOWN: usize = 1024;

/// The longest line of parents: more than any system has, few enough for a stack.
const PARENTS: usize = 1024;

/// Why a process could not be read.
#[derive(Debug)]
pub(crate) enum ProcessError {
    Decode(DecodeError),
    Storage(rusqlite::Error),
}

impl From<DecodeError> for ProcessError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<rusqlite::Error> for ProcessError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error)
    }
}

/// The processes of a session as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct Processes(RefCell<HashMap<i64, Arc<Process>>>);

impl Processes {
    /// Reads the process that opened a flow.
    pub(crate) fn of_flow(
        &self,
        connection: &Connection,
        flow: i64,
    ) -> Result<Option<Arc<Process>>, ProcessError> {
        let id = connection
            .prepare_cached("SELECT process FROM flow WHERE id = ?1")?
            .query_row([flow], |row| row.get::<_, Option<i64>>(0))
            .optional()?
            .ok_or(DecodeError::Damaged("the line of the flow in the list"))?;
        id.map(|id| self.read(connection, id)).transpose()
    }

    /// Reads a process, its parents with it.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        id: i64,
    ) -> Result<Arc<Process>, ProcessError> {
        let mut lineage = Vec::new();
        let mut next = Some(id);
        let mut found = None;
        while let Some(id) = next {
            found = self.0.borrow().get(&id).cloned();
            if found.is_some() {
                break;
            }
            let (parent, payload) = connection
                .prepare_cached("SELECT parent, payload FROM process WHERE id = ?1")?
                .query_row([id], |row| {
                    Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()?
                .ok_or(DecodeError::Damaged("a process that a flow names"))?;
            // A parent is written before its child, so a circle can only be damage.
            if parent.is_some_and(|parent| parent >= id) || lineage.len() >= PARENTS {
                return Err(DecodeError::Damaged("the line of a process's parents").into());
            }
            lineage.push((id, payload));
            next = parent;
        }
        let mut known = self.0.borrow_mut();
        if known.len() >= KNOWN {
            known.clear();
        }
        for (id, payload) in lineage.into_iter().rev() {
            let process = Arc::new(ProcessFields::decode(payload, found)?);
            known.insert(id, Arc::clone(&process));
            found = Some(process);
        }
        Ok(found.ok_or(DecodeError::Damaged("a process"))?)
    }
}
