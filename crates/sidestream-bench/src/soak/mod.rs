//! Very many connections of short-lived processes, each of which must be recorded with its process.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the terminal")]

mod dial;
mod judge;
mod origin;
mod plan;
mod state;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lexopt::prelude::*;

pub use self::dial::dial;

use self::judge::{Verdict, judge};
use self::origin::Origin;
use self::plan::{MAX_CONNECTIONS, Plan};
use self::state::State;
use crate::compare::{Part, Process, ended_with_us, space};

const BASH: &str = "/bin/bash";

/// How long the last connections may be on their way; what is swept takes half a minute.
const SETTLING: Duration = Duration::from_secs(15);

/// How long the proxy may take to write the rest of its session.
const ENDING: Duration = Duration::from_secs(120);

/// How a soak is made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Options {
    sidestream: PathBuf,
    connections: u32,
    /// Whether this process is in a network of its own already.
    inside: bool,
}

impl Options {
    fn parse(words: Vec<OsString>) -> anyhow::Result<Self> {
        let mut parser = lexopt::Parser::from_args(words);
        let (mut sidestream, mut connections, mut inside) = (None, 500_000, false);
        while let Some(word) = parser.next()? {
            match word {
                Long("sidestream") => sidestream = Some(PathBuf::from(parser.value()?)),
                Long("connections") => connections = parser.value()?.parse()?,
                Long("inside") => inside = true,
                other => return Err(other.unexpected().into()),
            }
        }
        let possible = 0 < connections && connections <= MAX_CONNECTIONS;
        ensure!(possible, "there can be 1 to {MAX_CONNECTIONS} connections");
        let sidestream = sidestream.context("say what to soak: --sidestream PROGRAM")?;
        Ok(Self { sidestream: std::path::absolute(sidestream)?, connections, inside })
    }
}

/// Makes the connections in a network of its own, and says what is wrong with what was recorded.
///
/// # Errors
///
/// Something cannot be started. What was started is ended then.
pub fn run(words: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let options = Options::parse(words.clone())?;
    if !options.inside {
        let code = space::enter("soak", words)?;
        let code = code.and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let origin = runtime.block_on(Origin::start()).context("listening")?;
    let verdict = soak(&options, &origin)?;
    for (kind, count) in &verdict.wrong {
        println!("{kind}: {count}");
    }
    for told in &verdict.told {
        println!("  {told}");
    }
    println!("right: {} of {}", verdict.right, options.connections);
    let is_right = verdict.wrong.is_empty() && verdict.right == options.connections as usize;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the processes of a plan, as told on standard input.
///
/// # Errors
///
/// A process cannot be started or failed.
pub fn dial_plan(port: u16, connections: u32) -> anyhow::Result<()> {
    dial::dial_plan(&plan(port, connections)?)
}

fn plan(port: u16, connections: u32) -> anyhow::Result<Plan> {
    let bash = fs::canonicalize(BASH).with_context(|| format!("finding {BASH}"))?;
    Ok(Plan { connections, port, bench: env::current_exe()?, bash })
}

fn soak(options: &Options, origin: &Origin) -> anyhow::Result<Verdict> {
    let folder = tempfile::Builder::new().prefix("sidestream-soak-").tempdir()?;
    let plan = plan(origin.port, options.connections)?;
    // A proxy that gets no processor for a second leaves connections alone, as it should.
    let mut command = Command::new("nice");
    command
        .arg("-n10")
        .arg(&plan.bench)
        .arg("dial-plan")
        .arg(origin.port.to_string())
        .arg(plan.connections.to_string());
    let mut dialer = Part::start("the dialers", &mut command)?;
    let session = folder.path().join("session");
    let said = folder.path().join("said");
    let mut command = ended_with_us(&options.sidestream);
    command.arg("--mode").arg(format!("local:tree:pid:{}", dialer.pid())).arg("--quiet");
    command.arg("--session").arg(&session).arg("--confdir").arg(folder.path().join("conf"));
    command.env("SIDESTREAM_CONFIG", empty(folder.path())?);
    command.stderr(File::create(&said)?);
    let mut proxy = Process::start("sidestream", &mut command)?;
    let _captured: String = dialer.hear()?;
    let empty = settle(&proxy, State::holds_nothing)?;
    ensure!(empty.slots().is_some(), "the hooks have no table of slots to count");

    let started = Instant::now();
    let mut states = Vec::new();
    let mut fullest = None;
    let step = options.connections.div_ceil(5).min(10_000);
    let (mut until, mut missing) = (0, 0);
    while until < options.connections {
        until = options.connections.min(until + step);
        let _done: String = dialer.ask(&until)?;
        fullest = fullest.max(State::of(proxy.pid())?.slots());
        let has_come = || origin.count() + missing >= until as usize;
        let state = settle(&proxy, |state| has_come() && state.holds_nothing())?;
        let absent = origin.missing(until);
        missing = absent.len();
        let seconds = started.elapsed().as_secs_f64();
        let some = &absent[..missing.min(9)];
        eprintln!("{until} in {seconds:.0} s, {missing} missing {some:?}: {state}");
        states.push(state);
    }
    let taken = started.elapsed();
    drop(dialer);
    ensure!(proxy.end_within(ENDING), "sidestream does not end");
    let mut verdict = judge(&session, &plan, &origin.take())?;
    hold(&mut verdict, &states);
    let fullest = fullest.unwrap_or(0);
    if fullest == 0 {
        verdict.add("slots", || "none was ever seen in use, so that none could be missed".into());
    }
    println!("{} connections in {:.1} s", options.connections, taken.as_secs_f64());
    println!("at the beginning: {empty}; at most {fullest} slots in use were seen");
    for line in fs::read_to_string(&said)?.lines() {
        println!("sidestream said: {line}");
    }
    Ok(verdict)
}

fn empty(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("config.toml");
    fs::write(&path, "").context("writing an empty configuration")?;
    Ok(path)
}

/// Waits until all is over and the proxy has the same descriptors for a while, or for long enough.
fn settle(proxy: &Process, is_over: impl Fn(&State) -> bool) -> anyhow::Result<State> {
    let until = Instant::now() + SETTLING;
    let mut before = State::of(proxy.pid())?;
    loop {
        sleep(Duration::from_millis(300));
        let now = State::of(proxy.pid())?;
        let is_quiet = now.descriptors() == before.descriptors() && now.entries == before.entries;
        if is_quiet && is_over(&now) || Instant::now() > until {
            return Ok(now);
        }
        before = now;
    }
}

/// Adds what is held at the end: slots, and more descriptors than at the beginning; memory is
/// compared with the middle, as tables and buffers grow to what they need at most.
fn hold(verdict: &mut Verdict, states: &[State]) {
    let middle = states.get(states.len() / 2);
    let Some(((first, middle), last)) = states.first().zip(middle).zip(states.last()) else {
        return;
    };
    for (name, count) in last.entries.iter().filter(|(_, count)| **count > 0) {
        verdict.add("left in the hooks", || format!("{count} {name}"));
    }
    if last.descriptors() > first.descriptors() + 8 {
        verdict.add("descriptors left", || format!("{first}, then {last}"));
    }
    if last.resident_kb() > middle.resident_kb() * 11 / 10 + 8 * 1024 {
        verdict.add("memory left", || format!("{middle}, then {last}"));
    }
}

#[cfg(test)]
mod tests {
    use super::state::SLOTS;
    use super::*;

    #[test]
    fn tells_what_is_left() {
        let state = |resident, descriptors, slots| State {
            processes: vec![(resident, descriptors)],
            entries: [(SLOTS, slots)].into(),
        };
        let wrong = |last| {
            let mut verdict = Verdict::default();
            let states = [state(10_000, 30, 5), state(40_000, 30, 0), last];
            hold(&mut verdict, &states);
            verdict.wrong.into_keys().collect::<Vec<_>>()
        };
        assert!(wrong(state(44_000, 31, 0)).is_empty());
        assert_eq!(wrong(state(44_000, 31, 1)), ["left in the hooks"]);
        assert_eq!(wrong(state(90_000, 99, 0)), ["descriptors left", "memory left"]);
    }
}
