//! What is held of a list, and how lines come, go and move in it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::SystemTime;

use sidestream_filter::Filter;
use sidestream_store::{ReadError, Reader, Seq, Wanted};

use crate::judge::Judge;
use crate::line::{Line, LineId};
use crate::list::{Change, Progress, Step};
use crate::order::Order;
use crate::row::{Row, Verdict};
use crate::rows::Rows;
use crate::search::{Found, Search};
use crate::sequence::Sequence;
use crate::sort::{compare, sorted};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rows: Rows,
    order: Order,
    /// The places of the rows that are selected, in ascending order.
    shown: Sequence,
    pub(crate) judge: Option<Judge>,
    pub(crate) search: Option<Search>,
    /// Whether a line waits for records that no search reads.
    pub(crate) wants_search: bool,
    /// Whether the search has read all that is there.
    pub(crate) is_searched: bool,
    /// What was oldest, which is another number when something old was taken out.
    pub(crate) oldest: u64,
    /// The newest entry that was taken up, and its time.
    pub(crate) seq: Seq,
    pub(crate) at: SystemTime,
    /// The revision of the session up to which all was taken up.
    pub(crate) revision: Option<u64>,
    /// Entries that were taken up and are damaged, which is still to be told.
    pub(crate) damaged: VecDeque<(Seq, String)>,
}

impl State {
    /// Reads all lines, by time.
    pub(crate) fn load(reader: &Reader) -> Result<Self, ReadError> {
        let revision = Some(reader.revision()?);
        let oldest = reader.oldest()?;
        let seq = reader.last()?.unwrap_or(Seq(0));
        let newest = reader.touched(Seq(seq.0.saturating_sub(1)), 1)?;
        let mut state = Self {
            rows: Rows::load(reader)?,
            order: Order::default(),
            shown: Sequence::default(),
            judge: None,
            search: None,
            wants_search: false,
            is_searched: true,
            oldest,
            seq,
            at: newest.at.unwrap_or(SystemTime::UNIX_EPOCH),
            revision,
            damaged: VecDeque::new(),
        };
        state.judge_all(None);
        state.sort();
        Ok(state)
    }

    pub(crate) const fn len(&self) -> usize {
        self.shown.len()
    }

    pub(crate) const fn total(&self) -> usize {
        self.rows.len()
    }

    pub(crate) const fn order(&self) -> Order {
        self.order
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.judge.as_ref().map(Judge::filter)
    }

    pub(crate) fn window(&self, places: Range<usize>) -> impl Iterator<Item = Line<'_>> {
        let len = self.len();
        let Range { start, end } = places;
        let count = end.min(len).saturating_sub(start);
        let (up, down) = if self.order.descending {
            (None, Some(self.shown.before(len.saturating_sub(start))))
        } else {
            (Some(self.shown.from(start)), None)
        };
        let places = up.into_iter().flatten().chain(down.into_iter().flatten());
        places.take(count).map(|place| self.rows.line(self.rows.row(place)))
    }

    pub(crate) fn place_of(&self, id: LineId) -> Option<usize> {
        let row = self.rows.row(self.rows.find(id)?);
        row.verdict.is_in().then(|| self.find(row).ok()).flatten().map(|at| self.turned(at, 1))
    }

    /// Returns where a row stands, or would stand, in ascending order.
    fn find(&self, row: &Row) -> Result<usize, usize> {
        let Self { rows, order, shown, .. } = self;
        shown.find(|place| compare(rows, order.by, rows.row(place), row))
    }

    /// Returns a place as it is told, where `one` is 1 for a line that is there, and 0 for one
    /// that is not.
    const fn turned(&self, at: usize, one: usize) -> usize {
        if self.order.descending { self.shown.len() - one - at } else { at }
    }

    pub(crate) fn order_by(&mut self, order: Order) {
        let is_sorted = self.order.by == order.by;
        self.order = order;
        if !is_sorted {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.shown = Sequence::default();
        self.shown = Sequence::of(sorted(&self.rows, self.order.by).into_iter());
    }

    pub(crate) fn set_filter(
        &mut self,
        reader: &Reader,
        filter: Option<Filter>,
    ) -> Result<(), ReadError> {
        let mut judge = filter.map(Judge::new);
        let mut wanted = None;
        if let Some(judge) = &mut judge {
            judge.meet(reader, &self.rows)?;
            wanted = reader.wanted(judge.filter())?;
        }
        self.judge = judge;
        self.search = None;
        self.judge_all(wanted.as_ref());
        self.sort();
        Ok(())
    }

    /// Judges all rows, and begins a search if that is not enough. `wanted` are the exchanges in
    /// which there may be a text that the filter asks for.
    fn judge_all(&mut self, wanted: Option<&Wanted>) {
        let Self { rows, judge, .. } = self;
        self.wants_search = false;
        for place in 0..rows.room() {
            let verdict = match judge {
                None => Verdict::Yes,
                Some(judge) => {
                    let row = rows.row(place);
                    let looked_up = wanted.zip(row.exchange());
                    match told(judge.judge(rows, row)) {
                        Verdict::Unknown if looked_up.is_some_and(|(it, id)| !it.contains(id)) => {
                            Verdict::NoByRecord
                        }
                        told => told,
                    }
                }
            };
            rows.row_mut(place).verdict = verdict;
        }
        self.wants_search = rows.places().any(|it| rows.row(it).verdict == Verdict::Unknown);
        self.begin_search();
    }

    fn begin_search(&mut self) {
        if !std::mem::take(&mut self.wants_search) {
            return;
        }
        if let Some(judge) = &self.judge {
            self.search = Some(Search::new(judge.filter().clone(), &self.rows, self.seq));
            self.is_searched = false;
        }
    }

    /// Returns whether a search has something to read that was there when it began, or since.
    pub(crate) const fn is_searching(&self) -> bool {
        self.search.is_some() && !self.is_searched
    }

    pub(crate) fn is_behind(&self, revision: u64) -> bool {
        self.revision != Some(revision)
    }

    pub(crate) fn progress(&self) -> Option<Progress> {
        let search = self.search.as_ref().filter(|_| !self.is_searched)?;
        let (left, total) = search.progress();
        Some(Progress { read: total - left, total })
    }

    pub(crate) fn update(
        &mut self,
        reader: &Reader,
        revision: u64,
        most: usize,
        changes: &mut Vec<Change>,
    ) -> Result<bool, ReadError> {
        self.tell_damage()?;
        if self.is_behind(revision) {
            self.follow(reader, revision, most, changes)?;
        }
        self.begin_search();
        self.search(reader, most, changes)?;
        self.tell_damage()?;
        Ok(self.is_searched && !self.is_behind(revision))
    }

    fn tell_damage(&mut self) -> Result<(), ReadError> {
        let next = self.damaged.pop_front();
        next.map_or(Ok(()), |(seq, what)| Err(ReadError::Damaged { seq, what }))
    }

    /// Puts a row in, or in the place of what it was.
    pub(crate) fn put(
        &mut self,
        reader: &Reader,
        before: Option<u32>,
        new: Row,
        changes: &mut Vec<Change>,
    ) -> Result<(), ReadError> {
        let Some(place) = before else {
            let place = self.rows.insert(new);
            let verdict = self.verdict(reader, place)?;
            self.set_verdict(place, verdict, changes);
            return Ok(());
        };
        let old = *self.rows.row(place);
        if old == new {
            return Ok(());
        }
        let id = self.rows.id(&old);
        let from = old.verdict.is_in().then(|| self.find(&old).ok()).flatten();
        let Some(from) = from else {
            *self.rows.row_mut(place) = new;
            let verdict = self.verdict(reader, place)?;
            self.set_verdict(place, verdict, changes);
            return Ok(());
        };
        let told = self.turned(from, 1);
        self.shown.remove(from);
        *self.rows.row_mut(place) = new;
        let verdict = self.verdict(reader, place)?;
        self.rows.row_mut(place).verdict = verdict;
        if !verdict.is_in() {
            changes.push(Change { id, step: Step::Removed { at: told } });
            return Ok(());
        }
        let to = self.find(&new).unwrap_or_else(|at| at);
        self.shown.insert(to, place);
        let to = self.turned(to, 1);
        let is_there = told == to;
        let step = match is_there {
            true => Step::Changed { at: to },
            false => Step::Moved { from: told, to },
        };
        changes.push(Change { id, step });
        Ok(())
    }

    /// Judges a row. One that was judged by its record stays as it was until that is judged again.
    pub(crate) fn verdict(&mut self, reader: &Reader, place: u32) -> Result<Verdict, ReadError> {
        let Self { rows, judge, search, .. } = self;
        let Some(judge) = judge else { return Ok(Verdict::Yes) };
        judge.meet(reader, rows)?;
        let row = rows.row(place);
        let told = told(judge.judge(rows, row));
        if told != Verdict::Unknown {
            return Ok(told);
        }
        let flow = rows.flow_of(row);
        self.wants_search |= !search.as_ref().is_some_and(|it| it.knows(flow.id, flow.first));
        Ok(if row.verdict.is_by_record() { row.verdict } else { told })
    }

    /// Lets a row be selected, or not, which stands where it stood.
    pub(crate) fn set_verdict(&mut self, place: u32, verdict: Verdict, changes: &mut Vec<Change>) {
        let row = *self.rows.row(place);
        let id = self.rows.id(&row);
        let found = self.find(&row);
        self.rows.row_mut(place).verdict = verdict;
        match (found, verdict.is_in()) {
            (Ok(at), false) => {
                changes.push(Change { id, step: Step::Removed { at: self.turned(at, 1) } });
                self.shown.remove(at);
            }
            (Err(at), true) => {
                changes.push(Change { id, step: Step::Inserted { at: self.turned(at, 0) } });
                self.shown.insert(at, place);
            }
            _ => {}
        }
    }

    pub(crate) fn remove(&mut self, id: LineId, changes: &mut Vec<Change>) {
        if let Some(place) = self.rows.find(id) {
            self.set_verdict(place, Verdict::No, changes);
            self.rows.remove(id);
        }
    }

    /// Searches on through the records.
    fn search(
        &mut self,
        reader: &Reader,
        most: usize,
        changes: &mut Vec<Change>,
    ) -> Result<(), ReadError> {
        let Some(search) = self.search.as_mut().filter(|_| !self.is_searched) else {
            return Ok(());
        };
        let mut found = Found::default();
        let searched = search.step(reader, self.seq, most as u64, &mut found);
        if found.is_done {
            let asks_time = self.judge.as_ref().is_some_and(Judge::asks_time);
            search.judge_open(asks_time, self.at, &mut found);
            self.is_searched = true;
        }
        for (id, is_in) in found.lines {
            let Some(place) = self.rows.find(id) else { continue };
            if self.rows.row(place).verdict.is_by_record() {
                let verdict = if is_in { Verdict::YesByRecord } else { Verdict::NoByRecord };
                self.set_verdict(place, verdict, changes);
            }
        }
        searched
    }
}

const fn told(holds: Option<bool>) -> Verdict {
    match holds {
        Some(true) => Verdict::Yes,
        Some(false) => Verdict::No,
        None => Verdict::Unknown,
    }
}
