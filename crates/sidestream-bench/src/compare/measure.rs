//! One measurement of one unit in one setup.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::hooks::Hooks;
use super::part::Part;
use super::setup::{Place, Session};
use super::unit::{Metric, Unit};
use crate::{Cost, Done, Job, Meter, Prepared, Reading, Seen, Source};

/// A process that does less than this in a look is at rest.
const REST: (u64, Duration) = (5_000_000, Duration::from_millis(2));
const LOOK: Duration = Duration::from_millis(80);

/// How long a process may go on after the load, writing what it recorded.
const AFTERMATH: Duration = Duration::from_secs(20);

/// What one measurement gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) figures: BTreeMap<Metric, f64>,
    /// What was agreed on with the client, and what the origin saw.
    pub(super) agreed: String,
}

/// Does the job, and counts what the proxy does meanwhile.
pub(super) fn load(
    unit: Unit,
    job: &Job,
    session: &mut Session,
    origin: &mut Part,
    source: Source,
) -> anyhow::Result<Sample> {
    let _before: Seen = origin.ask(&"seen")?;
    let prepared: Prepared = session.client.ask(job).context("preparing")?;
    let mut meter = match session.proxy {
        Some((root, except)) => {
            Some(Meter::attach(root, except, source).context("opening counters")?)
        }
        None => None,
    };
    let before = meter.as_mut().map(rest).transpose()?.unwrap_or_default();
    let resident = meter.as_ref().map_or(0, Meter::resident_kb);
    let hooks = match &meter {
        Some(meter) if unit == Unit::Hook => Some(Hooks::begin(meter.pids())?),
        _ => None,
    };
    let done: Done = session.client.ask(&"go")?;
    let after = meter.as_mut().map(rest).transpose()?.unwrap_or_default();
    let seen: Seen = origin.ask(&"seen")?;

    let count = unit.count(job);
    let mut figures = match &meter {
        Some(_) => of_cost(after - before, count),
        None => BTreeMap::new(),
    };
    match job {
        Job::Latency { .. } | Job::Connect { .. } => {
            figures.insert(Metric::P50Us, done.p50_ns as f64 / 1e3);
            figures.insert(Metric::P99Us, done.p99_ns as f64 / 1e3);
        }
        Job::Idle { .. } => {
            if let Some(meter) = &meter {
                let more = meter.resident_kb().saturating_sub(resident);
                let (metric, value) = match unit {
                    Unit::Open => {
                        let all = resident as f64 + more as f64 * 10_000.0 / count;
                        (Metric::Mb, all / 1024.0)
                    }
                    Unit::OpenHalf => (Metric::Mb, (resident + more) as f64 / 1024.0),
                    _ => (Metric::Kb, more as f64 / count),
                };
                figures.insert(metric, value);
            }
        }
        Job::Requests { .. }
        | Job::Connections { .. }
        | Job::Raw { .. }
        | Job::RawConnections { .. }
        | Job::Transfer { .. } => {
            figures.insert(Metric::PerSecond, count * 1e6 / done.elapsed_us as f64);
        }
    }
    if let Some(hooks) = hooks {
        // The counting itself takes time from those who connect.
        figures = hooks.end(count)?;
    }
    Ok(Sample { figures, agreed: agreed(&prepared, &seen) })
}

/// Waits until the processes rest, and reads what they have cost.
fn rest(meter: &mut Meter) -> anyhow::Result<Reading> {
    let until = Instant::now() + AFTERMATH;
    let mut last = meter.read().context("reading counters")?;
    loop {
        sleep(LOOK);
        let now = meter.read().context("reading counters")?;
        let Cost { instructions, cpu } = now - last;
        last = now;
        if instructions.map_or(cpu <= REST.1, |count| count < REST.0) || Instant::now() > until {
            return Ok(last);
        }
    }
}

fn of_cost(cost: Cost, count: f64) -> BTreeMap<Metric, f64> {
    let cpu = (Metric::CpuUs, cost.cpu.as_secs_f64() * 1e6 / count);
    let instructions = cost.instructions.map(|all| (Metric::Instructions, all as f64 / count));
    instructions.into_iter().chain([cpu]).collect()
}

/// Says what both sides of the proxy speak: the client's connections, then what the origin saw most.
fn agreed(prepared: &Prepared, seen: &Seen) -> String {
    let most = seen.connections.iter().max_by_key(|(_, count)| **count);
    let client = format!("{} {}", prepared.alpn, prepared.group);
    match most {
        Some((server, _)) if *server != client => format!("{client} → {server}"),
        _ => client,
    }
}

/// Starts `true` bare and under `run`, in turns.
pub(super) fn start(place: &Place, pairs: usize, source: Source) -> anyhow::Result<Sample> {
    let under_run = || -> anyhow::Result<Command> {
        let mut command = Command::new(&place.sidestream);
        place.recording(command.arg("run"))?.args(["--", "true"]);
        Ok(command)
    };
    // The first start makes the root certificate and reads files.
    time(under_run()?, source)?;
    let (mut added, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        let bare = time(Command::new("true"), source)?;
        let run = time(under_run()?, source)?;
        added.push((run.0.as_secs_f64() - bare.0.as_secs_f64()) * 1e3);
        costs.push(run.1 - bare.1);
    }
    added.sort_by(f64::total_cmp);
    costs.sort_by_key(|cost| (cost.instructions, cost.cpu));
    let mut figures = of_cost(costs[pairs / 2], 1.0);
    if source == Source::Ticks {
        // Nothing tells what processes cost that have ended.
        figures.clear();
    }
    figures.insert(Metric::AddedMs, added[pairs / 2]);
    Ok(Sample { figures, agreed: String::new() })
}

fn time(mut command: Command, source: Source) -> anyhow::Result<(Duration, Cost)> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut meter = Meter::own(source).context("opening counters")?;
    let (before, started) = (meter.read()?, Instant::now());
    let status = command.status().context("starting a command")?;
    let took = started.elapsed();
    ensure!(status.success(), "{command:?}: {status}; try it by hand");
    Ok((took, meter.read()? - before))
}
