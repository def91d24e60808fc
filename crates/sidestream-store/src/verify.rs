//! Whether a session holds what it says.

mod lists;
mod spans;

use std::io::{self, Write};

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use sidestream_flow::ExchangeId;
use sidestream_record::Part;

use crate::error::ReadError;
use crate::pack::unpack;
use crate::reader::Reader;
use crate::row::Row;
use crate::wire;

use self::lists::Expected;
use self::spans::Spans;

/// How many problems are told; the others are counted.
const TOLD: usize = 100;

/// What was found in a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many entries were read.
    pub entries: u64,
    /// How many of them only a newer version knows.
    pub unknown: u64,
    /// How many bodies were read.
    pub bodies: u64,
    /// How many chunks were unpacked and had the content that their hash says.
    pub chunks: u64,
    /// What is wrong, at most a hundred.
    pub problems: Vec<String>,
    /// How much else is wrong.
    pub more_problems: u64,
}

impl Verified {
    /// Returns whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn wrong(&mut self, problem: String) {
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

impl Reader {
    /// Reads all that is in the session: its tables, entries, chunks and bodies.
    ///
    /// What was dropped because a disk could not keep up was told so, and is nothing wrong.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read at all.
    pub fn verify(&self) -> Result<Verified, ReadError> {
        let mut verified = Verified::default();
        let (connection, contents) = self.parts();
        tables(connection, &mut verified)?;
        notes(connection, &mut verified)?;
        let (mut expected, mut spans) = (Expected::default(), Spans::default());
        let mut is_damaged = false;
        let mut entries = self.entries(..);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => {
                    verified.entries += 1;
                    let row = Row::new(&entry);
                    let seq = entries.seq().map_or(0, |seq| seq.0.cast_signed());
                    expected.add(seq, &row);
                    spans.add(seq, &row);
                }
                Err(error) => {
                    is_damaged = true;
                    verified.wrong(error.to_string());
                }
            }
        }
        verified.unknown = entries.skipped();
        // What a newer version, or a damaged entry, adds to the lists is not known.
        if verified.unknown == 0 && !is_damaged {
            expected.compare(connection, &mut verified)?;
            spans.compare(connection, &mut verified)?;
        }
        if self.version().has_certificates() {
            certificates(connection, &mut verified)?;
        }
        if contents.has_chunks() {
            chunks(connection, &mut verified)?;
        }
        self.bodies(&mut verified)?;
        self.processes_of_list(&mut verified)?;
        lists::readable(self, &mut verified);
        Ok(verified)
    }

    /// Compares what lists show of processes with all that is known of them.
    fn processes_of_list(&self, verified: &mut Verified) -> Result<(), ReadError> {
        let mut listed = Vec::new();
        self.process_rows(None, |row| listed.push((row.id, row.pid, row.name.to_owned())))?;
        for (id, pid, name) in listed {
            match self.process(id)? {
                Some(process) if process.pid == pid && process.name == name => {}
                Some(_) => verified.wrong(format!("the list has other things of process {}", id.0)),
                None => verified.wrong(format!("process {} is damaged", id.0)),
            }
        }
        Ok(())
    }

    fn bodies(&self, verified: &mut Verified) -> Result<(), ReadError> {
        let mut statement = self
            .connection()
            .prepare("SELECT id, request_bytes, response_bytes FROM exchange ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let exchange = ExchangeId(row.get::<_, i64>(0)?.cast_unsigned());
            for (column, part) in [(1, Part::Request), (2, Part::Response)] {
                let said = row.get::<_, i64>(column)?.cast_unsigned();
                if said > 0 {
                    self.one_body(exchange, part, said, verified);
                }
            }
        }
        Ok(())
    }

    fn one_body(&self, exchange: ExchangeId, part: Part, said: u64, verified: &mut Verified) {
        let name = match part {
            Part::Request => "request",
            Part::Response => "response",
        };
        let mut body = self.body(exchange, part);
        let mut found = Count(0);
        verified.bodies += 1;
        while let Err(error) = io::copy(&mut body, &mut found) {
            let error = error.get_ref().and_then(|error| error.downcast_ref::<ReadError>());
            match error {
                Some(ReadError::Dropped { bytes, .. }) => found.0 += bytes,
                Some(error @ ReadError::Missing { bytes, .. }) if *bytes > 0 => {
                    found.0 += bytes;
                    verified.wrong(format!("the {name} of exchange {exchange}: {error}"));
                }
                _ => {
                    verified.wrong(format!("the {name} of exchange {exchange} cannot be read"));
                    return;
                }
            }
        }
        let Count(found) = found;
        if found != said {
            let problem = format!(
                "the {name} of exchange {exchange} has {found} bytes where {said} are said"
            );
            verified.wrong(problem);
        }
    }
}

/// Counts what is written to it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tables(connection: &Connection, verified: &mut Verified) -> Result<(), ReadError> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            verified.wrong(line);
        }
    }
    Ok(())
}

/// Reads what is noted beside the lists.
fn notes(connection: &Connection, verified: &mut Verified) -> Result<(), ReadError> {
    for (of, query) in [
        ("exchange", "SELECT id, notes, comment, marker FROM exchange"),
        ("flow", "SELECT id, notes, comment, marker FROM flow"),
    ] {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let listed: [Option<String>; 2] = [row.get(2)?, row.get(3)?];
            let noted = row.get::<_, Option<Vec<u8>>>(1)?.map(wire::notes_from).transpose();
            match noted.map(Option::unwrap_or_default) {
                Ok(noted) if [&noted.comment, &noted.marker] == listed.each_ref() => {}
                Ok(_) => verified.wrong(format!("the list has other notes of {of} {id}")),
                Err(error) => verified.wrong(format!("what is noted of {of} {id}: {error}")),
            }
        }
    }
    Ok(())
}

fn certificates(connection: &Connection, verified: &mut Verified) -> Result<(), ReadError> {
    let mut statement = connection.prepare("SELECT sha256, payload FROM certificate")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sha256, payload) = (row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?);
        let name = || sha256.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match wire::certificate_from(payload.into(), &sha256) {
            Ok(certificate) if Sha256::digest(&certificate.der)[..] == sha256[..] => {}
            Ok(_) => verified.wrong(format!("certificate {} has another hash", name())),
            Err(error) => verified.wrong(format!("certificate {}: {error}", name())),
        }
    }
    Ok(())
}

fn chunks(connection: &Connection, verified: &mut Verified) -> Result<(), ReadError> {
    let mut statement = connection.prepare("SELECT id, hash, size, data FROM chunk")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (hash, size) = (row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?.cast_unsigned());
        match unpack(row.get(3)?, size) {
            Some(data) if blake3::hash(&data).as_bytes()[..] == hash[..] => verified.chunks += 1,
            Some(_) => verified.wrong(format!("chunk {id} has other content than its hash says")),
            None => verified.wrong(format!("chunk {id} cannot be unpacked")),
        }
    }
    Ok(())
}
