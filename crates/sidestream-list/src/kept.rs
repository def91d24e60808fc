//! The texts of lines, and lines made of what the storage hands over.

use std::ops::RangeBounds;

use sidestream_flow::{ExchangeId, Transport};
use sidestream_store::{ExchangeRow, FlowRow, ReadError, Reader, Responder};

use crate::row::{FlowFacts, NEVER, NONE, Row, UNKNOWN, Verdict};
use crate::texts::{Text, Texts, Word, Words};

/// How many content types are kept; of lines with others the records tell.
const TYPES: usize = 4096;

/// The texts of lines and processes.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) texts: Texts,
    pub(crate) words: Words,
    /// Content types, of which peers may send any number.
    pub(crate) types: Words,
    /// Whether an exchange came that has no URL to be named by.
    pub(crate) has_nameless: bool,
}

impl Kept {
    /// Reads the exchanges with these ids. The flows are those of the session, by their ids.
    pub(crate) fn load(
        &mut self,
        reader: &Reader,
        ids: impl RangeBounds<ExchangeId>,
        flows: &[FlowFacts],
    ) -> Result<Vec<Row>, ReadError> {
        let (mut rows, mut near) = (Vec::new(), 0);
        reader.exchange_rows(ids, |row| {
            // It is most often of the same flow as the one before, or of the next.
            let is_it = |place: &usize| flows.get(*place).is_some_and(|it| it.id == row.flow);
            let found = [near, near + 1].into_iter().find(is_it);
            let search = || flows.binary_search_by_key(&row.flow, |flow| flow.id).ok();
            let Some(flow) = found.or_else(search) else { return };
            near = flow;
            rows.extend(self.exchange(&row, (flow as u32, &flows[flow]), None));
        })?;
        Ok(rows)
    }

    /// Takes the texts of others over, which these rows name.
    pub(crate) fn absorb(&mut self, others: Self, rows: &mut [Row]) {
        let Self { texts, words, types, has_nameless } = others;
        self.has_nameless |= has_nameless;
        let moved = self.texts.absorb(texts);
        let words = self.words.absorb(&words, usize::MAX);
        let types = self.types.absorb(&types, TYPES);
        for row in rows {
            row.url = row.url.moved(moved);
            row.method = row.method.moved(&words);
            row.failure = row.failure.moved(&words);
            row.request_type = row.request_type.moved(&types);
            row.response_type = row.response_type.moved(&types);
        }
    }

    /// Makes the line of an exchange, in the place of what it was.
    ///
    /// The largest id, which none has that was recorded, stands for something else here.
    pub(crate) fn exchange(
        &mut self,
        row: &ExchangeRow<'_>,
        (flow, facts): (u32, &FlowFacts),
        before: Option<&Row>,
    ) -> Option<Row> {
        let url = row.url.filter(|url| !url.is_empty());
        self.has_nameless |= url.is_none() || row.version == Some(0);
        (row.id.0 != NONE).then(|| Row {
            exchange: row.id.0,
            started: row.started_ns,
            ended: row.ended_ns.unwrap_or(NEVER),
            request_bytes: row.request_bytes,
            response_bytes: row.response_bytes,
            url: match row.url {
                Some(url) => self.keep(url, before),
                None => Text::NONE,
            },
            flow,
            method: self.words.add(row.method),
            failure: self.words.add(row.failure),
            request_type: self.types.add_within(row.request_type, TYPES),
            response_type: self.types.add_within(row.response_type, TYPES),
            status: row.status,
            responder: row.responder,
            version: row.version.unwrap_or(UNKNOWN),
            knows_flow: row.ended_ns.is_none() || facts.is_told_before(row.last),
            verdict: before.map_or(Verdict::Unknown, |row| row.verdict),
        })
    }

    /// Makes the line of a flow, in the place of what it was.
    pub(crate) fn flow(&mut self, row: &FlowRow<'_>, flow: u32, before: Option<&Row>) -> Row {
        let url = match row.host {
            Some(host) => self.keep(&[host, " ", row.server].concat(), before),
            None => self.keep(row.server, before),
        };
        let method = match row.transport {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        };
        Row {
            exchange: NONE,
            started: row.opened_ns,
            ended: row.closed_ns.unwrap_or(NEVER),
            request_bytes: row.received,
            response_bytes: row.sent,
            url,
            flow,
            method: self.words.add(Some(method)),
            failure: self.words.add(row.failure),
            request_type: Word::NONE,
            response_type: Word::NONE,
            status: None,
            responder: Responder::Nobody,
            version: UNKNOWN,
            knows_flow: true,
            verdict: before.map_or(Verdict::Unknown, |row| row.verdict),
        }
    }

    fn keep(&mut self, text: &str, before: Option<&Row>) -> Text {
        if let Some(before) = before.filter(|before| before.url.is_some()) {
            if self.texts.get(before.url) == text {
                return before.url;
            }
            self.texts.give_up(before.url);
        }
        self.texts.add(text)
    }
}
