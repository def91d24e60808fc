//! Running a command such that its flows are captured.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::sync::Arc;

use sidestream_capture::{Capture, Dial, Direct};
use sidestream_linux::{Driver as CommandDriver, LaunchError, Options, Sandbox};
use sidestream_trust::{Note, ParseRootError, RootCertificate};
use tokio::sync::watch;

use crate::lasting::Lasting;
use crate::overlays::Overlays;
use crate::sys::{Signals, Source};
use crate::{Notices, Running};

/// A command to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The command and its arguments; the command is looked up in `PATH`.
    pub words: Vec<OsString>,
    /// The root, in PEM, that it and its descendants trust beside those of the machine.
    pub root_pem: String,
    /// Variables that it gets beside the caller's own, or in their place.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether processes that outlive it are waited for; else they are ended.
    pub wait: bool,
    /// By what its connections are captured.
    pub driver: CommandDriver,
}

/// Why a command was not run. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The driver could not run it.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The root is not a certificate.
    #[error("the root that the command shall trust cannot be read")]
    Root(#[from] ParseRootError),
    /// The system refused something ordinary.
    #[error("cannot serve the command")]
    System(#[from] io::Error),
}

impl RunError {
    /// Returns the exit status with which a shell would answer, if the command is at fault.
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Launch(error) => error.exit_code(),
            _ => None,
        }
    }
}

impl Command {
    /// Starts the command. Its connections wait until they are served.
    ///
    /// From here on, signals that ask this process to end are kept for the command.
    ///
    /// # Errors
    ///
    /// The command cannot be run, or the system lacks what is needed to capture it; the message
    /// says what to do.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn launch(self) -> Result<Launched, RunError> {
        let root = RootCertificate::from_pem(&self.root_pem)?;
        let overlays = Overlays::find(&root, &self.environment)?;
        let mut options = Options::new(self.words);
        options.wait = self.wait;
        options.driver = self.driver;
        options.overlays = overlays.overlays;
        // What the caller gives comes before what the overlays need.
        let given = |name: &OsString| self.environment.iter().any(|(given, _)| given == name);
        let needed = overlays.environment.into_iter().filter(|(name, _)| !given(name)).collect();
        options.environment = [self.environment.clone(), needed].concat();
        // Before the command can be known to anybody who might send one.
        let signals = Signals::take()?;
        Ok(Launched { sandbox: Sandbox::launch(options)?, signals, notes: overlays.notes })
    }
}

/// A command that runs, whose connections wait to be served.
///
/// Dropping it ends the command and all its descendants.
#[derive(Debug)]
pub struct Launched {
    sandbox: Sandbox,
    signals: Signals,
    notes: Vec<Note>,
}

impl Launched {
    /// Returns the pid of the command.
    pub fn pid(&self) -> u32 {
        self.sandbox.pid()
    }

    /// Returns what could not be done so that programs trust the root.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(ToString::to_string)
    }

    /// Begins to serve, within the current tokio runtime.
    ///
    /// # Errors
    ///
    /// The runtime has no I/O driver, or there is no descriptor left.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Captured, RunError> {
        if let Err(error) = crate::raise_open_files() {
            tracing::debug!(%error, "no more files may be open");
        }
        let parts = self.sandbox.start()?;
        let (over, ended) = watch::channel(false);
        let running = Running::new(parts.running, self.signals, over);
        Ok(Captured {
            capture: Box::new(Lasting::new(parts.capture, ended)),
            dial: Arc::new(Direct::default()),
            running,
            notices: Notices::new([Source::Command(parts.notices)]),
        })
    }
}

/// What takes part in serving a command.
#[non_exhaustive]
pub struct Captured {
    /// Yields the flows of the command and of its descendants.
    pub capture: Box<dyn Capture>,
    /// Reaches the servers that they meant to reach.
    pub dial: Arc<dyn Dial>,
    /// The command.
    pub running: Running,
    /// What its user should be told.
    pub notices: Notices,
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("running", &self.running).finish_non_exhaustive()
    }
}
