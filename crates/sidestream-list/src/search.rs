//! The records of lines whose rows do not tell whether the filter selects them: read once, in
//! steps, and then followed as they come.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use sidestream_filter::{Filter, Row as RecordRow};
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Book, Closed, Finished, Flow};
use sidestream_store::{ReadError, Reader, Seq};

use crate::line::LineId;
use crate::record::{body_bytes, holds, selects};
use crate::row::{Row, Verdict};
use crate::rows::Rows;

/// A search through the records.
#[derive(Debug)]
pub(crate) struct Search {
    filter: Filter,
    book: Book,
    /// The flows of which entries before `begun` are wanted.
    flows: HashSet<FlowId>,
    /// Of which of their exchanges, if these are few.
    exchanges: Option<HashSet<ExchangeId>>,
    /// The newest entry when it began: all that come later are wanted.
    begun: Seq,
    /// Where entries of these flows are, in order, each from a first to a last.
    ranges: VecDeque<(u64, u64)>,
    /// The next entry that is to be read.
    next: u64,
    /// How many entries there are to read up to `begun`, and how many of them are left.
    total: u64,
    left: u64,
    /// Whether what is open was judged since all was read.
    is_level: bool,
    open: BTreeSet<FlowId>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) lines: Vec<(LineId, bool)>,
    /// Whether all was read that is there.
    pub(crate) is_done: bool,
}

impl Search {
    /// Begins one for the lines that wait, up to that entry.
    pub(crate) fn new(filter: Filter, rows: &Rows, begun: Seq) -> Self {
        let open = rows.flows().iter().filter(|flow| flow.is_open());
        let all = || rows.places().map(|place| rows.row(place));
        // What has not ended may turn, or come to a point where its row does not tell.
        let are_wanted = || all().filter(|row| row.verdict == Verdict::Unknown || !row.has_ended());
        let waiting = || are_wanted().filter(|row| row.verdict.is_by_record());
        let are_few = are_wanted().count() <= rows.len() / 4;
        let exchanges = are_few.then(|| are_wanted().filter_map(Row::exchange).collect());
        let wanted = open.chain(waiting().map(|row| rows.flow_of(row)));
        let (mut flows, mut ranges) = (HashSet::new(), Vec::new());
        for flow in wanted {
            if flows.insert(flow.id) {
                ranges.push((flow.first.0, flow.last().0.min(begun.0)));
            }
        }
        let ranges = joined(ranges);
        let total = ranges.iter().map(|(first, last)| last.saturating_sub(*first) + 1).sum();
        let next = ranges.front().map_or_else(|| begun.0.saturating_add(1), |(first, _)| *first);
        let book = Book::keeping(body_bytes(Some(&filter)));
        let (is_level, open) = (false, BTreeSet::new());
        Self {
            filter,
            book,
            flows,
            exchanges,
            begun,
            ranges,
            next,
            total,
            left: total,
            is_level,
            open,
        }
    }

    /// Returns whether what is recorded of a flow reaches it.
    pub(crate) fn knows(&self, flow: FlowId, first: Seq) -> bool {
        first > self.begun || self.flows.contains(&flow)
    }

    /// Returns how many entries are still to be read of those that were there when it began, and
    /// of how many.
    pub(crate) const fn progress(&self) -> (u64, u64) {
        (self.left, self.total)
    }

    /// Reads on up to that entry, the newest of which is known, but no more than so many.
    ///
    /// Behind one that is damaged the next step goes on.
    pub(crate) fn step(
        &mut self,
        reader: &Reader,
        newest: Seq,
        most: u64,
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let mut read = 0;
        while read < most && self.next <= newest.0 {
            let Some(last) = self.last_of_stretch(newest) else { continue };
            let last = last.min(self.next.saturating_add(most - read - 1));
            let (first, next) = (self.next, last.saturating_add(1));
            read += last - first + 1;
            let Self { book, flows, exchanges, begun, filter, open, .. } = self;
            let is_one = |id: &ExchangeId| exchanges.as_ref().is_none_or(|it| it.contains(id));
            let wanted = |flow: FlowId, exchange: Option<ExchangeId>| {
                let is_before = || flows.contains(&flow) && exchange.as_ref().is_none_or(is_one);
                first > begun.0 || is_before()
            };
            let mut entries = reader.entries_of(Seq(first)..=Seq(last), wanted);
            while let Some(entry) = entries.next() {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        let behind = entries.seq().map_or(first, |seq| seq.0.saturating_add(1));
                        drop(entries);
                        self.advance(behind);
                        return Err(error);
                    }
                };
                let is_live = first > begun.0;
                // What is noted may be damaged; what it is about is not.
                let mut noted = Ok(());
                for mut finished in book.apply(&entry) {
                    let told = reader.note(&mut finished);
                    noted = noted.and(told);
                    found
                        .lines
                        .extend(line_of(&finished).map(|id| (id, selects(filter, &finished))));
                }
                if is_live {
                    open.insert(entry.flow);
                }
                if noted.is_err() {
                    let behind = entries.seq().map_or(first, |seq| seq.0.saturating_add(1));
                    drop(entries);
                    self.advance(behind);
                    return noted;
                }
            }
            drop(entries);
            self.advance(next);
        }
        found.is_done = self.next > newest.0;
        Ok(())
    }

    /// Judges what has not ended: all of it the first time, then what was told of since.
    ///
    /// What is open counts as ending with the newest entry, at that time.
    pub(crate) fn judge_open(&mut self, asks_time: bool, at: SystemTime, found: &mut Found) {
        let touched = std::mem::take(&mut self.open);
        let all = || self.book.open_flows().map(|flow| flow.id).collect();
        let flows: BTreeSet<FlowId> = if self.is_level && !asks_time { touched } else { all() };
        self.is_level = true;
        for id in flows {
            let Some(flow) = self.book.open_flow(id) else { continue };
            for exchange in self.book.open_exchanges(id) {
                let line = LineId { flow: id, exchange: Some(exchange.id) };
                found.lines.push((line, holds(&self.filter, RecordRow::exchange(flow, exchange))));
            }
            let line = LineId { flow: id, exchange: None };
            let closed = Finished::Flow(Arc::new(closed_at(flow, at)));
            found.lines.push((line, selects(&self.filter, &closed)));
        }
    }

    /// Returns the last entry that can be read in one go; `None` if it went on to another stretch.
    fn last_of_stretch(&mut self, newest: Seq) -> Option<u64> {
        if self.next > self.begun.0 {
            return Some(newest.0);
        }
        match self.ranges.front() {
            Some((_, last)) if self.next <= *last => Some(*last),
            Some(_) => {
                self.ranges.pop_front();
                let first = self.ranges.front().map(|(first, _)| *first);
                self.next = first.unwrap_or_else(|| self.begun.0.saturating_add(1));
                None
            }
            None => {
                self.next = self.begun.0.saturating_add(1);
                None
            }
        }
    }

    fn advance(&mut self, next: u64) {
        if self.next <= self.begun.0 {
            self.left = self.left.saturating_sub(next - self.next);
        }
        self.next = next;
    }
}

/// Returns a flow as if it ended at that time.
fn closed_at(flow: &Flow, at: SystemTime) -> Flow {
    let [received, sent] = flow.data_bytes;
    Flow { closed: Some((at, Closed { received, sent, failure: None })), ..flow.clone() }
}

fn line_of(finished: &Finished) -> Option<LineId> {
    match finished {
        Finished::Exchange(flow, exchange) => {
            Some(LineId { flow: flow.id, exchange: Some(exchange.id) })
        }
        Finished::Flow(flow) => Some(LineId { flow: flow.id, exchange: None }),
        _ => None,
    }
}

/// Joins stretches that touch, and orders them.
fn joined(mut ranges: Vec<(u64, u64)>) -> VecDeque<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: VecDeque<(u64, u64)> = VecDeque::new();
    for (first, last) in ranges {
        match joined.back_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push_back((first, last)),
        }
    }
    joined
}
