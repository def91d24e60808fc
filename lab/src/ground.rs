//! What a ground is: the few things in which one differs from another.

pub mod ctr;
pub mod hosted;
pub mod kernel;
pub mod net;
pub mod sim;
pub mod vm;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::model::{Ask, Client, FlowSeen, GroundKind, OriginSeen, Quality, Serve, Trial};

/// Opens the ground of a trial, without hosts.
///
/// # Errors
///
/// [`Unavailable`] where this machine or user has no such ground; else when it cannot be opened.
pub fn open(trial: &Trial) -> Result<Box<dyn Ground>> {
    match trial.ground {
        GroundKind::Ctr => Ok(Box::new(ctr::open(trial)?)),
        GroundKind::Net => Ok(Box::new(net::open(trial)?)),
        GroundKind::Sim => Ok(Box::new(sim::Sim::open(trial.family)?)),
        other => {
            Err(Unavailable::new(format!("the {} ground is not built yet", other.name())).into())
        }
    }
}

/// What this machine or user lacks for a trial, with the package to install where there is one:
/// an error by which the trial is skipped and does not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(String);

impl Unavailable {
    /// Says why.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Hosts, links, origins, and a proxy in between.
///
/// Hosts get addresses in the order in which they are made, 10.77.0.1 and fd77::1 first, and know
/// each other by name.
pub trait Ground {
    /// Returns which one it is.
    fn kind(&self) -> GroundKind;

    /// Adds a host.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn add_host(&mut self, name: &str) -> Result<()>;

    /// Joins two hosts by a link of this quality, in place of the net that all are in.
    ///
    /// # Errors
    ///
    /// When there is no such host, or the link cannot be made.
    fn link(&mut self, one: &str, other: &str, quality: &Quality) -> Result<()>;

    /// Serves on a host; it is ready when this returns.
    ///
    /// # Errors
    ///
    /// When the port is taken, or the program is missing.
    fn serve(&mut self, host: &str, serve: &Serve) -> Result<()>;

    /// Starts to intercept on a host; it does when this returns.
    ///
    /// # Errors
    ///
    /// When the proxy does not start; the error has its words.
    fn intercept(&mut self, host: &str, intercept: &Intercept) -> Result<()>;

    /// Changes what is being intercepted.
    ///
    /// # Errors
    ///
    /// When nothing intercepts, or the driver takes no specs.
    fn set_spec(&mut self, spec: &str) -> Result<()>;

    /// Sends a signal to a part of what intercepts, and waits for the end where it is deadly.
    ///
    /// # Errors
    ///
    /// When there is no such part.
    fn signal(&mut self, part: Part, signal: Signal) -> Result<()>;

    /// Begins to ask.
    ///
    /// # Errors
    ///
    /// When the program is missing.
    fn start(&mut self, host: &str, ask: &Ask) -> Result<AskId>;

    /// Waits for an ask's end.
    ///
    /// # Errors
    ///
    /// When it hangs.
    fn wait(&mut self, ask: AskId) -> Result<Client>;

    /// Kills the program that asks.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    fn kill(&mut self, ask: AskId) -> Result<()>;

    /// Runs a command of the host to its end and returns its standard output.
    ///
    /// # Errors
    ///
    /// When it is missing or fails; always on the sim ground.
    fn run(&mut self, host: &str, argv: &[&str]) -> Result<String>;

    /// Lists what is on the host's system of the things that intercepting could leave there:
    /// links, routes, rules, devices, BPF programs and maps, control groups, mounts, processes,
    /// files. Two lists of the same state are equal.
    ///
    /// # Errors
    ///
    /// When a list cannot be had.
    fn traces(&mut self, host: &str) -> Result<String>;

    /// Opens a shell on a host for a person, and waits for its end.
    ///
    /// # Errors
    ///
    /// When there is no such host, and on grounds whose hosts have no shell.
    fn shell(&mut self, _host: &str) -> Result<()> {
        anyhow::bail!("the {} ground has no shell", self.kind().name())
    }

    /// Stops intercepting, if that still goes on, in good order.
    ///
    /// # Errors
    ///
    /// When it does not end, or with an error.
    fn stop(&mut self) -> Result<()>;

    /// Returns what the proxy told people so far.
    fn told(&mut self) -> String;

    /// Returns what was seen so far by proxy and origins: flows in the order in which they began,
    /// connections in the order of host, port and arrival.
    ///
    /// # Errors
    ///
    /// When what was recorded cannot be read.
    fn seen(&mut self) -> Result<(Vec<FlowSeen>, Vec<OriginSeen>)>;

    /// Writes into a folder what helps to find a failure: packets of each host, what the proxy
    /// wrote and told. Nothing, where there is nothing such.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn keep(&mut self, _folder: &Path) -> Result<()> {
        Ok(())
    }
}

/// How to intercept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intercept {
    /// The driver.
    pub driver: crate::model::Driver,
    /// Whom, for drivers that take a spec.
    pub spec: String,
    /// Says that clients trust our root (`--ca-trusted`), so that `local` decrypts.
    pub ca_trusted: bool,
}

/// A part of what intercepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The proxy.
    Proxy,
    /// The privileged helper.
    Helper,
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGKILL`.
    Kill,
    /// `SIGTERM`.
    Terminate,
    /// `SIGSTOP`.
    Stop,
    /// `SIGCONT`.
    Continue,
}

/// An ask that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub usize);
