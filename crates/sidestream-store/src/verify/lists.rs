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

/// What the lists have to say by the entries, in few bytes a line.
///
/// What is a text of this version alone, as a failure is, is not compared, but whether there is
/// one.
#[derive(Debug, Default)]
pub(super) struct Expected {
    flows: HashMap<i64, Flow>,
    exchanges: HashMap<i64, Exchange>,
}

#[derive(Debug, Default, PartialEq)]
struct Flow {
    /// Its time, and the hash of what was said then.
    opened: Option<(i64, u64)>,
    host: Option<u64>,
    closed: Option<(i64, u64, u64)>,
    has_failed: bool,
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
    pub(super) fn add(&mut self, row: &Row) {
        match &row.update {
            Update::Opened(opened) => {
                let said = [opened.transport, &opened.client, &opened.server, &opened.via];
                let opened = Some((row.at, hash(&said)));
                self.flows.insert(row.flow, Flow { opened, ..Flow::default() });
            }
            Update::Host(host) => self.flow(row).host = Some(hash(&[host])),
            Update::Closed { received, sent, failure } => {
                let flow = self.flow(row);
                flow.closed = Some((row.at, *received, *sent));
                flow.has_failed = failure.is_some();
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
             received, sent, failure IS NOT NULL FROM flow";
        compare(connection, ("flow", query), self.flows, verified, flow)?;
        let query = "SELECT id, flow, started, ended, method, url, status, failure IS NOT NULL,
             version, request_type, answered, response_type FROM exchange";
        compare(connection, ("exchange", query), self.exchanges, verified, exchange)
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

fn compare<T: PartialEq>(
    connection: &Connection,
    (list, query): (&str, &str),
    mut expected: HashMap<i64, T>,
    verified: &mut Verified,
    read: impl Fn(&Found<'_>, Option<&T>) -> rusqlite::Result<T>,
) -> Result<(), ReadError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let wanted = expected.remove(&id);
        if wanted != read(row, wanted.as_ref()).ok() {
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

fn flow(row: &Found<'_>, _wanted: Option<&Flow>) -> rusqlite::Result<Flow> {
    let number = |index| row.get::<_, Option<i64>>(index);
    let count = |index| number(index).map(|count| count.unwrap_or_default().cast_unsigned());
    let said: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
    let (received, sent) = (count(8)?, count(9)?);
    Ok(Flow {
        opened: Some((row.get(1)?, hash(&said.each_ref().map(String::as_str)))),
        host: text(row, 6)?,
        closed: number(7)?.map(|at| (at, received, sent)),
        has_failed: row.get(10)?,
    })
}

/// Reads a row; what it does not tell is as it is wanted.
fn exchange(row: &Found<'_>, wanted: Option<&Exchange>) -> rusqlite::Result<Exchange> {
    let wanted = wanted.map(|it| it.told.clone()).unwrap_or_default();
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
