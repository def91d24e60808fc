//! What a spec would do to a process.

use std::fmt;
use std::path::PathBuf;

use sidestream::flow::Process;
use sidestream::process::{Lineage, decide, facts, residual};
use sidestream::spec::{Fact, Facts, Field, ProcessFacts, Spec, Verdict};

/// What would become of a process's flows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It depends on where they go: by what is left of the spec.
    Destination(Spec),
    Intercept,
    /// It is ours.
    Never,
    Pass,
    /// It depends on the executable, which is hidden from this user.
    Unknown,
}

impl Fate {
    /// Returns the name in JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Destination(_) => "destination",
            Self::Intercept => "intercept",
            Self::Never => "never",
            Self::Pass => "pass",
            Self::Unknown => "unknown",
        }
    }

    /// Returns what is left of the spec, if something is.
    pub(super) fn residual(&self) -> Option<&Spec> {
        match self {
            Self::Destination(rest) => Some(rest),
            _ => None,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination(rest) => write!(f, "{}, but {rest}", rest.default_verdict()),
            Self::Never => f.write_str("never (Sidestream itself)"),
            Self::Unknown => f.write_str("unknown (executable hidden)"),
            fate => f.write_str(fate.name()),
        }
    }
}

/// The executables that are never intercepted.
pub(super) struct Ours(Vec<PathBuf>);

impl Ours {
    /// Finds the program that runs now, and the helper beside it.
    pub(super) fn find() -> Self {
        let program = std::env::current_exe().ok();
        let helper = program.as_deref().map(|path| path.with_file_name("sidestream-helper"));
        Self(program.into_iter().chain(helper).collect())
    }

    /// Returns what a spec would do to a process.
    pub(super) fn fate(&self, spec: &Spec, process: &Process) -> Fate {
        if process.path.as_ref().is_some_and(|path| self.0.contains(path)) {
            return Fate::Never;
        }
        if depends_on_hidden(spec, process) {
            return Fate::Unknown;
        }
        match decide(spec, process) {
            Verdict::Intercept => Fate::Intercept,
            Verdict::Needs(_) => Fate::Destination(residual(spec, process)),
            Verdict::Pass => Fate::Pass,
        }
    }
}

/// Tells whether it is for want of the process's executable that a spec does not decide.
fn depends_on_hidden(spec: &Spec, process: &Process) -> bool {
    if process.path.is_some() {
        return false;
    }
    let open = ProcessFacts { name: Fact::Unknown, path: Fact::Unknown, ..facts(process) };
    let lineage = Lineage::new(process);
    match spec.decide(&Facts { process: open, ..lineage.facts() }) {
        Verdict::Needs(fields) => fields.iter().any(Field::is_process),
        Verdict::Intercept | Verdict::Pass => false,
    }
}
