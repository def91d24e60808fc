//! What is held of each line, of each flow and of each process: as little as they can be drawn,
//! ordered and filtered by.

use std::time::{Duration, SystemTime};

use sidestream_flow::{ExchangeId, FlowId};
use sidestream_store::{FlowRow, ProcessId, Responder, Seq};

use crate::texts::{Text, Word};

/// Stands for an end that has not come.
pub(crate) const NEVER: i64 = i64::MIN;

/// Stands for the exchange of a line that has none.
pub(crate) const NONE: u64 = u64::MAX;

/// Stands for a version that is not known.
pub(crate) const UNKNOWN: u8 = u8::MAX;

/// A line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) exchange: u64,
    pub(crate) started: i64,
    pub(crate) ended: i64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) url: Text,
    /// The place of its flow.
    pub(crate) flow: u32,
    pub(crate) method: Word,
    pub(crate) failure: Word,
    /// The content types, among those that are kept; none where the row does not tell.
    pub(crate) request_type: Word,
    pub(crate) response_type: Word,
    pub(crate) status: Option<u16>,
    pub(crate) responder: Responder,
    /// Ten times that of HTTP, 0 for DNS, [`UNKNOWN`] where the row does not tell.
    pub(crate) version: u8,
    /// Whether it knows all that the row of its flow tells: else it ended before the last of that.
    pub(crate) knows_flow: bool,
    pub(crate) verdict: Verdict,
}

// What a line costs beside its URL, its two places and its flow.
const _: () = assert!(size_of::<Row>() <= 80);

/// Whether the filter selects a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The row told that it does not.
    No,
    /// The records told that it does not.
    NoByRecord,
    /// The records are still to be judged.
    Unknown,
    /// The row told that it does.
    Yes,
    /// The records told that it does.
    YesByRecord,
}

impl Verdict {
    pub(crate) const fn is_in(self) -> bool {
        matches!(self, Self::Yes | Self::YesByRecord)
    }

    /// Returns it for a line of which the row does not tell any more what it did.
    pub(crate) const fn kept(self) -> Self {
        match self {
            Self::No => Self::NoByRecord,
            Self::Yes => Self::YesByRecord,
            kept => kept,
        }
    }

    /// Returns whether the row did not tell.
    pub(crate) const fn is_by_record(self) -> bool {
        !matches!(self, Self::Yes | Self::No)
    }
}

/// Stands for a number of entries that is not known, or too large.
const FAR: u32 = u32::MAX;

/// A flow, whether it has a line or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowFacts {
    pub(crate) id: FlowId,
    pub(crate) first: Seq,
    /// How many entries after its first its last comes.
    span: u32,
    /// How many entries after its first something else was told of its server, client or protocol.
    told: u32,
    /// The place of its process, if that is below the number of processes.
    pub(crate) process: u32,
    /// Four times the number of its exchanges that have lines, two more if it is open, and one if
    /// it failed.
    marks: u32,
}

const _: () = assert!(size_of::<FlowFacts>() <= 32);

impl FlowFacts {
    pub(crate) fn new(row: &FlowRow<'_>, process: Option<usize>, exchanges: u32) -> Self {
        Self {
            id: row.id,
            first: row.first,
            span: row.last.map_or(FAR, |last| distance(row.first, last)),
            told: row.told.map_or(FAR, |told| distance(row.first, told)),
            process: process.map_or(u32::MAX, |place| place as u32),
            marks: exchanges.saturating_mul(4)
                | u32::from(row.last.is_none()) << 1
                | u32::from(row.failure.is_some()),
        }
    }

    /// Returns its last entry, or the largest number where that is not known.
    pub(crate) const fn last(&self) -> Seq {
        match self.span {
            FAR => Seq(u64::MAX),
            span => Seq(self.first.0.saturating_add(span as u64)),
        }
    }

    /// Returns whether an entry comes behind all by which its row tells something else.
    pub(crate) const fn is_told_before(&self, seq: Seq) -> bool {
        self.told != FAR && self.first.0.saturating_add(self.told as u64) < seq.0
    }

    /// Returns whether its row told something else up to that entry, and not since.
    pub(crate) fn is_told_to(&self, told: Option<Seq>) -> bool {
        self.told == told.map_or(FAR, |told| distance(self.first, told))
    }

    /// Returns whether its row tells the same as that of another time, for sure.
    pub(crate) const fn tells_as(&self, other: &Self) -> bool {
        self.told != FAR && self.told == other.told
    }

    pub(crate) const fn exchanges(&self) -> u32 {
        self.marks / 4
    }

    pub(crate) const fn failed(&self) -> bool {
        self.marks % 2 == 1
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.marks & 2 != 0
    }

    /// Counts an exchange that came.
    pub(crate) const fn add_exchange(&mut self) {
        self.marks = self.marks.saturating_add(4);
    }

    /// Counts an exchange that went.
    pub(crate) const fn remove_exchange(&mut self) {
        self.marks = self.marks.saturating_sub(4);
    }
}

/// Returns how many entries the second comes after the first, or [`FAR`].
fn distance(first: Seq, second: Seq) -> u32 {
    u32::try_from(second.0.saturating_sub(first.0)).unwrap_or(FAR)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessFacts {
    pub(crate) id: ProcessId,
    pub(crate) pid: u32,
    pub(crate) name: Text,
}

impl Row {
    /// Returns its exchange; `None` for the line of a flow.
    pub(crate) const fn exchange(&self) -> Option<ExchangeId> {
        match self.exchange {
            NONE => None,
            id => Some(ExchangeId(id)),
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.ended != NEVER
    }

    pub(crate) fn started(&self) -> SystemTime {
        time(self.started)
    }

    pub(crate) const fn started_nanoseconds(&self) -> i64 {
        self.started
    }

    /// Returns how long it took, in nanoseconds.
    pub(crate) fn took(&self) -> Option<u64> {
        let took = || self.ended.saturating_sub(self.started).max(0).cast_unsigned();
        self.has_ended().then(took)
    }

    /// Returns whether it is DNS rather than HTTP, as far as the row tells.
    pub(crate) fn is_dns(&self, method: Option<&str>) -> Option<bool> {
        match self.version {
            UNKNOWN => method.filter(|method| *method != "DNS").map(|_| false),
            version => Some(version == 0),
        }
    }

    /// Returns whether the bytes of content are all that there are: those that a rule gave are not
    /// counted.
    pub(crate) const fn tells_bytes(&self) -> bool {
        matches!(self.responder, Responder::Nobody | Responder::Server)
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.request_bytes.saturating_add(self.response_bytes)
    }
}

/// Returns the time that is so many nanoseconds after 1970.
pub(crate) fn time(nanoseconds: i64) -> SystemTime {
    let span = Duration::from_nanos(nanoseconds.unsigned_abs());
    let at = match nanoseconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(span),
        _ => SystemTime::UNIX_EPOCH.checked_sub(span),
    };
    at.unwrap_or(SystemTime::UNIX_EPOCH)
}
