//! Hosts in network namespaces of this kernel, on one bridge.
//!
//! ```text
//!   app            origin         …
//!    │ eth0         │ eth0
//!  ┌─┴──────────────┴───────────┐
//!  │ lan, in the trial's own    │
//!  └────────────────────────────┘
//! ```
//!
//! With a gateway, the programs' packets go by that.

mod gateway;
mod lan;
mod links;
mod wireguard;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use sidestream_testkit::sidestream_binary;

use crate::agent::Remote;
use crate::ground::Unavailable;
use crate::ground::hosted::{GATEWAY, Hosted, Machines};
use crate::link::Link;
use crate::model::{Driver, GroundKind, Quality, Trial};
use crate::origin::Names;
use crate::sys;
use gateway::Gateway;

/// Set by the script that makes namespaces.
const OWN: &str = "LAB_OWN_NAMESPACES";

/// Set by it where it cannot, to the reason.
const NONE: &str = "LAB_NO_NAMESPACES";

/// Hosts in network namespaces; with this process's own namespaces they are gone.
#[derive(Debug)]
pub struct Namespaces {
    /// What is laid over `/etc/hosts`.
    hosts: PathBuf,
    sidestream: PathBuf,
    /// The pids of the hosts' agents, which hold the namespaces.
    agents: Vec<u32>,
    links: Vec<Link>,
    gateway: Option<Gateway>,
}

/// Opens the ground in this process's namespaces, which are to be its own.
///
/// # Errors
///
/// [`Unavailable`] where this machine or user cannot make namespaces.
pub fn open(trial: &Trial) -> Result<Hosted<Namespaces>> {
    if let Ok(why) = env::var(NONE) {
        let reason = format!("no namespaces for it: {why}: be root, or allow user namespaces");
        return Err(Unavailable::new(reason).into());
    }
    if env::var_os(OWN).is_none() {
        let reason = "the net ground wants namespaces of its own: start it by own-namespaces.sh";
        return Err(Unavailable::new(reason).into());
    }
    let folder = env::temp_dir();
    let hosts = folder.join("hosts");
    fs::write(&hosts, names_file(&Names::new())).context("writing the names of hosts")?;
    lay_over(&hosts, Path::new("/etc/hosts"))?;
    let resolver = folder.join("resolv.conf");
    // Nobody answers there, at once: no name of the world is asked for.
    fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
    lay_over(&resolver, Path::new("/etc/resolv.conf"))?;
    lan::make()?;
    let sidestream = sidestream_binary();
    let gateway = trial.driver.is_on_gateway().then(|| {
        let (remote, pid) = spawn(GATEWAY)?;
        Gateway::new(remote, pid)
    });
    let (agents, links, gateway) = (Vec::new(), Vec::new(), gateway.transpose()?);
    let machines = Namespaces { hosts, sidestream, agents, links, gateway };
    Ok(Hosted::new(machines, trial.family))
}

/// Starts the agent of the host of that number, in a network of its own on the bridge.
fn spawn(number: usize) -> Result<(Remote, u32)> {
    let mut agent = Command::new(own_program()?);
    agent.args(["agent", "--own-network"]);
    // A signal to this process and its group is not for the hosts.
    std::os::unix::process::CommandExt::process_group(&mut agent, 0);
    let remote = Remote::spawn(&mut agent).context("starting an agent")?;
    let pid = remote.pid().context("the agent has no pid")?;
    lan::join(number, pid)?;
    Ok((remote, pid))
}

impl Machines for Namespaces {
    fn kind(&self) -> GroundKind {
        GroundKind::Net
    }

    fn add(&mut self, number: usize, _name: &str, names: &Names) -> Result<Remote> {
        let (remote, pid) = spawn(number)?;
        self.agents.push(pid);
        // In place: what is laid over the file of the system is this one.
        fs::write(&self.hosts, names_file(names)).context("writing the names of hosts")?;
        Ok(remote)
    }

    fn link(&mut self, one: usize, other: usize, quality: &Quality) -> Result<()> {
        let mut ends = [one, other].map(|number| (number, self.agents[number - 1]));
        let name = format!("link{}", self.links.len());
        if let Some(gateway) = &mut self.gateway {
            // The way from there to everyone else is none of the client's.
            ends[1] = (GATEWAY, gateway.pid);
            gateway.link(&name);
        }
        self.links.push(links::make(&name, ends, quality)?);
        Ok(())
    }

    fn proxy_place(&mut self, _host: &str, _driver: Driver) -> Result<Option<Arc<Remote>>> {
        Ok(self.gateway.as_ref().map(|gateway| Arc::clone(&gateway.remote)))
    }

    fn interface(&self) -> String {
        self.gateway.as_ref().map_or("eth0", Gateway::interface).to_owned()
    }

    fn intercepts(&mut self, host: usize, app: &Remote, driver: Driver) -> Result<()> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let others: Vec<_> = (1..=self.agents.len()).filter(|number| *number != host).collect();
        let client = (host, self.agents[host - 1]);
        if driver == Driver::Wireguard {
            return wireguard::tunnel(&gateway.remote, app, client.1, &others);
        }
        if driver == Driver::Tun {
            gateway.divert()?;
        }
        gateway.lead(client, &others)
    }

    fn sidestream(&self) -> PathBuf {
        self.sidestream.clone()
    }

    fn check(&self, driver: Driver, app: &Remote) -> Result<()> {
        if driver == Driver::Local && !app.hello().is_root {
            return Err(Unavailable::new("only root captures the whole machine").into());
        }
        if driver == Driver::Wireguard {
            wireguard::check()?;
        }
        if driver == Driver::Transparent {
            gateway::check()?;
        }
        if matches!(driver, Driver::Tun | Driver::Wireguard) {
            let device = fs::File::options().read(true).write(true).open("/dev/net/tun");
            device.map_err(|error| Unavailable::new(format!("no /dev/net/tun: {error}")))?;
        }
        if driver == Driver::Local && !Path::new("/sys/kernel/btf/vmlinux").exists() {
            return Err(Unavailable::new("the kernel has no BTF").into());
        }
        Ok(())
    }
}

/// Lays a file over one of the system's, which may be a link to nowhere.
fn lay_over(file: &Path, over: &Path) -> Result<()> {
    let place = fs::read_link(over).map_or_else(
        |_no_link| over.to_owned(),
        |target| over.parent().unwrap_or(over).join(target),
    );
    if !place.exists() {
        // What it pointed to lay on /run, which is the trial's own.
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&place, "")?;
    }
    sys::mount_over(file, &place).with_context(|| format!("mounting over {}", over.display()))
}

fn names_file(names: &Names) -> String {
    let local = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n".to_owned();
    let lines = names.iter().flat_map(|(name, addresses)| {
        addresses.iter().map(move |address| format!("{address} {name}\n"))
    });
    lines.fold(local, |text, line| text + &line)
}

fn own_program() -> Result<PathBuf> {
    // A test is another program, beside which the lab's own lies.
    match env::var_os("LAB_BIN") {
        Some(program) => Ok(PathBuf::from(program)),
        None => fs::read_link("/proc/self/exe").context("finding its own program"),
    }
}
