//! How soon a session stands as a list, and how soon it is ordered, filtered, and followed.
#![expect(clippy::print_stdout, reason = "a chore talks to the terminal")]

mod rows;

use std::ffi::OsString;
use std::path::Path;
use std::process::{self, ExitCode};
use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;
use lexopt::prelude::*;
use sidestream_filter::Filter;
use sidestream_list::{Column, List, Order, Step};
use sidestream_record::{Recorded, Sink};
use sidestream_store::{Reader, Session};

use self::rows::Made;
use crate::sys;

/// How much may wait before the bench waits for the disk: as little as drops nothing.
const BACKLOG_BYTES: usize = 16 * 1024 * 1024;

/// How many exchanges come while it is looked at.
const LIVE: u64 = 1000;

/// What is asked for, also of SQLite.
const FILTERS: [&str; 9] = [
    "~u thumbnails",
    "~u 'items/.*ff$'",
    "~d ^api",
    "~c 404",
    "~process curl",
    "~size>32",
    "~time>2s",
    "~e",
    "~m POST & ~d example.org & !~c 200",
];

/// What else is asked for: each operator once, and some of them together.
const OTHERS: [&str; 30] = [
    "~all",
    "~http",
    "~dns",
    "~tcp",
    "~websocket",
    "~q",
    "~s",
    "~a",
    "~t json",
    "~tq json",
    "~ts '^image/(png|jpeg)'",
    "~m '^(PUT|DELETE)$'",
    "~pid 1001",
    "~tree firefox",
    "~user 0",
    "~container web",
    "~src :40001",
    "~since 2026-09-21T20:00:00Z",
    "~marked",
    "~meta owner",
    "~d ^api | ~ts css | ~c 500",
    "~process firefox & ~a & !~c 200",
    "~proto ^http/1",
    "~sni example",
    "~alpn http/1",
    "~ja4 ^t13d",
    "~dst :443$",
    "~h 'type: .*json'",
    "~hs server",
    "~b xxxx",
];

/// How often each is measured; the median is told.
const ROUNDS: usize = 3;

/// Measures one session of so many lines.
///
/// # Errors
///
/// The words are wrong, or the session cannot be written or read.
pub fn run(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut parser = lexopt::Parser::from_args(words);
    let (mut lines, mut keep) = (1_000_000, None);
    while let Some(word) = parser.next()? {
        match word {
            Long("lines") => lines = parser.value()?.parse()?,
            Long("keep") => keep = Some(parser.value()?),
            other => return Err(other.unexpected().into()),
        }
    }
    ensure!((LIVE..=10_000_000).contains(&lines), "there can be 1,000 to 10,000,000 lines");
    let folder = tempfile::tempdir()?;
    let path = keep.map_or_else(|| folder.path().join("bench.session"), Into::into);
    let made = Made::new();
    if !path.exists() {
        record(&Session::create(&path)?, &made, 1..=lines)?;
    }
    println!("| {lines} lines | ms | ms on processors | at most |\n|---|---|---|---|");
    measure(&path, &made, lines)?;
    Ok(ExitCode::SUCCESS)
}

fn record(
    session: &Session,
    made: &Made,
    numbers: impl Iterator<Item = u64>,
) -> anyhow::Result<()> {
    let recorder = session.writer();
    for number in numbers {
        for entry in made.entries(number) {
            while recorder.backlog_bytes() > BACKLOG_BYTES {
                std::thread::sleep(Duration::from_millis(1));
            }
            ensure!(recorder.record(&entry) == Recorded::Accepted, "something was dropped");
        }
    }
    while recorder.backlog_bytes() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn measure(path: &Path, made: &Made, lines: u64) -> anyhow::Result<()> {
    let opened = median(|| {
        let begin = Begun::now();
        let list = List::open(path)?;
        let took = begin.end();
        ensure!(list.len() as u64 >= lines, "lines are missing");
        Ok(took)
    })?;
    tell("opened", opened, Some(1000));

    let before = sys::resident_kb(process::id());
    let mut list = List::open(path)?;
    let held = sys::resident_kb(process::id()).saturating_sub(before);
    for by in Column::ALL.into_iter().chain([Column::Time]) {
        let took = median(|| {
            list.order_by(Order { by: other(by), descending: false });
            let begin = Begun::now();
            list.order_by(Order { by, descending: true });
            Ok(begin.end())
        })?;
        tell(&format!("ordered by {}", by.name()), took, Some(500));
    }
    for (text, also_by_sql) in
        FILTERS.map(|it| (it, true)).into_iter().chain(OTHERS.map(|it| (it, false)))
    {
        let filter = Filter::parse(text, SystemTime::now())?;
        let (mut searched, mut selected) = (Took::default(), 0);
        let took = median(|| {
            let begin = Begun::now();
            list.set_filter(Some(filter.clone()))?;
            let took = begin.end();
            selected = list.len();
            let begin = Begun::now();
            let mut changes = Vec::new();
            while !list.update(10_000, &mut changes)? {}
            searched = begin.end();
            Ok(took)
        })?;
        tell(&format!("filtered by `{text}`: {selected}"), took, Some(500));
        if list.len() != selected || searched.wall > Duration::from_millis(1) {
            tell(&format!("and by the records: {}", list.len()), searched, None);
        }
        if !also_by_sql {
            continue;
        }
        let took = median(|| {
            let begin = Begun::now();
            let (mut count, reader) = (0, Reader::open(path)?);
            reader.list(&filter.selection(), |_| {
                count += 1;
                true
            })?;
            Ok(begin.end())
        })?;
        tell("the same by SQLite, in order of time", took, None);
    }
    let took = median(|| {
        list.set_filter(Some(Filter::parse("~e", SystemTime::now())?))?;
        let begin = Begun::now();
        list.set_filter(None)?;
        Ok(begin.end())
    })?;
    tell("all again", took, Some(500));
    follow(path, made, &mut list, lines)?;
    println!(
        "\n{held} KB resident for it, {} bytes a line, its session's cache included (at most 200)",
        held * 1000 / lines,
    );
    Ok(())
}

/// Measures how exchanges are taken up that come while it is looked at.
fn follow(path: &Path, made: &Made, list: &mut List, lines: u64) -> anyhow::Result<()> {
    let session = Session::create(path)?;
    let mut number = session.ids().exchange().0;
    for order in [Column::Time, Column::Url] {
        list.order_by(Order { by: order, descending: true });
        let before = list.len() as u64;
        record(&session, made, number..number + LIVE)?;
        number += LIVE;
        let mut changes = Vec::new();
        let begin = Begun::now();
        while !list.update(10_000, &mut changes)? {}
        let took = begin.end();
        let came = changes.iter().filter(|it| matches!(it.step, Step::Inserted { .. })).count();
        ensure!(list.len() as u64 == before + LIVE, "{came} of {LIVE} came beside {lines}");
        tell(&format!("{LIVE} more taken up, by {}", order.name()), took, None);
    }
    let begin = Begun::now();
    for _ in 0..1000 {
        ensure!(!list.is_behind()?, "something came by itself");
    }
    println!("| asked whether there is more | {:.4} | | |", begin.end().wall.as_secs_f64());
    session.close()?;
    Ok(())
}

/// Returns another column, so that the one is ordered by anew.
fn other(by: Column) -> Column {
    if by == Column::Status { Column::Size } else { Column::Status }
}

/// How long something took by the clock, and on processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Took {
    wall: Duration,
    used: Duration,
}

/// A measurement that is under way.
struct Begun(Instant, Duration);

impl Begun {
    fn now() -> Self {
        Self(Instant::now(), sys::cpu_time(process::id()))
    }

    fn end(&self) -> Took {
        Took { wall: self.0.elapsed(), used: sys::cpu_time(process::id()).saturating_sub(self.1) }
    }
}

fn median(mut measure: impl FnMut() -> anyhow::Result<Took>) -> anyhow::Result<Took> {
    let mut all = (0..ROUNDS).map(|_| measure()).collect::<anyhow::Result<Vec<_>>>()?;
    all.sort_unstable();
    Ok(all[ROUNDS / 2])
}

fn tell(what: &str, took: Took, most_ms: Option<u64>) {
    let most = most_ms.map(|ms| ms.to_string()).unwrap_or_default();
    let ms = |span: Duration| span.as_secs_f64() * 1000.0;
    println!("| {what} | {:.1} | {:.1} | {most} |", ms(took.wall), ms(took.used));
}
