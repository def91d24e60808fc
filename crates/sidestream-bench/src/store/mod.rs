//! How fast a session takes exchanges, what they take on disk, and how fast they are read.
#![expect(clippy::print_stdout, reason = "a chore talks to the terminal")]

mod entries;
mod search;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::{self, Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lexopt::prelude::*;
use sidestream_record::{Event, Part, Recorded, Sink};
use sidestream_store::{Reader, Session};

use self::entries::{Body, Exchanges};
use crate::sys;

pub use search::run_search;

/// How much may wait before the bench waits for the disk: as little as drops nothing.
const BACKLOG_BYTES: usize = 16 * 1024 * 1024;

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    exchanges: u64,
    body: Body,
    bytes: usize,
}

/// All of them, unless one is asked for.
const CASES: [Case; 5] = [
    Case { exchanges: 100_000, body: Body::Text, bytes: 1024 },
    Case { exchanges: 200_000, body: Body::Noise, bytes: 1024 },
    Case { exchanges: 10_000, body: Body::Text, bytes: 100 * 1024 },
    Case { exchanges: 10_000, body: Body::Noise, bytes: 100 * 1024 },
    Case { exchanges: 10_000, body: Body::Same, bytes: 100 * 1024 },
];

impl Case {
    fn parse(words: &[OsString]) -> anyhow::Result<Option<Self>> {
        let mut parser = lexopt::Parser::from_args(words);
        let (mut exchanges, mut body, mut bytes) = (None, None, 1024);
        while let Some(word) = parser.next()? {
            match word {
                Long("exchanges") => exchanges = Some(parser.value()?.parse()?),
                Long("body") => body = Some(Body::parse(&parser.value()?.string()?)?),
                Long("bytes") => bytes = parser.value()?.parse()?,
                other => return Err(other.unexpected().into()),
            }
        }
        let Some(exchanges) = exchanges else {
            ensure!(body.is_none(), "say how many: --exchanges N");
            return Ok(None);
        };
        ensure!((1..=10_000_000).contains(&exchanges), "there can be 1 to 10,000,000 exchanges");
        Ok(Some(Self { exchanges, body: body.unwrap_or(Body::Text), bytes }))
    }

    fn words(self) -> [String; 6] {
        let Self { exchanges, body, bytes } = self;
        let name = body.name().to_owned();
        let (exchanges, bytes) = (exchanges.to_string(), bytes.to_string());
        ["--exchanges".into(), exchanges, "--body".into(), name, "--bytes".into(), bytes]
    }
}

/// Measures one case, or all, each in a process of its own so that its memory is its own.
///
/// # Errors
///
/// The words are wrong, or the session cannot be written or read.
pub fn run(words: &[OsString]) -> anyhow::Result<ExitCode> {
    if let Some(case) = Case::parse(words)? {
        measure(case)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "| body | exchanges | written, 1/s | content, MB/s | CPU µs each | on disk, bytes each | \
         memory, MB | read, 1/s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in CASES {
        let status = Command::new(env::current_exe()?)
            .arg("store")
            .args(case.words())
            .status()
            .context("start the measurement")?;
        ensure!(status.success(), "a measurement failed");
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(case: Case) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.session");
    let exchanges = Exchanges::new(case.body, case.bytes);
    let begin = (Instant::now(), sys::cpu_time(process::id()));
    let session = Session::create(&path)?;
    let recorder = session.writer();
    for number in 1..=case.exchanges {
        for entry in exchanges.entries(number) {
            while recorder.backlog_bytes() > BACKLOG_BYTES {
                std::thread::sleep(Duration::from_millis(1));
            }
            ensure!(recorder.record(&entry) == Recorded::Accepted, "something was dropped");
        }
    }
    session.close()?;
    let (wall, used) = (begin.0.elapsed().as_secs_f64(), sys::cpu_time(process::id()) - begin.1);
    let memory = sys::resident_kb(process::id()) / 1000;

    let begin = Instant::now();
    let mut content = 0;
    for entry in Reader::open(&path)?.entries(..) {
        if let Event::Body { part: Part::Response, data, .. } = entry?.event {
            content += data.len() as u64;
        }
    }
    let read = begin.elapsed().as_secs_f64();
    let count = case.exchanges as f64;
    ensure!(content == case.exchanges * case.bytes as u64, "what was written is not what is read");
    println!(
        "| {} {} | {} | {:.0} | {:.0} | {:.1} | {:.0} | {} | {:.0} |",
        case.bytes,
        case.body.name(),
        case.exchanges,
        count / wall,
        content as f64 / wall / 1e6,
        used.as_secs_f64() / count * 1e6,
        fs::metadata(&path)?.len() as f64 / count,
        memory,
        count / read,
    );
    Ok(())
}
