//! All lines of a session, with their flows and processes.

use std::cmp::Ordering;

use sidestream_flow::FlowId;
use sidestream_store::{ExchangeRow, FlowRow, ProcessRow, ReadError, Reader, Seq};

use crate::kept::Kept;
use crate::line::{Line, LineId, LineProcess};
use crate::row::{FlowFacts, ProcessFacts, Row, time};
use crate::sequence::Sequence;
use crate::texts::Words;

/// Up to so many flows are asked for one by one.
const FEW: usize = 1000;

/// From so many entries on two threads read.
const MANY: Seq = Seq(100_000);

/// All lines of a session, in no order but those that they are found by.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    /// Places of rows that are gone.
    free: Vec<u32>,
    /// The rows by their ids.
    by_id: Sequence,
    flows: Vec<FlowFacts>,
    flows_by_id: Sequence,
    /// By their ids.
    processes: Vec<ProcessFacts>,
    kept: Kept,
}

impl Rows {
    /// Reads all that is in a session.
    pub(crate) fn load(reader: &Reader) -> Result<Self, ReadError> {
        let mut rows = Self::default();
        rows.load_processes(reader)?;
        reader.flow_rows(|row| {
            let facts = rows.facts(&row, 0);
            rows.flows.push(facts);
        })?;
        rows.flows.shrink_to_fit();
        rows.flows.sort_by_key(|flow| flow.id);
        rows.flows_by_id = Sequence::of(0..rows.flows.len() as u32);
        rows.load_exchanges(reader)?;
        rows.load_flow_lines(reader)?;
        rows.rows.shrink_to_fit();
        let mut by_id: Vec<u32> = (0..rows.rows.len() as u32).collect();
        // Flows stand by their ids.
        by_id.sort_by_key(|place| {
            let row = rows.row(*place);
            (row.flow, row.exchange())
        });
        rows.by_id = Sequence::of(by_id.into_iter());
        Ok(rows)
    }

    fn load_exchanges(&mut self, reader: &Reader) -> Result<(), ReadError> {
        let middle = reader.middle_exchange()?;
        let another = match reader.last()? {
            Some(newest) if newest >= MANY => reader.again().ok(),
            _ => None,
        };
        let flows = &self.flows[..];
        let Some(another) = another else {
            self.rows = self.kept.load(reader, .., flows)?;
            self.count_exchanges();
            return Ok(());
        };
        let (lower, upper) = std::thread::scope(|scope| {
            let upper = scope.spawn(move || {
                let mut kept = Kept::default();
                kept.load(&another, middle.., flows).map(|rows| (rows, kept))
            });
            let lower = self.kept.load(reader, ..middle, flows);
            (lower, upper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        self.rows = lower?;
        let (mut rows, kept) = upper?;
        self.kept.absorb(kept, &mut rows);
        self.rows.append(&mut rows);
        self.count_exchanges();
        Ok(())
    }

    fn count_exchanges(&mut self) {
        for row in &self.rows {
            self.flows[row.flow as usize].add_exchange();
        }
    }

    fn load_flow_lines(&mut self, reader: &Reader) -> Result<(), ReadError> {
        let bare: Vec<u32> =
            (0..).zip(&self.flows).filter(|(_, it)| it.exchanges() == 0).map(|it| it.0).collect();
        if bare.len() <= FEW {
            for flow in bare {
                let id = self.flows[flow as usize].id;
                reader.flow_row(id, |row| {
                    let made = self.flow(&row, flow, None);
                    self.rows.push(made);
                })?;
            }
            return Ok(());
        }
        let mut bare = bare.into_iter().peekable();
        reader.flow_rows(|row| {
            while bare.peek().is_some_and(|flow| self.flows[*flow as usize].id < row.id) {
                bare.next();
            }
            if let Some(flow) = bare.next_if(|flow| self.flows[*flow as usize].id == row.id) {
                let made = self.flow(&row, flow, None);
                self.rows.push(made);
            }
        })
    }

    /// Reads the processes that are new.
    pub(crate) fn load_processes(&mut self, reader: &Reader) -> Result<(), ReadError> {
        let Self { processes, kept: Kept { texts, .. }, .. } = self;
        let after = processes.last().map(|it| it.id);
        reader.process_rows(after, |row| {
            let ProcessRow { id, pid, name, .. } = row;
            processes.push(ProcessFacts { id, pid, name: texts.add(name) });
        })
    }

    /// Reads what a flow is now, and returns its place; `None` if it has no row.
    pub(crate) fn load_flow(
        &mut self,
        reader: &Reader,
        id: FlowId,
    ) -> Result<Option<u32>, ReadError> {
        let found = self.find_flow(id);
        let exchanges = found.map_or(0, |place| self.flows[place as usize].exchanges());
        let mut facts = None;
        reader.flow_row(id, |row| facts = Some(self.facts(&row, exchanges)))?;
        let Some(facts) = facts else { return Ok(None) };
        Ok(Some(match found {
            Some(place) => {
                self.flows[place as usize] = facts;
                place
            }
            None => {
                let place = self.flows.len() as u32;
                let Err(at) = self.find_flow_place(id) else { return Ok(None) };
                self.flows.push(facts);
                self.flows_by_id.insert(at, place);
                place
            }
        }))
    }

    fn facts(&self, row: &FlowRow<'_>, exchanges: u32) -> FlowFacts {
        let process = row
            .process
            .and_then(|id| self.processes.binary_search_by_key(&id, |process| process.id).ok());
        FlowFacts::new(row, process, exchanges)
    }

    /// Makes the line of an exchange, in the place of what it was.
    pub(crate) fn exchange(
        &mut self,
        row: &ExchangeRow<'_>,
        flow: u32,
        before: Option<&Row>,
    ) -> Option<Row> {
        let facts = self.flows[flow as usize];
        self.kept.exchange(row, (flow, &facts), before)
    }

    /// Makes the line of a flow, in the place of what it was.
    pub(crate) fn flow(&mut self, row: &FlowRow<'_>, flow: u32, before: Option<&Row>) -> Row {
        self.kept.flow(row, flow, before)
    }

    /// Copies the texts that are in use, if many are not.
    pub(crate) fn tidy(&mut self) {
        if !self.kept.texts.is_wasteful() {
            return;
        }
        let old = std::mem::take(&mut self.kept.texts);
        for place in self.by_id.iter() {
            let row = &mut self.rows[place as usize];
            if row.url.is_some() {
                row.url = self.kept.texts.add(old.get(row.url));
            }
        }
        for process in &mut self.processes {
            process.name = self.kept.texts.add(old.get(process.name));
        }
    }

    /// Adds a line, and returns its place.
    pub(crate) fn insert(&mut self, row: Row) -> u32 {
        let place = match self.free.pop() {
            Some(place) => {
                self.rows[place as usize] = row;
                place
            }
            None => {
                self.rows.push(row);
                (self.rows.len() - 1) as u32
            }
        };
        if let Err(at) = self.find_place(self.id(&row)) {
            self.by_id.insert(at, place);
        }
        place
    }

    /// Takes a line out.
    pub(crate) fn remove(&mut self, id: LineId) {
        let Ok(at) = self.find_place(id) else { return };
        let Some(place) = self.by_id.get(at) else { return };
        self.by_id.remove(at);
        self.kept.texts.give_up(self.rows[place as usize].url);
        self.free.push(place);
    }

    /// Forgets the flows that are not among these, which are in order, and have no exchanges, if
    /// they are many. Returns whether flows stand elsewhere now.
    pub(crate) fn forget_flows(&mut self, there: &[FlowId]) -> bool {
        let stays =
            |flow: &FlowFacts| flow.exchanges() > 0 || there.binary_search(&flow.id).is_ok();
        let gone = self.flows.iter().filter(|flow| !stays(flow)).count();
        if gone <= self.flows.len() / 4 {
            return false;
        }
        let mut moved = vec![0; self.flows.len()];
        let mut kept = Vec::with_capacity(self.flows.len() - gone);
        for old in self.flows_by_id.iter() {
            let flow = self.flows[old as usize];
            if stays(&flow) {
                moved[old as usize] = kept.len() as u32;
                kept.push(flow);
            }
        }
        self.rows.iter_mut().for_each(|row| row.flow = moved[row.flow as usize]);
        self.flows_by_id = Sequence::of(0..kept.len() as u32);
        self.flows = kept;
        true
    }

    /// Returns how many places of rows there are, also of rows that are gone.
    pub(crate) const fn room(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Iterates over the places of all lines, by their ids.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_id.iter()
    }

    /// Iterates over the places of a flow's lines.
    pub(crate) fn places_of(&self, flow: FlowId) -> impl Iterator<Item = u32> + '_ {
        let from = self.find_place(LineId { flow, exchange: None }).unwrap_or_else(|place| place);
        let of_flow = move |place: &u32| self.flow_of(self.row(*place)).id == flow;
        self.by_id.from(from).take_while(of_flow)
    }

    pub(crate) const fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Finds the place of a line.
    pub(crate) fn find(&self, id: LineId) -> Option<u32> {
        self.by_id.get(self.find_place(id).ok()?)
    }

    fn find_place(&self, id: LineId) -> Result<usize, usize> {
        self.by_id.find(|place| self.id(self.row(place)).cmp(&id))
    }

    fn find_flow_place(&self, id: FlowId) -> Result<usize, usize> {
        self.flows_by_id.find(|place| self.flows[place as usize].id.cmp(&id))
    }

    /// Finds the place of a flow.
    pub(crate) fn find_flow(&self, id: FlowId) -> Option<u32> {
        self.flows_by_id.get(self.find_flow_place(id).ok()?)
    }

    pub(crate) fn row(&self, place: u32) -> &Row {
        &self.rows[place as usize]
    }

    pub(crate) fn row_mut(&mut self, place: u32) -> &mut Row {
        &mut self.rows[place as usize]
    }

    pub(crate) fn flow_of(&self, row: &Row) -> &FlowFacts {
        &self.flows[row.flow as usize]
    }

    pub(crate) fn flow_mut(&mut self, place: u32) -> &mut FlowFacts {
        &mut self.flows[place as usize]
    }

    pub(crate) fn flows(&self) -> &[FlowFacts] {
        &self.flows
    }

    pub(crate) fn processes(&self) -> &[ProcessFacts] {
        &self.processes
    }

    pub(crate) fn process_of(&self, row: &Row) -> Option<LineProcess<'_>> {
        let process = self.processes.get(self.flow_of(row).process as usize)?;
        Some(LineProcess { name: self.kept.texts.get(process.name), pid: process.pid })
    }

    /// Returns whether an exchange came that has no URL to be named by.
    pub(crate) const fn has_nameless(&self) -> bool {
        self.kept.has_nameless
    }

    /// Returns the content types of exchanges.
    pub(crate) const fn types(&self) -> &Words {
        &self.kept.types
    }

    pub(crate) const fn words(&self) -> &Words {
        &self.kept.words
    }

    pub(crate) fn method(&self, row: &Row) -> Option<&str> {
        self.kept.words.get(row.method)
    }

    pub(crate) fn url(&self, row: &Row) -> Option<&str> {
        row.url.is_some().then(|| self.kept.texts.get(row.url))
    }

    pub(crate) fn id(&self, row: &Row) -> LineId {
        LineId { flow: self.flow_of(row).id, exchange: row.exchange() }
    }

    pub(crate) fn line(&self, row: &Row) -> Line<'_> {
        Line {
            id: self.id(row),
            started: row.started(),
            ended: row.has_ended().then(|| time(row.ended)),
            process: self.process_of(row),
            method: self.method(row),
            url: self.url(row),
            status: row.status,
            request_bytes: row.request_bytes,
            response_bytes: row.response_bytes,
            failure: self.kept.words.get(row.failure),
        }
    }

    /// Compares the processes of two rows: by name and id, none last.
    pub(crate) fn compare_processes(
        &self,
        a: Option<&ProcessFacts>,
        b: Option<&ProcessFacts>,
    ) -> Ordering {
        let key = |it: Option<&ProcessFacts>| {
            it.map_or((true, "", 0), |it| (false, self.kept.texts.get(it.name), it.pid))
        };
        key(a).cmp(&key(b))
    }

    pub(crate) fn process_facts(&self, row: &Row) -> Option<&ProcessFacts> {
        self.processes.get(self.flow_of(row).process as usize)
    }
}
