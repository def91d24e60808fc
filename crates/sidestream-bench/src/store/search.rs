//! How fast text is found in many bodies, with what is noted of it and without.

use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;
use lexopt::prelude::*;
use sidestream_filter::{Filter, Row};
use sidestream_record::{Book, Recorded, Sink};
use sidestream_store::{Entries, Reader, Session, TEXT_BYTES, decode, index};

use super::BACKLOG_BYTES;
use super::entries::{Body, Exchanges};

/// Measures the search of so many bodies.
///
/// # Errors
///
/// The words are wrong, or the session cannot be written or read.
pub fn run_search(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut parser = lexopt::Parser::from_args(words);
    let (mut count, mut bytes) = (100_000, 100 * 1024);
    while let Some(word) = parser.next()? {
        match word {
            Long("exchanges") => count = parser.value()?.parse()?,
            Long("bytes") => bytes = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    ensure!((1..=10_000_000).contains(&count), "there can be 1 to 10,000,000 exchanges");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.session");
    let exchanges = Exchanges::new(Body::Text, bytes);
    let session = Session::create(&path)?;
    let recorder = session.writer();
    for number in 1..=count {
        for entry in exchanges.entries(number) {
            while recorder.backlog_bytes() > BACKLOG_BYTES {
                std::thread::sleep(Duration::from_millis(1));
            }
            ensure!(recorder.record(&entry) == Recorded::Accepted, "something was dropped");
        }
    }
    session.close()?;
    let size = fs::metadata(&path)?.len();
    let begin = Instant::now();
    index(&path)?;
    let indexed = begin.elapsed();
    let grown = fs::metadata(&path)?.len() - size;
    println!(
        "{count} bodies of {bytes} bytes, {} MB on disk; noted in {:.1} s, {} MB",
        size / 1_000_000,
        indexed.as_secs_f64(),
        grown / 1_000_000
    );
    for (what, text) in [
        ("in one body", format!("~b {:016x}", count - 1)),
        ("in none", "~b 'zebra crossing'".into()),
        ("in none, of digits", "~b 99999999999".into()),
    ] {
        let filter = Filter::parse(&text, SystemTime::UNIX_EPOCH)?;
        let reader = Reader::open(&path)?;
        let begin = Instant::now();
        let wanted = reader.wanted(&filter)?;
        let looked = begin.elapsed();
        let (found, named) = match &wanted {
            Some(wanted) => {
                (matches(reader.wanted_entries(.., wanted), &filter)?, wanted.exchanges())
            }
            None => (matches(reader.entries(..), &filter)?, count as usize),
        };
        let with = begin.elapsed();
        let begin = Instant::now();
        let all = matches(reader.entries(..), &filter)?;
        let without = begin.elapsed();
        ensure!(all == found, "found {found} of {all}");
        println!(
            "{what}: {found} found, {named} looked at, {:.3} s ({:.3} s to look up); without {:.1} s",
            with.as_secs_f64(),
            looked.as_secs_f64(),
            without.as_secs_f64()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn matches(entries: Entries<'_>, filter: &Filter) -> anyhow::Result<usize> {
    let mut book = Book::keeping(TEXT_BYTES);
    let mut found = 0;
    for entry in entries {
        for finished in book.apply(&entry?) {
            let row = Row::of(&finished).map(|row| row.decoding(&decode));
            found += usize::from(row.is_some_and(|row| filter.matches(&row)));
        }
    }
    Ok(found)
}
