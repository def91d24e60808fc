//! The list: what a user interface asks and tells.

use std::ops::Range;
use std::path::Path;

use sidestream_filter::Filter;
use sidestream_store::{ReadError, Reader};

use crate::error::OpenError;
use crate::line::{Line, LineId};
use crate::order::Order;
use crate::state::State;

/// A session as a list: ordered, filtered, and brought up to date when its owner asks for that.
///
/// It holds what it draws, orders and filters by, some 120 to 180 bytes a line with a usual URL, and
/// nothing that grows otherwise while nothing is searched.
#[derive(Debug)]
pub struct List {
    reader: Reader,
    state: State,
}

/// What became of a line.
///
/// Changes are to be taken one after the other: each counts places as those before it left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is only looked at")]
pub struct Change {
    /// Which line.
    pub id: LineId,
    /// What became of it.
    pub step: Step,
}

/// Where a line came, went, moved, or is to be drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Step {
    /// Something else is to be drawn there.
    Changed {
        /// Where.
        at: usize,
    },
    /// It came.
    Inserted {
        /// Where it is.
        at: usize,
    },
    /// It is elsewhere, and something else is to be drawn there.
    Moved {
        /// Where it was.
        from: usize,
        /// Where it is, without the gap that it left.
        to: usize,
    },
    /// It went.
    Removed {
        /// Where it was.
        at: usize,
    },
}

/// How far a search through the records has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many entries were read.
    pub read: u64,
    /// How many are to be read in all.
    pub total: u64,
}

impl List {
    /// Opens the list of a session, with all lines, by time.
    ///
    /// # Errors
    ///
    /// The file is no session, or cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Ok(Self::over(Reader::open(path)?)?)
    }

    /// Makes the list of a session that is open, with all lines, by time.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn over(reader: Reader) -> Result<Self, ReadError> {
        let moment = reader.moment()?;
        let state = State::load(&reader)?;
        drop(moment);
        Ok(Self { reader, state })
    }

    /// Returns the session.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Returns how many lines the filter selects.
    pub const fn len(&self) -> usize {
        self.state.len()
    }

    /// Returns whether the filter selects none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many lines there are, selected or not.
    pub const fn total(&self) -> usize {
        self.state.total()
    }

    /// Returns the line at a place.
    pub fn get(&self, place: usize) -> Option<Line<'_>> {
        self.window(place..place.saturating_add(1)).next()
    }

    /// Iterates over the lines at some places, as far as there are any.
    pub fn window(&self, places: Range<usize>) -> impl Iterator<Item = Line<'_>> {
        self.state.window(places)
    }

    /// Returns the place of a line; `None` if there is none, or the filter does not select it.
    pub fn place_of(&self, id: LineId) -> Option<usize> {
        self.state.place_of(id)
    }

    /// Returns by what the lines are ordered.
    pub const fn order(&self) -> Order {
        self.state.order()
    }

    /// Orders the lines. All places are others.
    pub fn order_by(&mut self, order: Order) {
        self.state.order_by(order);
    }

    /// Returns the filter.
    pub fn filter(&self) -> Option<&Filter> {
        self.state.filter()
    }

    /// Selects lines, or all. All places are others.
    ///
    /// What the lists of the session tell is judged at once. Lines of which the records must tell
    /// are not selected yet: they come with [`update`](Self::update), and
    /// [`progress`](Self::progress) says how far that is.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read; nothing is changed then.
    pub fn set_filter(&mut self, filter: Option<Filter>) -> Result<(), ReadError> {
        let Self { reader, state } = self;
        let _moment = reader.moment()?;
        state.set_filter(reader, filter)
    }

    /// Returns whether there is something for [`update`](Self::update) to do. It costs some
    /// microseconds.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn is_behind(&self) -> Result<bool, ReadError> {
        let Self { reader, state } = self;
        let has_damage = !state.damaged.is_empty();
        Ok(has_damage || state.is_searching() || state.is_behind(reader.revision()?))
    }

    /// Takes up what was committed since, and searches on, and adds what changed to `changes`.
    ///
    /// No more than some `most` entries are read, and a block of them more: 10,000 take some tens
    /// of milliseconds. Returns whether that was all; else it is to be called again.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read, or an entry is damaged that was searched or came since. What
    /// was added to `changes` holds all the same, and the next call goes on, behind a damaged entry.
    pub fn update(&mut self, most: usize, changes: &mut Vec<Change>) -> Result<bool, ReadError> {
        let Self { reader, state } = self;
        let revision = reader.revision()?;
        if !state.is_searching() && !state.is_behind(revision) && state.damaged.is_empty() {
            return Ok(true);
        }
        let _moment = reader.moment()?;
        state.update(reader, revision, most, changes)
    }

    /// Returns how far the search through the records has come, if one is under way.
    pub fn progress(&self) -> Option<Progress> {
        self.state.progress()
    }
}
