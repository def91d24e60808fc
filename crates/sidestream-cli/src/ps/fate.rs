//! What a spec would do to a process.

use std::fmt;
use std::path::PathBuf;

use sidestream::flow::Process;
use sidestream::process::{decide, residual};
use sidestream::spec::{Spec, Verdict};

/// What would become of a process's flows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It depends on where they go: by what is left of the spec.
    Destination(Spec),
    Intercept,
    /// It is ours.
    Never,
    Pass,
}

impl Fate {
    /// Returns the name in JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Destination(_) => "destination",
            Self::Intercept => "intercept",
            Self::Never => "never",
            Self::Pass => "pass",
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
        match decide(spec, process) {
            Verdict::Intercept => Fate::Intercept,
            Verdict::Needs(_) => Fate::Destination(residual(spec, process)),
            Verdict::Pass => Fate::Pass,
        }
    }
}
