//! What all grounds with real programs have in common: whatever is done through agents.

mod ask;
mod client;
mod flows;
mod names;
mod proxy;
mod trust;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use sidestream_testkit::TestCa;

use crate::agent::{Exec, Remote, RemoteError, Serving};
use crate::closure::hint;
use crate::ground::{AskId, Ground, Intercept, Part, Signal, Unavailable};
use crate::model::Serve;
use crate::model::{Ask, Client, Driver, Ended, Family, FlowSeen, GroundKind, OriginSeen, Quality};
use crate::origin::{Identity, Names};
use ask::Asking;
pub use names::{GATEWAY, address, names};
pub(super) use proxy::DEVICE;
use proxy::Proxy;
pub(super) use trust::confdir;

/// How long a program that is run for its output may take; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long origins may take to notice that connections have ended, on a busy machine.
const SETTLING: Duration = Duration::from_secs(3);

/// What one ground with real programs does otherwise than another: it makes hosts.
pub trait Machines {
    /// Returns which ground it is.
    fn kind(&self) -> GroundKind;

    /// Makes the host of that number, from 1, and starts an agent in it. All hosts so far, this
    /// one included, are to be known by these names in all hosts.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn add(&mut self, number: usize, name: &str, names: &Names) -> Result<Remote>;

    /// Joins two hosts, by their numbers, by a link.
    ///
    /// # Errors
    ///
    /// When that is not possible; [`Unavailable`] where it never is.
    fn link(&mut self, one: usize, other: usize, quality: &Quality) -> Result<()>;

    /// Returns Sidestream's program, as the agent that is to run it sees it.
    fn sidestream(&self) -> PathBuf;

    /// Tells why a driver cannot be had here.
    ///
    /// # Errors
    ///
    /// [`Unavailable`], with the reason.
    fn check(&self, driver: Driver, app: &Remote) -> Result<()>;

    /// Returns another place where the proxy of a host's programs runs, if it is not the host.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    fn proxy_place(&mut self, _host: &str, _driver: Driver) -> Result<Option<Arc<Remote>>> {
        Ok(None)
    }

    /// Names the interface by which clients' packets come to a gateway.
    fn interface(&self) -> String {
        "eth0".into()
    }

    /// Prepares what is to be in place once something intercepts.
    ///
    /// # Errors
    ///
    /// When that is not possible.
    fn intercepts(&mut self, _host: usize, _app: &Remote, _driver: Driver) -> Result<()> {
        Ok(())
    }

    /// Prepares a command that runs on a host, for instance by wrapping it.
    fn prepare(&self, _host: &str, _exec: &mut Exec) {}
}

/// A ground that consists of agents.
#[derive(Debug)]
pub struct Hosted<M> {
    machines: M,
    family: Family,
    ca: TestCa,
    hosts: Vec<Host>,
    asks: BTreeMap<AskId, Asking>,
    next_ask: usize,
    proxy: Option<Proxy>,
}

#[derive(Debug)]
struct Host {
    name: String,
    remote: Arc<Remote>,
    /// Whether the authorities lie there.
    has_roots: bool,
}

impl<M: Machines> Hosted<M> {
    /// Begins without hosts.
    #[must_use]
    pub fn new(machines: M, family: Family) -> Self {
        Self {
            machines,
            family,
            ca: TestCa::new(),
            hosts: Vec::new(),
            asks: BTreeMap::new(),
            next_ask: 0,
            proxy: None,
        }
    }

    /// Returns the agents of all hosts with their hosts' names.
    pub fn remotes(&self) -> impl Iterator<Item = (&str, &Arc<Remote>)> {
        self.hosts.iter().map(|host| (host.name.as_str(), &host.remote))
    }

    fn index(&self, name: &str) -> Result<usize> {
        let found = self.hosts.iter().position(|host| host.name == name);
        found.with_context(|| format!("there is no host {name:?}"))
    }

    fn remote(&self, name: &str) -> Result<Arc<Remote>> {
        Ok(Arc::clone(&self.hosts[self.index(name)?].remote))
    }

    /// The names that resolve, of the trial's family alone, so that every program asks over it.
    fn names(&self) -> Names {
        let names: Vec<_> = self.hosts.iter().map(|host| host.name.as_str()).collect();
        names::names(&names, Some(self.family))
    }
}

impl<M: Machines> Ground for Hosted<M> {
    fn kind(&self) -> GroundKind {
        self.machines.kind()
    }

    fn add_host(&mut self, name: &str) -> Result<()> {
        let number = self.hosts.len() + 1;
        let mut known = self.names();
        known.insert(name.to_owned(), vec![address(number, self.family)]);
        let remote = Arc::new(self.machines.add(number, name, &known)?);
        // Without the right to see packets there is no file of them, and that is all.
        _ = remote.tap(Some(&tap_file(&remote)));
        self.hosts.push(Host { name: name.to_owned(), remote, has_roots: false });
        Ok(())
    }

    fn link(&mut self, one: &str, other: &str, quality: &Quality) -> Result<()> {
        let (one, other) = (self.index(one)? + 1, self.index(other)? + 1);
        self.machines.link(one, other, quality)
    }

    fn serve(&mut self, host: &str, serve: &Serve) -> Result<()> {
        let number = self.index(host)? + 1;
        let addresses = Family::ALL.map(|family| address(number, family).to_string());
        let shown = [host, &addresses[0], &addresses[1]];
        let identity = serve.tls.map(|tls| Identity::issue(&self.ca, tls, &shown)).transpose()?;
        let hosts: Vec<_> = self.hosts.iter().map(|host| host.name.as_str()).collect();
        let names = names(&hosts, None);
        let serving = Serving { host: host.to_owned(), serve: serve.clone(), identity, names };
        self.remote(host)?.serve(serving).map_err(unavailable)
    }

    fn intercept(&mut self, host: &str, intercept: &Intercept) -> Result<()> {
        if self.proxy.is_some() {
            bail!("something intercepts already");
        }
        let app = self.remote(host)?;
        self.machines.check(intercept.driver, &app)?;
        let place = self.machines.proxy_place(host, intercept.driver)?;
        let place = place.unwrap_or_else(|| Arc::clone(&app));
        self.prepare_roots(host, &place)?;
        let (sidestream, interface) = (self.machines.sidestream(), self.machines.interface());
        self.proxy = Some(Proxy::start(host, place, &sidestream, intercept, interface)?);
        self.machines.intercepts(self.index(host)? + 1, &app, intercept.driver)
    }

    fn shell(&mut self, host: &str) -> Result<()> {
        let pid = self.remote(host)?.pid();
        let (Some(pid), GroundKind::Net) = (pid, self.kind()) else {
            bail!("the {} ground has no shell", self.kind().name());
        };
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        let network = format!("--net=/proc/{pid}/ns/net");
        let ended = Command::new("nsenter").arg(network).arg(shell).status();
        ended.context("starting nsenter").map(drop)
    }

    fn set_spec(&mut self, spec: &str) -> Result<()> {
        self.proxy.as_ref().context("nothing intercepts")?.set_spec(spec)
    }

    fn signal(&mut self, part: Part, signal: Signal) -> Result<()> {
        let proxy = self.proxy.as_ref().context("nothing intercepts")?;
        if let Some(process) = proxy.process() {
            return proxy.signal(process, part, signal);
        }
        // `run` has a proxy for each ask; the last one that goes on is meant.
        let asking = self.asks.values().rev().find(|asking| asking.host == proxy.host);
        proxy.signal(asking.context("nobody asks")?.process, part, signal)
    }

    fn start(&mut self, host: &str, ask: &Ask) -> Result<AskId> {
        let id = AskId(self.next_ask);
        let asking = self.begin(host, ask)?;
        self.next_ask += 1;
        self.asks.insert(id, asking);
        Ok(id)
    }

    fn wait(&mut self, ask: AskId) -> Result<Client> {
        let asking = self.asks.remove(&ask).context("nobody asks that")?;
        asking.finish()
    }

    fn kill(&mut self, ask: AskId) -> Result<()> {
        self.asks.get(&ask).context("nobody asks that")?.kill()
    }

    fn run(&mut self, host: &str, argv: &[&str]) -> Result<String> {
        let remote = self.remote(host)?;
        let mut exec = Exec::new(argv.iter().copied());
        self.machines.prepare(host, &mut exec);
        if let Some(proxy) = self.proxy.as_mut().filter(|proxy| proxy.host == host) {
            proxy.wrap(&mut exec);
        }
        let said = remote.run(&exec, PATIENCE).map_err(unavailable)?;
        match said.ended {
            Some(_) if said.is_success() => Ok(said.out()),
            Some(end) => Err(anyhow!("{argv:?} ended with {end:?}: {}", said.err().trim())),
            None => Err(anyhow!("{argv:?} hangs; it said {:?} {:?}", said.out(), said.err())),
        }
    }

    fn traces(&mut self, host: &str) -> Result<String> {
        let remote = self.remote(host)?;
        // The root key stays for the next time, so it is there before as after.
        self.prepare_roots(host, &remote)?;
        let confdir = confdir(&remote);
        Ok(remote.traces(&[&confdir])?)
    }

    fn stop(&mut self) -> Result<()> {
        self.proxy.as_mut().map_or(Ok(()), Proxy::stop)
    }

    fn told(&mut self) -> String {
        self.proxy.as_ref().map_or_else(String::new, Proxy::told)
    }

    fn seen(&mut self) -> Result<(Vec<FlowSeen>, Vec<OriginSeen>)> {
        let hosts: Vec<_> = self.hosts.iter().map(|host| host.name.as_str()).collect();
        let flows = match &self.proxy {
            Some(proxy) => flows::read(&proxy.lines()?, &hosts)?,
            None => Vec::new(),
        };
        let mut origins = Vec::new();
        for host in &self.hosts {
            origins.extend(settled(&host.remote)?);
        }
        Ok((flows, origins))
    }

    fn keep(&mut self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        for host in &self.hosts {
            host.remote.tap(None)?;
            let packets = host.remote.get(&tap_file(&host.remote))?;
            if let Some(packets) = packets {
                fs::write(folder.join(format!("{}.pcapng", host.name)), packets)?;
            }
        }
        if let Some(proxy) = &self.proxy {
            fs::write(folder.join("flows.json"), proxy.lines()?.concat())?;
            fs::write(folder.join("told.txt"), proxy.told())?;
        }
        Ok(())
    }
}

/// Where an agent writes the packets of its host.
fn tap_file(remote: &Remote) -> PathBuf {
    remote.hello().folder.join("tap.pcapng")
}

/// Asks what origins saw, until they have noticed the ends of all connections.
fn settled(remote: &Remote) -> Result<Vec<OriginSeen>> {
    let until = Instant::now() + SETTLING;
    loop {
        let seen = remote.seen()?;
        let is_open = |seen: &OriginSeen| seen.ended == Ended::Open && seen.transport == "tcp";
        if !seen.iter().any(is_open) || Instant::now() > until {
            return Ok(seen);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Turns the lack of a program into a skip.
fn unavailable(error: RemoteError) -> anyhow::Error {
    match error.missing() {
        Some(program) => {
            let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
            Unavailable::new(format!("no {name} here: {}", hint(&name))).into()
        }
        None => error.into(),
    }
}
