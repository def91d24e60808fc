//! What the spec says of each process and of what it will make.

pub(crate) mod items;

use sidestream_spec::{Fact, Facts, Field, Fields, Matcher, ProcessFacts, ProcessMatcher};
use sidestream_spec::{Spec, Truth, Verdict};

/// What the spec says of all the flows of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// All are intercepted.
    Intercept,
    /// None is.
    Pass,
    /// It depends on where they go: this is left of the spec.
    Residual(Spec),
}

/// What the spec says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decisions {
    /// Of the process itself.
    pub(crate) own: Decision,
    /// Of each process that it makes, while that runs the same program; `None` if it depends on
    /// the pid.
    pub(crate) child: Option<Decision>,
    /// Whether a `tree:` item matches it or one of its ancestors.
    pub(crate) is_in_tree: bool,
}

/// Decides about a process of which every fact is known or absent, and about its children, of
/// whose pids is known what `child_pid` says.
pub(crate) fn decide(
    spec: &Spec,
    process: ProcessFacts<'_>,
    ancestors: &[ProcessFacts<'_>],
    child_pid: Fact<u32>,
) -> Decisions {
    let own = Facts { process, ancestors: Fact::Known(ancestors), ..Facts::default() };
    let line: Vec<_> = std::iter::once(process).chain(ancestors.iter().copied()).collect();
    let child = ProcessFacts { pid: child_pid, ..process };
    let child = Facts { process: child, ancestors: Fact::Known(&line), ..Facts::default() };
    Decisions {
        // All of the process is known, so that nothing of it can be asked for.
        own: settle(spec, &own).unwrap_or(Decision::Pass),
        child: settle(spec, &child),
        is_in_tree: spec.items().any(|item| {
            let is_tree = matches!(item.matcher(), Matcher::Tree(_));
            is_tree && item.matcher().truth(&own) != Truth::False
        }),
    }
}

fn settle(spec: &Spec, facts: &Facts<'_>) -> Option<Decision> {
    match spec.decide(facts) {
        Verdict::Intercept => Some(Decision::Intercept),
        Verdict::Pass => Some(Decision::Pass),
        Verdict::Needs(fields) if fields.iter().any(Field::is_process) => None,
        Verdict::Needs(_) => Some(Decision::Residual(spec.residual(facts))),
    }
}

/// Lists the pids that a spec asks for.
pub(crate) fn pids(spec: &Spec) -> impl Iterator<Item = u32> {
    spec.items().filter_map(|item| match item.matcher() {
        Matcher::Process(ProcessMatcher::Pid(pid)) | Matcher::Tree(ProcessMatcher::Pid(pid)) => {
            Some(*pid).filter(|&pid| pid != 0)
        }
        _ => None,
    })
}

/// Lists the facts of processes and of their ancestors that a spec may ask for.
pub(crate) fn asks(spec: &Spec) -> Fields {
    let fields = |matcher: &ProcessMatcher| {
        Fields::from(match matcher {
            ProcessMatcher::Cgroup(_) => Field::Cgroup,
            ProcessMatcher::Container(_) => Field::Container,
            ProcessMatcher::Name(_) => Field::Name,
            ProcessMatcher::Path(_) | ProcessMatcher::Word(_) => Field::Path,
            ProcessMatcher::Pid(0) => return Fields::NONE,
            ProcessMatcher::Pid(_) => Field::Pid,
            ProcessMatcher::Unit(_) => Field::Unit,
            ProcessMatcher::User(_) => Field::User,
        })
    };
    spec.items().fold(Fields::NONE, |all, item| match item.matcher() {
        Matcher::Host(_) => all.union(Field::Host.into()),
        Matcher::Net(_) | Matcher::Port(_) => all.union(Field::Destination.into()),
        Matcher::Process(matcher) => all.union(fields(matcher)),
        Matcher::Tree(matcher) => all.union(fields(matcher)).union(Field::Ancestors.into()),
    })
}

#[cfg(test)]
mod tests;
