//! Systems without such namespaces.

use std::convert::Infallible;
use std::io;
use std::process::ExitStatus;
use std::task::{Context, Poll};

use sidestream_capture::{Capabilities, Capture, Incoming};

use crate::{Feature, Finding, LaunchError, Notices, Options, WaitError};

const REMEDY: &str = "run it on Linux";

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "not on this system")
}

/// A command that runs in a sandbox, whose connections wait to be served.
#[derive(Debug)]
pub struct Sandbox(Infallible);

/// What takes part in serving a sandbox.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// Yields the flows of the command and of its descendants.
    pub capture: SandboxCapture,
    /// The command.
    pub running: Running,
    /// What its user should be told.
    pub notices: Notices,
}

impl Sandbox {
    /// Makes the namespaces and starts the command in them.
    ///
    /// # Errors
    ///
    /// Always [`LaunchError::Unavailable`] on this system.
    pub fn launch(_options: Options) -> Result<Self, LaunchError> {
        let (feature, source) = (Feature::NetworkNamespace, unsupported());
        Err(LaunchError::Unavailable { feature, remedy: REMEDY, source })
    }

    /// Returns the pid of the command.
    pub fn pid(&self) -> u32 {
        match self.0 {}
    }

    /// Begins to serve, within the current tokio runtime.
    ///
    /// # Errors
    ///
    /// There is no sandbox on this system.
    pub fn start(self) -> io::Result<Parts> {
        match self.0 {}
    }
}

/// Yields the flows of a command and of its descendants.
#[derive(Debug)]
pub struct SandboxCapture(Infallible);

impl Capture for SandboxCapture {
    fn poll_incoming(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        match self.0 {}
    }

    fn capabilities(&self) -> Capabilities {
        match self.0 {}
    }
}

/// A command that runs in a sandbox.
#[derive(Debug)]
pub struct Running(Infallible);

impl Running {
    /// Returns the pid of the command.
    pub fn pid(&self) -> u32 {
        match self.0 {}
    }

    /// Sends a signal to the command.
    ///
    /// # Errors
    ///
    /// There is no sandbox on this system.
    pub fn forward(&self, _signal: i32) -> io::Result<()> {
        match self.0 {}
    }

    /// Waits until the command and all its descendants have ended.
    ///
    /// # Errors
    ///
    /// There is no sandbox on this system.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn wait(&mut self) -> Result<ExitStatus, WaitError> {
        match self.0 {}
    }
}

/// Tries everything that a sandbox needs.
pub fn check() -> Vec<Finding> {
    let (feature, outcome) = (Feature::NetworkNamespace, Err(unsupported()));
    vec![Finding { feature, outcome, remedy: Some(REMEDY) }]
}
