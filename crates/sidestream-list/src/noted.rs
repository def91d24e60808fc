//! What a filter asks of notes, judged on what is noted.

use std::collections::HashMap;
use std::sync::Arc;

use sidestream_filter::{Filter, Flag, Row, Term, Text};
use sidestream_record::{Finished, Flow, Notes};
use sidestream_store::{ReadError, Reader};

use crate::line::LineId;

/// An operator on notes, and what became of it.
#[derive(Debug)]
pub(crate) struct Noted {
    filter: Filter,
    /// Where it holds, and where what is noted cannot be read: few of all lines.
    holds: HashMap<LineId, Option<bool>>,
}

/// Returns whether an operator is about what is noted.
pub(crate) const fn is_about(term: &Term) -> bool {
    matches!(
        term,
        Term::Flag(Flag::Marked | Flag::Replay | Flag::ReplayRequest | Flag::ReplayResponse)
            | Term::Text(Text::Comment | Text::Marker | Text::Metadata, _)
    )
}

impl Noted {
    pub(crate) fn new(filter: Filter) -> Self {
        Self { filter, holds: HashMap::new() }
    }

    /// Returns whether it holds of a line; `None` if what is noted of it cannot be read.
    pub(crate) fn holds(&self, id: LineId) -> Option<bool> {
        self.holds.get(&id).copied().unwrap_or(Some(false))
    }

    /// Judges what is noted of a line, which is nothing known where it cannot be read.
    fn see(&mut self, id: LineId, notes: Option<&Notes>, bare: &Flow) {
        let holds = notes.map(|notes| {
            let flow = Flow { notes: notes.clone().into(), ..bare.clone() };
            let noted = Finished::Flow(Arc::new(flow));
            Row::of(&noted).is_some_and(|row| self.filter.matches(&row))
        });
        match holds {
            // As is true of whatever nothing is noted of.
            Some(false) => _ = self.holds.remove(&id),
            holds => _ = self.holds.insert(id, holds),
        }
    }

    pub(crate) fn forget(&mut self, id: LineId) {
        self.holds.remove(&id);
    }
}

/// Judges all that is noted in a session. The flow is one of which nothing is known.
pub(crate) fn see_all(some: &mut [Noted], reader: &Reader, bare: &Flow) -> Result<(), ReadError> {
    if some.is_empty() {
        return Ok(());
    }
    reader.noted(|flow, exchange, notes| {
        let id = LineId { flow, exchange };
        some.iter_mut().for_each(|it| it.see(id, notes.as_ref(), bare));
    })
}

/// Judges what is noted of a line by now.
pub(crate) fn see_one(
    some: &mut [Noted],
    reader: &Reader,
    id: LineId,
    bare: &Flow,
) -> Result<(), ReadError> {
    if some.is_empty() {
        return Ok(());
    }
    let notes = match id.exchange {
        Some(exchange) => reader.notes_of_exchange(exchange),
        None => reader.notes_of_flow(id.flow),
    };
    let notes = match notes {
        Ok(notes) => Some(notes),
        Err(ReadError::Damaged { .. }) => None,
        Err(error) => return Err(error),
    };
    some.iter_mut().for_each(|it| it.see(id, notes.as_ref(), bare));
    Ok(())
}
