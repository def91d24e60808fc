//! Whether the lists say what the entries say.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::SystemTime;

use rusqlite::{Connection, Row as Found};
use sidestream_filter::Filter;

use super::Verified;
use crate::error::ReadError;
use crate::reader::Reader;
use crate::row::{Row, Update};
use crate::told::{FlowTexts, MARK};

/// What the lists have to say by the entries, in few bytes a line.
///
/// What is a text of this version alone, as a failure is, is not compared, but whether there is
/// one.
#[derive(Debug, Default)]
pub(super) struct Expected {
    flows: HashMap<i64, Flow>,
    exchanges: HashMap<i64, Exchange>,
}

#[derive(Debug, Default)]
struct Flow {
    /// Its time, and the hash of what was said then.
    opened: Option<(i64, u64)>,
    host: Option<u64>,
    protocol: Option<u64>,
    texts: Texts,
    /// Up to which entry something new was said.
    told_seq: i64,
    closed: Option<(i64, u64, u64)>,
    has_failed: bool,
}

/// What is told of the server and the client of a flow.
#[derive(Debug)]
enum Texts {
    /// It is still being added up.
    Open(Box<FlowTexts>),
    /// The hashes of the columns.
    Closed([u64; 4]),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Closed([0; 4])
    }
}

impl Texts {
    fn hashes(&self) -> [u64; 4] {
        match self {
            Self::Open(texts) => texts.all().map(|text| hash(&[text])),
            Self::Closed(hashes) => *hashes,
        }
    }
}

/// What older versions did not tell in lists.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    version: Option<u32>,
    request_type: Option<u64>,
    answered: i64,
    response_type: Option<u64>,
}

#[derive(Debug, Default, PartialEq)]
struct Exchange {
    flow: i64,
    started: i64,
    ended: Option<i64>,
    method: Option<u64>,
    url: Option<u64>,
    status: Option<u16>,
    told: Told,
    has_failed: bool,
}

impl Expected {
    /// Adds what an entry says.
    pub(super) fn add(&mut self, seq: i64, row: &Row) {
        match &row.update {
            Update::Opened(opened) => {
                let said = [opened.transport, &opened.client, &opened.server, &opened.via];
                let texts = Texts::Open(Box::new(FlowTexts::new(&opened.server)));
                let opened = Some((row.at, hash(&said)));
                let flow = Flow { opened, texts, told_seq: seq, ..Flow::default() };
                self.flows.insert(row.flow, flow);
            }
            Update::Host(host) => {
                let flow = self.flow(row);
                flow.host = Some(hash(&[host]));
                flow.tell(seq, &row.update);
            }
            Update::Protocol(name) => {
                let flow = self.flow(row);
                flow.protocol = Some(hash(&[name]));
                flow.tell(seq, &row.update);
            }
            Update::Connected(_) | Update::Secured(_) | Update::Passed(_) => {
                self.flow(row).tell(seq, &row.update);
            }
            Update::Closed { received, sent, failure } => {
                let flow = self.flow(row);
                flow.closed = Some((row.at, *received, *sent));
                flow.has_failed = failure.is_some();
                flow.texts = Texts::Closed(flow.texts.hashes());
            }
            Update::Request { method, url, version, content_type } => {
                let Some(exchange) = self.exchange(row) else { return };
                exchange.method = Some(hash(&[method]));
                exchange.url = Some(hash(&[url]));
                exchange.told.version = Some(*version);
                exchange.told.request_type = Some(hash(&[content_type]));
            }
            Update::Query { name } => {
                let Some(exchange) = self.exchange(row) else { return };
                exchange.method = Some(hash(&["DNS"]));
                exchange.url = Some(hash(&[name]));
                exchange.told.version = Some(0);
            }
            Update::Response { status, content_type } => {
                let Some(exchange) = self.exchange(row) else { return };
                exchange.status = Some(*status);
                exchange.told.response_type = Some(hash(&[content_type]));
            }
            Update::Answered { answered, content_type } => {
                let Some(exchange) = self.exchange(row) else { return };
                exchange.told.answered = *answered;
                exchange.told.response_type = Some(hash(&[content_type]));
            }
            Update::Status(status) => {
                let Some(exchange) = self.exchange(row) else { return };
                exchange.status = Some(*status);
            }
            Update::Ended { failure } => {
                let Some(exchange) = self.exchange(row) else { return };
                exchange.ended = Some(row.at);
                exchange.has_failed |= failure.is_some();
            }
            Update::Body { content, .. } if content.len() > 0 => _ = self.exchange(row),
            _ => {}
        }
    }

    fn flow(&mut self, row: &Row) -> &mut Flow {
        self.flows.entry(row.flow).or_default()
    }

    fn exchange(&mut self, row: &Row) -> Option<&mut Exchange> {
        let new = || Exchange { flow: row.flow, started: row.at, ..Exchange::default() };
        Some(self.exchanges.entry(row.exchange?).or_insert_with(new))
    }

    /// Compares the lists with it.
    pub(super) fn compare(
        mut self,
        connection: &Connection,
        verified: &mut Verified,
    ) -> Result<(), ReadError> {
        // A flow of which the beginning was never told has no line.
        self.flows.retain(|_, flow| flow.opened.is_some());
        let query = "SELECT id, opened, transport, client, server, via, host, closed,
             received, sent, failure IS NOT NULL, protocol, servers, sni, alpn, ja4, told_seq
             FROM flow";
        compare(connection, ("flow", query), self.flows, verified, flow)?;
        let query = "SELECT id, flow, started, ended, method, url, status, failure IS NOT NULL,
             version, request_type, answered, response_type FROM exchange";
        let read = |row: &Found<'_>, wanted: &Exchange| Ok(exchange(row, wanted)? == *wanted);
        compare(connection, ("exchange", query), self.exchanges, verified, read)
    }
}

impl Flow {
    fn tell(&mut self, seq: i64, update: &Update) {
        if let Texts::Open(texts) = &mut self.texts
            && texts.add(update)
        {
            self.told_seq = seq;
        }
    }
}

/// Reads what is nothing but lists, and says what of it cannot be.
pub(super) fn readable(reader: &Reader, verified: &mut Verified) {
    let listed = Filter::parse("~all", SystemTime::UNIX_EPOCH).map(|all| {
        let mut query = Vec::new();
        let selection = all.selection();
        query.extend(reader.list(&selection, |_| true).err());
        query.extend(reader.span(&selection).err());
        query.extend(reader.contents().err());
        query
    });
    for error in listed.into_iter().flatten() {
        verified.wrong(format!("the lists: {}", cause(&error)));
    }
    let columns = [
        ("block", "max_flow, max_exchange, max_message"),
        ("recording", "id, program, started, ended, lost"),
        ("text_group", "id, last, resume, members"),
        ("text_page", "id, size, data"),
    ];
    for (table, columns) in columns {
        let all = || {
            if !reader.connection().table_exists(None, table)? {
                return Ok(());
            }
            let query = format!("SELECT {columns} FROM {table}");
            let mut statement = reader.connection().prepare(&query)?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        let read: rusqlite::Result<()> = all();
        if let Err(error) = read {
            verified.wrong(format!("the table {table}: {error}"));
        }
    }
}

/// What the storage says, where it is that.
fn cause(error: &ReadError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn compare<T>(
    connection: &Connection,
    (list, query): (&str, &str),
    mut expected: HashMap<i64, T>,
    verified: &mut Verified,
    is_right: impl Fn(&Found<'_>, &T) -> rusqlite::Result<bool>,
) -> Result<(), ReadError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let wanted = expected.remove(&id);
        if !wanted.is_some_and(|wanted| is_right(row, &wanted).unwrap_or(false)) {
            verified.wrong(format!("the list has other things of {list} {id} than its entries"));
        }
    }
    let mut missing: Vec<_> = expected.into_keys().collect();
    missing.sort_unstable();
    for id in missing {
        verified.wrong(format!("the list lacks {list} {id}"));
    }
    Ok(())
}

/// Returns whether a row says what it has to, or less.
fn flow(row: &Found<'_>, wanted: &Flow) -> rusqlite::Result<bool> {
    let number = |index| row.get::<_, Option<i64>>(index);
    let count = |index| number(index).map(|count| count.unwrap_or_default().cast_unsigned());
    let said: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
    let (received, sent) = (count(8)?, count(9)?);
    let mut is_right = wanted.opened
        == Some((row.get(1)?, hash(&said.each_ref().map(String::as_str))))
        && wanted.host == text(row, 6)?
        && wanted.closed == number(7)?.map(|at| (at, received, sent))
        && wanted.has_failed == row.get(10)?
        && wanted.protocol == text(row, 11)?;
    for (index, hashed) in (12..).zip(wanted.texts.hashes()) {
        let text: Option<String> = row.get(index)?;
        is_right &= text.is_none_or(|text| text.contains(MARK) || hash(&[&text]) == hashed);
    }
    // Who writes may not know what was said before, and then takes all for new.
    Ok(is_right && number(16)?.is_none_or(|seq| seq >= wanted.told_seq))
}

/// Reads a row; what it does not tell is as it is wanted.
fn exchange(row: &Found<'_>, wanted: &Exchange) -> rusqlite::Result<Exchange> {
    let wanted = &wanted.told;
    let told = Told {
        version: row.get::<_, Option<u32>>(8)?.or(wanted.version),
        request_type: text(row, 9)?.or(wanted.request_type),
        answered: row.get::<_, Option<i64>>(10)?.unwrap_or(wanted.answered),
        response_type: text(row, 11)?.or(wanted.response_type),
    };
    Ok(Exchange {
        flow: row.get(1)?,
        started: row.get(2)?,
        ended: row.get(3)?,
        method: text(row, 4)?,
        url: text(row, 5)?,
        status: row.get(6)?,
        has_failed: row.get(7)?,
        told,
    })
}

fn text(row: &Found<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<String>>(index)?.map(|text| hash(&[&text])))
}

fn hash(texts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}
