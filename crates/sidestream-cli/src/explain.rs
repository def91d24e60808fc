//! `spec explain`: what a spec decides, and why.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::Arc;

use sidestream::flow::Process;
use sidestream::process::Table;
use sidestream::spec::{Container, Fact, Facts, ProcessFacts, Spec, User, Verdict};

use crate::args::Explain;
use crate::exit::Exit;

/// Prints the verdict on standard output, or on standard error why the spec does not parse.
///
/// # Errors
///
/// The output cannot be written.
pub fn explain(args: &Explain) -> io::Result<Exit> {
    let spec = match args.spec.parse::<Spec>() {
        Ok(spec) => spec,
        Err(error) => {
            writeln!(io::stderr(), "error: not a spec:\n{}", error.render(&args.spec))?;
            return Ok(Exit::Usage);
        }
    };
    let known = args.pid.and_then(|pid| Table::open().ok()?.process(pid));
    let line = known.as_ref().map(lineage).unwrap_or_default();
    let ancestors: Vec<_> = line.iter().skip(1).map(|process| process_facts(process)).collect();
    let facts = Facts {
        process: given(args, line.first().map(|process| process_facts(process))),
        ancestors: if line.is_empty() { Fact::Unknown } else { Fact::Known(&ancestors) },
        destination: Fact::or_unknown(args.dst),
        host: Fact::or_unknown(args.host.as_deref()),
    };
    let explanation = spec.explain(&facts);
    write!(io::stdout(), "{explanation}")?;
    Ok(match explanation.verdict {
        Verdict::Intercept => Exit::Success,
        Verdict::Pass => Exit::Passed,
        Verdict::Needs(_) => Exit::Undecided,
    })
}

/// Returns a process and its ancestors.
fn lineage(process: &Arc<Process>) -> Vec<&Process> {
    std::iter::once(&**process).chain(process.parents()).collect()
}

/// Returns what is known of a process that runs.
///
/// That it has no cgroup, unit or container cannot be told from here.
fn process_facts(process: &Process) -> ProcessFacts<'_> {
    let facts = ProcessFacts { pid: process.pid.into(), ..ProcessFacts::default() };
    let user =
        process.user.as_ref().map(|user| User { uid: Some(user.uid), name: user.name.as_deref() });
    let facts = ProcessFacts { user: Fact::or_unknown(user), ..facts };
    match &process.path {
        Some(path) => facts.with_path(path),
        None => facts,
    }
}

/// Puts what was given on the command line over what is known.
fn given<'a>(args: &'a Explain, known: Option<ProcessFacts<'a>>) -> ProcessFacts<'a> {
    let known = known.unwrap_or_default();
    let known = match &args.path {
        Some(path) => known.with_path(path),
        None => known,
    };
    let user = args.user.as_deref().map(|user| match user.parse() {
        Ok(uid) => User { uid: Some(uid), name: None },
        Err(_) => User { uid: None, name: Some(user) },
    });
    let container = args.container.as_deref().map(|id| Container { id, name: Some(id) });
    ProcessFacts {
        pid: over(args.pid, known.pid),
        name: over(args.name.as_deref().map(OsStr::new), known.name),
        user: over(user, known.user),
        cgroup: over(args.cgroup.as_deref(), known.cgroup),
        unit: over(args.unit.as_deref(), known.unit),
        container: over(container, known.container),
        ..known
    }
}

fn over<T>(given: Option<T>, known: Fact<T>) -> Fact<T> {
    given.map_or(known, Fact::Known)
}
