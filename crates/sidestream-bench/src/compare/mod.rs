//! The comparison: the same load through everything that is compared, in turns.

mod hooks;
mod local;
mod machine;
mod measure;
mod nginx;
mod options;
mod part;
mod report;
mod setup;
pub(crate) mod space;
mod table;
mod tun;
mod unit;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

pub use self::options::Options;
pub use self::setup::Setup;
pub use self::unit::{Metric, Unit};

pub(crate) use self::part::{Part, Process};
pub(crate) use self::setup::ended_with_us;

use self::measure::Sample;
use self::report::{Report, Skipped};
use self::setup::Place;
use crate::{Hello, Source};

/// What was measured so far, by unit and setup, one sample a round.
type Samples = BTreeMap<(Unit, Setup), Vec<Sample>>;

/// Compares, in a network of its own, and prints what came out.
///
/// # Errors
///
/// Something cannot be started or measured. What was started is ended then.
pub fn run(words: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let options = Options::parse(words.clone())?;
    if !options.inside {
        let code = space::enter("compare", words)?;
        let code = code.and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    let report = compare(&options)?;
    table::print(&report);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(options: &Options) -> anyhow::Result<Report> {
    let source = Source::find();
    let folder = tempfile::Builder::new().prefix("sidestream-bench-").tempdir()?;
    let bench = env::current_exe()?;
    let mut command = Command::new(&bench);
    let mut origin = Part::start("the origin", command.arg("origin").arg(folder.path()))?;
    let hello: Hello = origin.hear()?;
    let Ok(addrs) = <[SocketAddr; 2]>::try_from(hello.listening) else {
        bail!("the origin listens elsewhere");
    };
    let place = Place {
        sidestream: options.sidestream.clone(),
        hudsucker: options.hudsucker.clone(),
        bench,
        folder: folder.path().to_owned(),
        origin: addrs,
    };
    let mut skipped = Vec::new();
    let mut setups = options.setups.clone();
    let can_capture = can_capture();
    setups.retain(|setup| match setup.missing(can_capture, options.hudsucker.is_some()) {
        Some(reason) => {
            skipped.push(Skipped { setup: *setup, reason });
            false
        }
        None => true,
    });
    let mut report = Report::begin(options, source, skipped);
    let mut samples = Samples::new();
    for round in 0..options.rounds {
        table::progress(round, options.rounds);
        let mut taken = one_round(
            options,
            &setups,
            &place,
            &mut origin,
            source,
            round,
            &mut report.complaints,
        )?;
        add_latency(&mut taken);
        add_relay(&mut taken);
        add_bare(&mut taken);
        for (what, sample) in taken {
            samples.entry(what).or_default().push(sample);
        }
    }
    report.finish(&samples);
    Ok(report)
}

/// Measures everything once; who comes first changes from round to round.
fn one_round(
    options: &Options,
    setups: &[Setup],
    place: &Place,
    origin: &mut Part,
    source: Source,
    round: usize,
    complaints: &mut Vec<String>,
) -> anyhow::Result<BTreeMap<(Unit, Setup), Sample>> {
    let mut taken = BTreeMap::new();
    let mut order = setups.to_vec();
    order.rotate_left(round % setups.len());
    for setup in order {
        let with_job = |unit: &Unit| Some((*unit, unit.job(options.quick, round)?));
        let units = options.units.iter().filter(|unit| unit.is_for(setup)).filter_map(with_job);
        let (space, busy): (Vec<_>, Vec<_>) = units.partition(|(unit, _)| unit.is_space());
        let alone = space.into_iter().map(|one| vec![one]);
        for units in alone.chain([busy]).filter(|units| !units.is_empty()) {
            let mut session = setup.start(place)?;
            for (unit, job) in units {
                let sample = measure::load(unit, &job, &mut session, origin, source);
                let sample =
                    sample.with_context(|| format!("{} by {}", unit.name(), setup.name()))?;
                taken.insert((unit, setup), sample);
            }
            let said = session.end();
            complaints.extend(said.into_iter().map(|line| format!("{}: {line}", setup.name())));
        }
    }
    let times = if options.quick { 5 } else { 15 };
    let wanted = |unit, setup| options.units.contains(&unit) && setups.contains(&setup);
    if wanted(Unit::Start, Setup::Run) {
        taken.insert((Unit::Start, Setup::Run), measure::start(place, times, source)?);
    }
    if wanted(Unit::Capture, Setup::Local) {
        let sample = place.capture_time(times).context("starting to capture")?;
        taken.insert((Unit::Capture, Setup::Local), sample);
    }
    Ok(taken)
}

/// Tells what each setup adds to the time that a request or a connect takes directly.
fn add_latency(taken: &mut BTreeMap<(Unit, Setup), Sample>) {
    let direct = |(&(unit, setup), sample): (&(Unit, Setup), &Sample)| {
        (setup == Setup::Direct).then(|| (unit, sample.clone()))
    };
    let direct: BTreeMap<Unit, Sample> = taken.iter().filter_map(direct).collect();
    for ((unit, setup), sample) in taken {
        let Some(direct) = direct.get(unit).filter(|_| *setup != Setup::Direct) else { continue };
        for (of, added) in
            [(Metric::P50Us, Metric::AddedP50Us), (Metric::P99Us, Metric::AddedP99Us)]
        {
            let both = sample.figures.get(&of).zip(direct.figures.get(&of));
            if let Some(more) = both.map(|(with, without)| with - without) {
                sample.figures.insert(added, more);
            }
        }
    }
}

/// Tells how each setup compares to the relay.
fn add_relay(taken: &mut BTreeMap<(Unit, Setup), Sample>) {
    let relay = |(&(unit, setup), sample): (&(Unit, Setup), &Sample)| {
        (setup == Setup::Relay).then(|| (unit, sample.clone()))
    };
    let relay: BTreeMap<Unit, Sample> = taken.iter().filter_map(relay).collect();
    for ((unit, setup), sample) in taken {
        let Some(relay) = relay.get(unit).filter(|_| *setup != Setup::Relay) else { continue };
        let ratio = |of: &Sample, to: &Sample, metric| {
            Some(of.figures.get(&metric)? / to.figures.get(&metric)?)
        };
        let cpu = ratio(sample, relay, Metric::CpuUs).map(|ratio| (Metric::CpuOfRelay, ratio));
        let time = ratio(relay, sample, Metric::PerSecond);
        let time = time.map(|ratio| (Metric::TimeOfRelay, ratio));
        sample.figures.extend([cpu, time].into_iter().flatten());
    }
}

/// Tells how each setup compares to two connections of TLS.
fn add_bare(taken: &mut BTreeMap<(Unit, Setup), Sample>) {
    let bare = |(&(unit, setup), sample): (&(Unit, Setup), &Sample)| {
        let cpu = sample.figures.get(&Metric::CpuUs)?;
        (setup == Setup::Bare).then_some((unit, *cpu))
    };
    let bare: BTreeMap<Unit, f64> = taken.iter().filter_map(bare).collect();
    for ((unit, setup), sample) in taken {
        let Some(bare) = bare.get(unit).filter(|_| *setup != Setup::Bare) else { continue };
        let ratio = sample.figures.get(&Metric::CpuUs).map(|cpu| cpu / bare);
        sample.figures.extend(ratio.map(|ratio| (Metric::CpuOfBare, ratio)));
    }
}

/// Whether this is root not only of a user namespace.
fn can_capture() -> bool {
    let ids = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    sidestream_testkit::is_root() && ids.split_whitespace().eq(["0", "0", "4294967295"])
}
