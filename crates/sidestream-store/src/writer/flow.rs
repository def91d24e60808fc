//! The list of flows: what a transaction changes of each, as one row.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::insert::Insert;
use super::process::Processes;
use crate::row::{OpenedFlow, Row, Update};
use crate::told::FlowTexts;

/// How many open flows are remembered before it is started anew: at most some 8 MiB.
const KNOWN_FLOWS: usize = 16 * 1024;

/// What was told of open flows, as far as this is remembered. Of others, what is told from then on
/// is left to the entries.
#[derive(Debug, Default)]
pub(super) struct ToldFlows(HashMap<i64, FlowTexts>);

impl ToldFlows {
    /// Forgets all, of which some may have been rolled back.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn take(&mut self, id: i64) -> FlowTexts {
        self.0.remove(&id).unwrap_or_else(FlowTexts::unknown)
    }

    fn forget(&mut self, id: i64) {
        self.0.remove(&id);
    }

    fn remember(&mut self, id: i64, texts: FlowTexts) {
        if self.0.len() >= KNOWN_FLOWS {
            self.0.clear();
        }
        self.0.insert(id, texts);
    }
}

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
    /// What entries say of its server and its client, with their numbers.
    told: Vec<(i64, &'a Update)>,
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
            Update::Protocol(name) => {
                let flow = self.touch(row.flow);
                flow.protocol = Some(name);
                flow.told.push((seq, &row.update));
            }
            Update::Host(host) => {
                let flow = self.touch(row.flow);
                flow.host = Some(host);
                flow.told.push((seq, &row.update));
            }
            Update::Connected(_) | Update::Secured(_) | Update::Passed(_) => {
                self.touch(row.flow).told.push((seq, &row.update));
            }
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
        (processes, told): (&mut Processes, &mut ToldFlows),
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
            let Some(opening) = opening else {
                update(to, &flow, told)?;
                continue;
            };
            let mut texts = FlowTexts::new(&opening.server);
            let told_seq = flow.add_told(&mut texts);
            opened.push((flow, process, texts, told_seq));
        }
        insert.rows(to, &opened, |(flow, process, texts, told_seq), cells| {
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
            texts.all().into_iter().try_for_each(|text| cells.put(text))?;
            cells.put(told_seq.unwrap_or(*seq))?;
            cells.put(&opening.via)?;
            cells.put(process)?;
            cells.put(closed.received)?;
            cells.put(closed.sent)?;
            cells.put(closed.failure)?;
            cells.put(seq)?;
            cells.put(closed.seq)
        })?;
        for (flow, _, texts, _) in opened.into_iter().filter(|(flow, ..)| flow.closed.is_none()) {
            told.remember(flow.id, texts);
        }
        Ok(())
    }
}

impl Flow<'_> {
    /// Adds what entries say, and returns the last that says something new.
    fn add_told(&self, texts: &mut FlowTexts) -> Option<i64> {
        let is_new = |(seq, update): &(i64, &Update)| texts.add(update).then_some(*seq);
        self.told.iter().filter_map(is_new).last()
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
        "servers",
        "sni",
        "alpn",
        "ja4",
        "told_seq",
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

fn update(to: &Connection, flow: &Flow<'_>, told: &mut ToldFlows) -> rusqlite::Result<()> {
    if !flow.told.is_empty() {
        let mut texts = told.take(flow.id);
        if let Some(seq) = flow.add_told(&mut texts) {
            let [servers, sni, alpn, ja4] = texts.all();
            to.prepare_cached(
                "UPDATE flow SET protocol = coalesce(?2, protocol), host = coalesce(?3, host),
                    servers = ?4, sni = ?5, alpn = ?6, ja4 = ?7, told_seq = ?8
                 WHERE id = ?1",
            )?
            .execute(params![
                flow.id,
                flow.protocol,
                flow.host,
                servers,
                sni,
                alpn,
                ja4,
                seq
            ])?;
        }
        told.remember(flow.id, texts);
    }
    if let Some(closed) = &flow.closed {
        told.forget(flow.id);
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
