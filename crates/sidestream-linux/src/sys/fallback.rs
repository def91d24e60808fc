//! Systems without such namespaces.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::task::{Context, Poll};

use sidestream_capture::{
    BoxFuture, Capabilities, Capture, Dial, Dialed, DialedAssociation, Direct, FlowInfo, Incoming,
    Target,
};
use sidestream_record::DialFailure;

use crate::{
    CallerError, ConnectError, Driver, Feature, Finding, GatewayStatus, LaunchError, LocalFinding,
    LocalNotices, LocalOptions, LogLines, Notices, Options, ServeError, ServeOptions, StartError,
    TransparentError, TransparentOptions, WaitError,
};

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

    /// Returns which driver runs the command.
    pub fn driver(&self) -> Driver {
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

/// Tries what a command under a filter needs.
pub fn check_seccomp() -> Vec<Finding> {
    let (feature, outcome) = (Feature::Filter, Err(unsupported()));
    vec![Finding { feature, outcome, remedy: Some(REMEDY) }]
}

/// Yields the flows of the processes on this machine that a spec chooses.
#[derive(Debug)]
pub struct LocalCapture(Infallible);

impl LocalCapture {
    /// Has the helper at the other end of a connection capture.
    ///
    /// # Errors
    ///
    /// Always on this system.
    pub async fn start<S>(
        _stream: S,
        _options: LocalOptions,
    ) -> Result<(Self, LocalNotices), StartError> {
        Err(unsupported().into())
    }

    /// Returns what reaches the servers that captured programs meant to reach.
    pub fn dial(&self) -> LocalDial {
        match self.0 {}
    }

    /// Ends the capture.
    pub async fn stop(self) {
        match self.0 {}
    }
}

impl Capture for LocalCapture {
    fn poll_incoming(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        match self.0 {}
    }

    fn capabilities(&self) -> Capabilities {
        match self.0 {}
    }
}

/// Tries everything that the helper needs.
pub fn check_local() -> Vec<LocalFinding> {
    vec![LocalFinding { what: "Linux", outcome: Err(unsupported()), remedy: Some(REMEDY) }]
}

/// Dials as the captured program would have; on this system nothing is captured.
#[derive(Clone, Debug, Default)]
pub struct LocalDial {
    direct: Direct,
}

impl LocalDial {
    /// Dials with the timeouts of that dialler.
    pub fn new(direct: Direct) -> Self {
        Self { direct }
    }
}

impl Dial for LocalDial {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        self.direct.dial(flow, target)
    }

    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        self.direct.associate(flow, target)
    }
}

/// For whom the helper works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The user whose proxy is served.
    pub uid: u32,
    /// Whether processes of other users may be captured.
    pub all_users: bool,
}

impl Caller {
    /// Finds out who started this process.
    ///
    /// # Errors
    ///
    /// Always on this system.
    pub fn find(_uid: Option<u32>) -> Result<Self, CallerError> {
        Err(CallerError::Unsupported)
    }
}

/// A connection to the proxy of a user.
#[derive(Debug)]
pub struct Rendezvous(Infallible);

impl Rendezvous {
    /// Connects to the socket on which a proxy waits.
    ///
    /// # Errors
    ///
    /// Always on this system.
    pub fn connect(path: &Path, _uid: u32) -> Result<Self, ConnectError> {
        Err(ConnectError::Connect { path: path.to_owned(), source: unsupported() })
    }
}

/// Cuts this process off from what it was started with.
///
/// # Errors
///
/// Always on this system.
pub fn isolate() -> io::Result<()> {
    Err(unsupported())
}

/// Gives up every right but those that capturing needs.
///
/// # Errors
///
/// Always on this system.
pub fn restrict(_all_users: bool) -> io::Result<()> {
    Err(unsupported())
}

/// Captures for the proxy at the other end.
///
/// # Errors
///
/// There is no connection to a proxy on this system.
pub fn serve(
    rendezvous: Rendezvous,
    _options: ServeOptions,
    _log: LogLines,
) -> Result<(), ServeError> {
    match rendezvous.0 {}
}

/// Yields the flows of other hosts that this machine is a gateway of.
#[derive(Debug)]
pub struct TransparentCapture(Infallible);

impl TransparentCapture {
    /// Listens, and leads the traffic of the interfaces here.
    ///
    /// # Errors
    ///
    /// Always [`TransparentError::Unsupported`] on this system.
    pub fn open(_options: TransparentOptions) -> Result<Self, TransparentError> {
        Err(TransparentError::Unsupported)
    }

    /// Returns where it listens.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        match self.0 {}
    }
}

impl Capture for TransparentCapture {
    fn poll_incoming(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        match self.0 {}
    }

    fn capabilities(&self) -> Capabilities {
        match self.0 {}
    }
}

/// Tries everything that a gateway needs.
pub fn check_gateway() -> Vec<LocalFinding> {
    vec![LocalFinding { what: "Linux", outcome: Err(unsupported()), remedy: Some(REMEDY) }]
}

/// Tells what of this machine's settings matters to a gateway: on this system, nothing.
pub fn gateway_notes() -> Vec<String> {
    Vec::new()
}

/// Asks a gateway to end.
///
/// # Errors
///
/// Always [`TransparentError::Unsupported`] on this system.
pub fn end_gateway() -> Result<bool, TransparentError> {
    Err(TransparentError::Unsupported)
}

/// Looks what there is of a gateway.
///
/// # Errors
///
/// Always [`TransparentError::Unsupported`] on this system.
pub fn gateway_status() -> Result<GatewayStatus, TransparentError> {
    Err(TransparentError::Unsupported)
}

/// Removes what a gateway that was killed has left.
///
/// # Errors
///
/// Always [`TransparentError::Unsupported`] on this system.
pub fn clear_gateway() -> Result<usize, TransparentError> {
    Err(TransparentError::Unsupported)
}
