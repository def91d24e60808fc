//! What a spec says about a process.

use std::path::Path;

use sidestream_flow::Process;
use sidestream_spec::{Container, Fact, Facts, ProcessFacts, Spec, User, Verdict};

/// Returns what a spec may ask of a process.
///
/// A record is the end of a look-up: what is not in it counts as absent, since nothing would find
/// it later. A process whose executable may not be looked at is thus not matched by any path,
/// instead of keeping every verdict open.
pub fn facts(process: &Process) -> ProcessFacts<'_> {
    let user = process.user.as_ref();
    let user = user.map(|user| User { uid: Some(user.uid), name: user.name.as_deref() });
    let container = process.container.as_ref();
    let container = container.map(|it| Container {
        id: &it.id,
        name: it.name.as_deref(),
        image: it.image.as_deref(),
    });
    let facts = ProcessFacts {
        pid: process.pid.into(),
        user: Fact::or_absent(user),
        cgroup: Fact::or_absent(process.cgroup.as_deref().map(Path::as_os_str)),
        unit: Fact::or_absent(process.unit.as_deref()),
        container: Fact::or_absent(container),
        ..ProcessFacts::ABSENT
    };
    match &process.path {
        Some(path) => facts.with_path(path),
        None => facts,
    }
}

/// A process and its ancestors, as facts for a spec.
#[derive(Clone, Debug)]
pub struct Lineage<'a> {
    process: ProcessFacts<'a>,
    ancestors: Vec<ProcessFacts<'a>>,
}

impl<'a> Lineage<'a> {
    /// Gathers the facts of a process and of all its ancestors.
    pub fn new(process: &'a Process) -> Self {
        Self { process: facts(process), ancestors: process.parents().map(facts).collect() }
    }

    /// Returns the facts of a flow of that process whose destination is not known yet.
    pub fn facts(&self) -> Facts<'_> {
        Facts { process: self.process, ancestors: Fact::Known(&self.ancestors), ..Facts::default() }
    }
}

/// Decides about a process, as far as its flows' destinations do not matter.
///
/// What a verdict needs is then the destination, or the host's name.
pub fn decide(spec: &Spec, process: &Process) -> Verdict {
    spec.decide(&Lineage::new(process).facts())
}

/// Returns what is left of a spec for the flows of a process: items on their destinations alone.
#[must_use]
pub fn residual(spec: &Spec, process: &Process) -> Spec {
    spec.residual(&Lineage::new(process).facts())
}
