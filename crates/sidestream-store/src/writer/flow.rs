//! The list of flows: what a transaction changes of each, as one row.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::insert::Insert;
use super::process::Processes;
use crate::row::{OpenedFlow, Row, Update};

/// The flows that a transaction touches.
#[derive(Debug, Default)]
pub(super) struct Flows<'a> {
    index: HashMap<i64, usize>,
    flows: Vec<Flow<'a>>,
}

/// What is new of a flow.
#[derive(Debug, Default)]
struct Flow<'a> {
    id: i64,
    opened: Option<Opening<'a>>,
    protocol: Option<&'static str>,
    host: Option<&'a str>,
    closed: Option<Closing<'a>>,
}

#[derive(Debug)]
struct Opening<'a> {
    seq: i64,
    at: i64,
    flow: &'a OpenedFlow,
}

#[derive(Debug, Default)]
struct Closing<'a> {
    seq: Option<i64>,
    at: Option<i64>,
    received: Option<i64>,
    sent: Option<i64>,
    failure: Option<&'a str>,
}

impl<'a> Flows<'a> {
    /// Adds what an entry changes of its flow.
    pub(super) fn add(&mut self, seq: i64, row: &'a Row) {
        match &row.update {
            Update::Opened(flow) => {
                let opened = Some(Opening { seq, at: row.at, flow });
                *self.touch(row.flow) = Flow { id: row.flow, opened, ..Flow::default() };
            }
            Update::Protocol(name) => self.touch(row.flow).protocol = Some(name),
            Update::Host(host) => self.touch(row.flow).host = Some(host),
            Update::Closed { received, sent, failure } => {
                self.touch(row.flow).closed = Some(Closing {
                    seq: Some(seq),
                    at: Some(row.at),
                    received: Some(received.cast_signed()),
                    sent: Some(sent.cast_signed()),
                    failure: failure.as_deref(),
                });
            }
            _ => {}
        }
    }

    fn touch(&mut self, id: i64) -> &mut Flow<'a> {
        let index = *self.index.entry(id).or_insert_with(|| {
            self.flows.push(Flow { id, ..Flow::default() });
            self.flows.len() - 1
        });
        &mut self.flows[index]
    }

    /// Writes the rows of new flows, and what is new of others.
    pub(super) fn write(
        self,
        to: &Connection,
        insert: &Insert,
        processes: &mut Processes,
    ) -> rusqlite::Result<()> {
        let mut opened = Vec::new();
        for flow in self.flows {
            let opening = flow.opened.as_ref().map(|opening| opening.flow);
            let process = match opening {
                Some(OpenedFlow { process_row: Some(row), .. }) => Some(*row),
                Some(OpenedFlow { process: Some(process), .. }) => {
                    Some(processes.write(to, process)?)
                }
                _ => None,
            };
            match flow.opened {
                Some(_) => opened.push((flow, process)),
                None => update(to, &flow)?,
            }
        }
        insert.rows(to, &opened, |(flow, process), cells| {
            let Some(Opening { seq, at, flow: opening }) = &flow.opened else { return Ok(()) };
            let none = Closing::default();
            let closed = flow.closed.as_ref().unwrap_or(&none);
            cells.put(flow.id)?;
            cells.put(at)?;
            cells.put(closed.at)?;
            cells.put(opening.transport)?;
            cells.put(&opening.client)?;
            cells.put(&opening.server)?;
            cells.put(flow.host)?;
            cells.put(flow.protocol)?;
            cells.put(&opening.via)?;
            cells.put(process)?;
            cells.put(closed.received)?;
            cells.put(closed.sent)?;
            cells.put(closed.failure)?;
            cells.put(seq)?;
            cells.put(closed.seq)
        })
    }
}

/// Prepares for the rows of new flows, whose columns are filled in this order.
pub(super) fn insert() -> Insert {
    let columns = [
        "id",
        "opened",
        "closed",
        "transport",
        "client",
        "server",
        "host",
        "protocol",
        "via",
        "process",
        "received",
        "sent",
        "failure",
        "first_seq",
        "last_seq",
    ];
    // What was opened before is begun anew.
    let others = columns.iter().filter(|name| **name != "id");
    let set: Vec<_> = others.map(|name| format!("{name} = excluded.{name}")).collect();
    Insert::or_update("flow", &columns, &set.join(", "))
}

fn update(to: &Connection, flow: &Flow<'_>) -> rusqlite::Result<()> {
    if flow.protocol.is_some() || flow.host.is_some() {
        to.prepare_cached(
            "UPDATE flow SET protocol = coalesce(?2, protocol), host = coalesce(?3, host)
             WHERE id = ?1",
        )?
        .execute(params![flow.id, flow.protocol, flow.host])?;
    }
    if let Some(closed) = &flow.closed {
        to.prepare_cached(
            "UPDATE flow SET closed = ?2, received = ?3, sent = ?4, failure = ?5, last_seq = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            flow.id,
            closed.at,
            closed.received,
            closed.sent,
            closed.failure,
            closed.seq
        ])?;
    }
    Ok(())
}
