//! How a list takes up what was committed to its session, and what was taken out of it.

use sidestream_flow::{ExchangeId, FlowId};
use sidestream_store::{ReadError, Reader};

use crate::judge::Judge;
use crate::line::LineId;
use crate::list::{Change, Step};
use crate::row::Verdict;
use crate::state::State;

impl State {
    /// Takes up what entries told since.
    pub(crate) fn follow(
        &mut self,
        reader: &Reader,
        revision: u64,
        most: usize,
        changes: &mut Vec<Change>,
    ) -> Result<(), ReadError> {
        let touched = reader.touched(self.seq, most)?;
        self.rows.load_processes(reader)?;
        let noted = touched.noted.into_iter().map(|(flow, exchange)| LineId { flow, exchange });
        let noted: Vec<LineId> = noted.collect();
        if let Some(judge) = &mut self.judge {
            noted.iter().try_for_each(|id| judge.note(reader, *id))?;
        }
        for (flow, exchange) in touched.exchanges {
            self.see_exchange(reader, flow, exchange, changes)?;
        }
        for flow in touched.flows {
            self.see_flow(reader, flow, changes)?;
        }
        for id in noted {
            self.see_notes(reader, id, changes)?;
        }
        if self.search.is_none() {
            // Else it is told by who reads the records.
            self.damaged.extend(touched.damaged);
        }
        self.seq = touched.last;
        self.at = touched.at.unwrap_or(self.at);
        self.is_searched &= self.search.is_none();
        let oldest = reader.oldest()?;
        if oldest != self.oldest {
            self.forget(reader, changes)?;
            self.oldest = oldest;
        }
        if reader.last()?.is_none_or(|last| last <= self.seq) {
            self.revision = Some(revision);
        }
        self.rows.tidy();
        Ok(())
    }

    fn see_exchange(
        &mut self,
        reader: &Reader,
        flow: FlowId,
        exchange: ExchangeId,
        changes: &mut Vec<Change>,
    ) -> Result<(), ReadError> {
        let known = self.rows.find_flow(flow);
        let loaded = known.map_or_else(|| self.load_flow(reader, flow, changes), |it| Ok(Some(it)));
        let Some(place) = loaded? else { return Ok(()) };
        let id = LineId { flow, exchange: Some(exchange) };
        let before = self.rows.find(id);
        let old = before.map(|it| *self.rows.row(it));
        let (rows, mut new) = (&mut self.rows, None);
        reader.exchange_row(exchange, |row| {
            if row.flow == flow {
                new = rows.exchange(&row, place, old.as_ref()).zip(Some(row.last));
            }
        })?;
        let Some((mut new, last)) = new else { return Ok(()) };
        let ends = new.has_ended() && !old.is_some_and(|old| old.has_ended());
        if known.is_some() && ends {
            // What it knows is what its flow told until now.
            self.load_flow(reader, flow, changes)?;
            new.knows_flow = self.rows.flows()[place as usize].is_told_before(last);
        }
        if before.is_none() {
            self.rows.flow_mut(place).add_exchange();
            self.remove(LineId { flow, exchange: None }, changes);
        }
        self.put(reader, before, new, changes)
    }

    /// Reads what a flow is now, judges what that changes, and returns its place; `None` if it has
    /// no row.
    fn load_flow(
        &mut self,
        reader: &Reader,
        flow: FlowId,
        changes: &mut Vec<Change>,
    ) -> Result<Option<u32>, ReadError> {
        let before = self.rows.find_flow(flow).map(|it| self.rows.flows()[it as usize]);
        let Some(place) = self.rows.load_flow(reader, flow)? else { return Ok(None) };
        let Some(before) = before else { return Ok(Some(place)) };
        let now = self.rows.flows()[place as usize];
        let tells_else = !now.tells_as(&before);
        if !tells_else && now.failed() == before.failed() {
            return Ok(Some(place));
        }
        if tells_else && let Some(judge) = &mut self.judge {
            judge.see_flow(reader, &self.rows, flow)?;
        }
        let of_flow: Vec<_> = self.rows.places_of(flow).collect();
        for it in of_flow {
            let row = self.rows.row_mut(it);
            if !row.has_ended() {
                // What the flow cuts off fails with it, and knows all that is told of it.
                let verdict = self.verdict(reader, it)?;
                self.set_verdict(it, verdict, changes);
            } else if tells_else && row.knows_flow && row.exchange().is_some() {
                // It was judged by what was told until it ended, and stays so.
                row.knows_flow = false;
                row.verdict = row.verdict.kept();
            }
        }
        Ok(Some(place))
    }

    fn see_flow(
        &mut self,
        reader: &Reader,
        flow: FlowId,
        changes: &mut Vec<Change>,
    ) -> Result<(), ReadError> {
        let Some(place) = self.load_flow(reader, flow, changes)? else { return Ok(()) };
        if self.rows.flows()[place as usize].exchanges() > 0 {
            return Ok(());
        }
        let before = self.rows.find(LineId { flow, exchange: None });
        let old = before.map(|it| *self.rows.row(it));
        let (rows, mut new) = (&mut self.rows, None);
        reader.flow_row(flow, |row| new = Some(rows.flow(&row, place, old.as_ref())))?;
        match new {
            Some(new) => self.put(reader, before, new, changes),
            None => Ok(()),
        }
    }

    /// Judges a line anew of which something was noted, and lets it be drawn anew.
    fn see_notes(
        &mut self,
        reader: &Reader,
        id: LineId,
        changes: &mut Vec<Change>,
    ) -> Result<(), ReadError> {
        let Some(place) = self.rows.find(id) else { return Ok(()) };
        let was_in = self.rows.row(place).verdict.is_in();
        let mut verdict = self.verdict(reader, place)?;
        if verdict.is_by_record() && self.judge.as_ref().is_some_and(Judge::asks_notes) {
            // What its record came to was by what was noted then.
            verdict = Verdict::Unknown;
            self.wants_search = true;
        }
        self.set_verdict(place, verdict, changes);
        if was_in && let Some(at) = self.place_of(id) {
            changes.push(Change { id, step: Step::Changed { at } });
        }
        Ok(())
    }

    /// Takes out what is not in the session any more.
    fn forget(&mut self, reader: &Reader, changes: &mut Vec<Change>) -> Result<(), ReadError> {
        let (mut flows, mut exchanges) = (Vec::new(), Vec::new());
        reader.flow_ids(|id| flows.push(id))?;
        reader.exchange_ids(|id| exchanges.push(id))?;
        let rows = &self.rows;
        let is_gone = |id: &LineId| match id.exchange {
            Some(exchange) => exchanges.binary_search(&exchange).is_err(),
            None => flows.binary_search(&id.flow).is_err(),
        };
        let ids = rows.places().map(|place| rows.id(rows.row(place)));
        let gone: Vec<LineId> = ids.filter(is_gone).collect();
        for id in gone {
            self.remove(id, changes);
            if let Some(judge) = &mut self.judge {
                judge.forget_notes(id);
            }
            let Some(flow) = self.rows.find_flow(id.flow) else { continue };
            if id.exchange.is_some() {
                self.rows.flow_mut(flow).remove_exchange();
            }
            if self.rows.flows()[flow as usize].exchanges() == 0 {
                // It may still be there, as a line of its own.
                self.see_flow(reader, id.flow, changes)?;
            }
        }
        if self.rows.forget_flows(&flows)
            && let Some(judge) = &mut self.judge
        {
            judge.forget_flows();
            judge.meet(reader, &self.rows)?;
        }
        Ok(())
    }
}
