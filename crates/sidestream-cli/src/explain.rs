//! `spec explain`: what a spec decides, and why.

use std::ffi::OsStr;
use std::io::{self, Write};

use sidestream::process::{Lineage, Table};
use sidestream::spec::{Container, Fact, Facts, ProcessFacts, Spec, User, Verdict};

use crate::args::Explain;
use crate::exit::Exit;

/// Prints the verdict on standard output, or on standard error why the spec does not parse.
///
/// # Errors
///
/// The output cannot be written.
pub fn explain(args: &Explain) -> io::Result<Exit> {
    let Some(spec) = parse(&args.spec)? else { return Ok(Exit::Usage) };
    let known = args.pid.and_then(|pid| Table::open().ok()?.process(pid));
    let lineage = known.as_deref().map(Lineage::new);
    let known = lineage.as_ref().map(Lineage::facts).unwrap_or_default();
    let facts = Facts {
        process: given(args, known.process),
        destination: Fact::or_unknown(args.dst),
        host: Fact::or_unknown(args.host.as_deref()),
        ..known
    };
    let explanation = spec.explain(&facts);
    write!(io::stdout(), "{explanation}")?;
    Ok(match explanation.verdict {
        Verdict::Intercept => Exit::Success,
        Verdict::Pass => Exit::Passed,
        Verdict::Needs(_) => Exit::Undecided,
    })
}

/// Parses a spec; `None` after saying on standard error what is wrong with it.
///
/// # Errors
///
/// Standard error cannot be written.
pub(crate) fn parse(text: &str) -> io::Result<Option<Spec>> {
    match text.parse::<Spec>() {
        Ok(spec) => Ok(Some(spec)),
        Err(error) => {
            writeln!(io::stderr(), "error: not a spec:\n{}", error.render(text))?;
            Ok(None)
        }
    }
}

/// Puts what was given on the command line over what is known.
fn given<'a>(args: &'a Explain, known: ProcessFacts<'a>) -> ProcessFacts<'a> {
    let known = match &args.path {
        Some(path) => known.with_path(path),
        None => known,
    };
    let user = args.user.as_deref().map(|user| match user.parse() {
        Ok(uid) => User { uid: Some(uid), name: None },
        Err(_) => User { uid: None, name: Some(user) },
    });
    let container =
        args.container.as_deref().map(|id| Container { id, name: Some(id), image: Some(id) });
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
