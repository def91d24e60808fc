//! The lists of a session, as far as a filter selects them.

use std::ops::{Bound, RangeBounds};
use std::time::SystemTime;

use rusqlite::types::Value as Cell;
use rusqlite::{Row, params_from_iter};
use sidestream_filter::{Condition, Selection, Value};
use sidestream_flow::{ExchangeId, FlowId};

use crate::wire;
use crate::{ReadError, Reader, Seq};

/// A line of the list: an exchange, or a flow that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The exchange; `None` for a flow.
    pub exchange: Option<ExchangeId>,
    /// The flow.
    pub flow: FlowId,
    /// When it began.
    pub started: SystemTime,
    /// When it was over.
    pub ended: Option<SystemTime>,
    /// The process, as `name[pid]`.
    pub process: Option<String>,
    /// The method, `DNS`, or the transport of a flow.
    pub method: Option<String>,
    /// The URL, what a DNS query asks for, or the server of a flow.
    pub url: Option<String>,
    /// The status that the client got, or the code of a DNS response.
    pub status: Option<u16>,
    /// How many bytes of content the client sent; of a flow, all bytes.
    pub request_bytes: u64,
    /// How many bytes of content the client got; of a flow, all bytes.
    pub response_bytes: u64,
    /// Why it did not end well.
    pub failure: Option<String>,
    /// The marker that the user set.
    pub marker: Option<String>,
    /// What the user noted.
    pub comment: Option<String>,
}

/// The entries among which all are that a filter can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: Seq,
    /// The last; `None` if that is the newest, whatever comes.
    pub last: Option<Seq>,
}

impl Span {
    /// All entries.
    pub const ALL: Self = Self { first: Seq(0), last: None };

    /// Returns whether the newest entry is among them.
    pub const fn is_to_the_end(&self) -> bool {
        self.last.is_none()
    }
}

impl RangeBounds<Seq> for Span {
    fn start_bound(&self) -> Bound<&Seq> {
        Bound::Included(&self.first)
    }

    fn end_bound(&self) -> Bound<&Seq> {
        self.last.as_ref().map_or(Bound::Unbounded, Bound::Included)
    }
}

const FLOWS: &str = "flow LEFT JOIN process ON process.id = flow.process";
const EXCHANGES: &str = "exchange JOIN flow ON flow.id = exchange.flow
     LEFT JOIN process ON process.id = flow.process";

impl Reader {
    /// Hands over the lines that a filter can match, by the time at which they began, until
    /// `see` returns `false`.
    ///
    /// Where the selection is not exact, there may be some among them that do not match.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn list(
        &self,
        selection: &Selection,
        mut see: impl FnMut(Listed) -> bool,
    ) -> Result<(), ReadError> {
        let Selection { exchanges, flows, .. } = selection;
        let query = format!(
            "SELECT exchange.id, exchange.flow, exchange.started AS began, exchange.ended,
                    process.name || '[' || process.pid || ']', method, url,
                    coalesce(status, nullif(answered, 0)),
                    request_bytes, response_bytes, exchange.failure,
                    exchange.marker, exchange.comment
             FROM {EXCHANGES} WHERE {}
             UNION ALL
             SELECT NULL, flow.id, flow.opened, flow.closed,
                    process.name || '[' || process.pid || ']', upper(transport),
                    coalesce(host || ' ', '') || server, NULL,
                    coalesce(received, 0), coalesce(sent, 0), flow.failure,
                    flow.marker, flow.comment
             FROM {FLOWS}
             WHERE {} AND flow.id NOT IN (SELECT exchange.flow FROM exchange)
             ORDER BY 3, 2, 1",
            exchanges.text, flows.text
        );
        let mut statement = self.connection().prepare(&query)?;
        let mut rows = statement.query(params_from_iter(bound(&[exchanges, flows])))?;
        while let Some(row) = rows.next()? {
            if !see(listed(row)?) {
                break;
            }
        }
        Ok(())
    }

    /// Returns where all entries stand that tell of what a filter can match; `None` if nothing can.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn span(&self, selection: &Selection) -> Result<Option<Span>, ReadError> {
        let Selection { exchanges, flows, messages, .. } = selection;
        self.span_of(exchanges, &[flows, messages])
    }

    /// Returns where all entries stand that tell of lines that a filter can match, messages apart;
    /// `None` if nothing can.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn span_of_lines(&self, selection: &Selection) -> Result<Option<Span>, ReadError> {
        self.span_of(&selection.exchanges, &[&selection.flows])
    }

    fn span_of(
        &self,
        exchanges: &Condition,
        flows: &[&Condition],
    ) -> Result<Option<Span>, ReadError> {
        let of_flows: Vec<_> = flows.iter().map(|condition| &*condition.text).collect();
        // What has not ended ends with its flow, and that may still be open.
        let query = format!(
            "SELECT min(first), max(last), sum(last IS NULL) FROM (
                SELECT flow.first_seq AS first,
                       iif(exchange.ended IS NULL, flow.last_seq, exchange.last_seq) AS last
                FROM {EXCHANGES} WHERE {}
                UNION ALL
                SELECT flow.first_seq, flow.last_seq FROM {FLOWS} WHERE {}
             )",
            exchanges.text,
            of_flows.join(" OR ")
        );
        let conditions: Vec<_> = [exchanges].into_iter().chain(flows.iter().copied()).collect();
        let mut statement = self.connection().prepare(&query)?;
        let (first, last, open) =
            statement.query_row(params_from_iter(bound(&conditions)), |row| {
                let number = |index| row.get::<_, Option<i64>>(index);
                Ok((number(0)?, number(1)?, number(2)?))
            })?;
        let seq = |seq: i64| Seq(seq.cast_unsigned());
        let is_open = open.unwrap_or_default() > 0;
        Ok(first.map(|first| Span { first: seq(first), last: last.filter(|_| !is_open).map(seq) }))
    }
}

fn bound(conditions: &[&Condition]) -> Vec<Cell> {
    let values = conditions.iter().flat_map(|condition| condition.values.iter());
    values
        .map(|value| match value {
            Value::Integer(number) => Cell::Integer(*number),
            Value::Text(text) => Cell::Text(text.clone()),
        })
        .collect()
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(Listed {
        exchange: row.get::<_, Option<i64>>(0)?.map(|id| ExchangeId(id.cast_unsigned())),
        flow: FlowId(number(1)?),
        started: wire::time(row.get(2)?),
        ended: row.get::<_, Option<i64>>(3)?.map(wire::time),
        process: row.get(4)?,
        method: row.get(5)?,
        url: row.get(6)?,
        status: row.get(7)?,
        request_bytes: number(8)?,
        response_bytes: number(9)?,
        failure: row.get(10)?,
        marker: row.get(11)?,
        comment: row.get(12)?,
    })
}
