//! Sidestream on a host: how it is started, signalled and stopped, and what it wrote.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::names::{GATEWAY, address};
use super::{trust, unavailable};
use crate::agent::{Exec, ProcessEnd, ProcessId, Remote};
use crate::ground::{Intercept, Part, Signal};
use crate::model::{Driver, Family};

/// How long it may take to start, to change, or to end; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to notice that flows have ended, on a busy machine.
const SETTLING: Duration = Duration::from_secs(3);

/// Where the proxy of [`Driver::Regular`] listens.
pub(super) const PROXY: &str = "127.0.0.1:8080";

/// The device of [`Driver::Tun`].
pub(in crate::ground) const DEVICE: &str = "side0";

const HELPER: &str = "sidestream-helper";

/// Variables by which programs are told of proxies.
pub(super) const VARIABLES: [&str; 6] =
    ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];

/// What intercepts for the programs of one host.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) driver: Driver,
    remote: Arc<Remote>,
    sidestream: PathBuf,
    /// That of a proxy of its own; `run` has one with each ask.
    process: Option<ProcessId>,
    is_over: bool,
    /// How many sockets it held before there were flows.
    sockets: usize,
    /// The files of lines, in the order in which they were begun.
    files: Vec<PathBuf>,
    /// By which interface others' packets come, where it is on a gateway.
    interface: String,
}

/// Gives a command of Sidestream's what each of them gets.
pub(super) fn environment(remote: &Remote, mut exec: Exec) -> Exec {
    let folder = &remote.hello().folder;
    exec.without.extend(VARIABLES.map(str::to_owned));
    exec.env("SIDESTREAM_CONFDIR", trust::confdir(remote).display().to_string())
        .env("SIDESTREAM_CA", trust::lab_root(remote).display().to_string())
        .env("HOME", folder.display().to_string())
}

impl Proxy {
    /// Starts it, and waits until it intercepts.
    pub(super) fn start(
        host: &str,
        remote: Arc<Remote>,
        sidestream: &Path,
        intercept: &Intercept,
        interface: String,
    ) -> Result<Self> {
        let driver = intercept.driver;
        let (host, sidestream) = (host.to_owned(), sidestream.to_owned());
        let (process, is_over, sockets, files) = (None, false, 0, Vec::new());
        let mut proxy =
            Self { host, driver, remote, sidestream, process, is_over, sockets, files, interface };
        let ready = match driver {
            Driver::Direct | Driver::Run => return Ok(proxy),
            Driver::Local | Driver::Transparent | Driver::Tun | Driver::Wireguard => {
                "sidestream: intercepting "
            }
            Driver::Regular => "sidestream: listening on ",
        };
        let exec = proxy.command(intercept)?;
        let process = proxy.remote.start(&environment(&proxy.remote, exec)).map_err(unavailable)?;
        proxy.process = Some(process);
        let said = proxy.remote.wait(process, Some(ready), PATIENCE)?;
        if said.ended.is_some() || !said.err().contains(ready) {
            bail!("the proxy does not start ({:?}): {}", said.ended, said.err());
        }
        proxy.sockets = proxy.remote.sockets(process)?;
        Ok(proxy)
    }

    fn command(&mut self, intercept: &Intercept) -> Result<Exec> {
        let json = self.next_file();
        let mut argv = vec![self.sidestream.display().to_string(), "--json".into(), json];
        match self.driver {
            Driver::Local => {
                self.write_spec(&intercept.spec)?;
                argv.extend(["--mode".into(), "local".into(), "--spec-file".into()]);
                argv.push(self.spec_file().display().to_string());
            }
            Driver::Transparent => {
                argv.extend(["--mode".into(), "transparent".into()]);
                argv.extend(["--gateway".into(), self.interface.clone()]);
            }
            Driver::Tun => argv.extend(["--mode".into(), format!("tun:{DEVICE}")]),
            Driver::Wireguard => {
                let gateway = address(GATEWAY, Family::V4).to_string();
                argv.extend(["--mode".into(), "wireguard".into()]);
                argv.extend(["--wireguard-endpoint".into(), gateway]);
            }
            _ => argv.extend(["--mode".into(), format!("regular@{PROXY}")]),
        }
        if intercept.ca_trusted && matches!(self.driver, Driver::Local | Driver::Tun) {
            argv.push("--ca-trusted".into());
        }
        Ok(Exec::new(argv))
    }

    /// Has a command run under `sidestream run`, where that is the driver.
    pub(super) fn wrap(&mut self, exec: &mut Exec) {
        if self.driver != Driver::Run {
            return;
        }
        let sidestream = self.sidestream.display().to_string();
        let mut argv = vec![sidestream, "run".into(), "--json".into(), self.next_file()];
        argv.push("--".into());
        let own = self.remote.hello().exe.display().to_string();
        let command = exec.argv.drain(..);
        argv.extend(command.map(|word| if word == "@lab" { own.clone() } else { word }));
        exec.argv = argv;
        *exec = environment(&self.remote, std::mem::take(exec));
    }

    /// The process of its own, if it has one.
    pub(super) const fn process(&self) -> Option<ProcessId> {
        self.process
    }

    /// Changes whom it intercepts, and waits until it does.
    pub(super) fn set_spec(&self, spec: &str) -> Result<()> {
        let process = self.process.filter(|_| self.driver == Driver::Local);
        let process = process.context("only the local driver takes specs")?;
        let before = self.changes(process)?;
        self.write_spec(spec)?;
        self.remote.signal(process, None, 1)?;
        let until = Instant::now() + PATIENCE;
        while self.changes(process)? == before {
            if Instant::now() > until {
                bail!("the proxy does not take the spec: {}", self.told());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn changes(&self, process: ProcessId) -> Result<usize> {
        let said = self.remote.wait(process, None, Duration::ZERO)?;
        if said.ended.is_some() {
            bail!("the proxy has ended: {}", said.err());
        }
        Ok(said.err().matches("sidestream: now intercepting ").count())
    }

    /// Sends a signal to a part, and waits for its end where the signal is deadly.
    pub(super) fn signal(&self, process: ProcessId, part: Part, signal: Signal) -> Result<()> {
        let (number, is_deadly) = match signal {
            Signal::Kill => (9, true),
            Signal::Terminate => (15, true),
            Signal::Stop => (19, false),
            Signal::Continue => (18, false),
        };
        let program = (part == Part::Helper).then_some(HELPER);
        self.remote.signal(process, program, number)?;
        let until = Instant::now() + PATIENCE;
        let is_there = || match part {
            Part::Proxy => {
                let waited = self.remote.wait(process, None, Duration::from_secs(1));
                waited.is_ok_and(|said| said.ended.is_none())
            }
            Part::Helper => self.remote.signal(process, program, 0).is_ok(),
        };
        while is_deadly && is_there() {
            if Instant::now() > until {
                bail!("{part:?} does not end by {signal:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it in good order, if it still goes on, and checks how it ended.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(process) = self.process.filter(|_| !self.is_over) else { return Ok(()) };
        self.is_over = true;
        if self.remote.wait(process, None, Duration::ZERO)?.ended.is_some() {
            // Somebody made it end, and knows how.
            return Ok(());
        }
        self.settle(process)?;
        self.remote.signal(process, None, 2)?;
        let said = self.remote.wait(process, None, PATIENCE)?;
        match said.ended {
            Some(ProcessEnd::Code(0)) => Ok(()),
            Some(end) => Err(anyhow!("the proxy ends with {end:?}: {}", said.err())),
            None => Err(anyhow!("the proxy does not end: {}", said.err())),
        }
    }

    /// Waits until it has noticed that programs have ended their flows; but some may go on.
    fn settle(&self, process: ProcessId) -> Result<()> {
        let until = Instant::now() + SETTLING;
        while self.remote.sockets(process)? > self.sockets && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What it told people.
    pub(super) fn told(&self) -> String {
        let said = self.process.map(|process| self.remote.wait(process, None, Duration::ZERO));
        said.map_or_else(String::new, |said| {
            said.map_or_else(|error| error.to_string(), |said| said.out() + &said.err())
        })
    }

    /// Reads the lines of each file.
    pub(super) fn lines(&self) -> Result<Vec<String>> {
        let text = |file: &PathBuf| {
            let bytes = self.remote.get(file)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        self.files.iter().map(text).collect()
    }

    fn next_file(&mut self) -> String {
        let name = format!("flows-{}.json", self.files.len());
        self.files.push(self.remote.hello().folder.join(name));
        self.files[self.files.len() - 1].display().to_string()
    }

    fn spec_file(&self) -> PathBuf {
        self.remote.hello().folder.join("spec")
    }

    fn write_spec(&self, spec: &str) -> Result<()> {
        Ok(self.remote.put(&self.spec_file(), format!("{spec}\n").as_bytes(), 0o644)?)
    }
}
