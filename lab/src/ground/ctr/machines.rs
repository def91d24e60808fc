//! Hosts that are containers, and the machine that they run on.

use std::fs;
use std::net::IpAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use sidestream_testkit::sidestream_binary;

use super::containers::{Containers, NETWORK, Wanted};
use super::{library, place};
use crate::agent::{Exec, Remote};
use crate::ground::Unavailable;
use crate::ground::hosted::{Hosted, Machines, address};
use crate::model::{Driver, Family, GroundKind, Quality, Trial};
use crate::origin::Names;
use crate::sys;

/// The host that is the machine itself.
const MACHINE: &str = "machine";
/// What the names begin with of containers in the machine's own network.
const ON_MACHINE: &str = "machine-";
/// Where the kernel's one hierarchy of control groups is mounted in a container that has none.
const CGROUP2: &str = "/run/cgroup2";
/// How long that may take; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hosts as containers.
///
/// Those named `curl`, `java`, `node`, `origin` or `python`, or something with such a name in it,
/// have the image of that name, all others that of every client. `machine` is the machine on
/// which the engine runs, and containers named `machine-…` share its network.
#[derive(Debug)]
pub struct Machine {
    containers: Containers,
    /// Whether this process runs on the engine's machine, which ends with the trial.
    is_own: bool,
    sidestream: PathBuf,
    /// What lies over `/etc/hosts`, and what over `/etc/resolv.conf`.
    names: [PathBuf; 2],
}

/// Opens the ground on the engine that this process has been given.
///
/// # Errors
///
/// [`Unavailable`] where there is none.
pub fn open(trial: &Trial) -> Result<Hosted<Machine>> {
    let is_own = place::is_inside();
    let folder = tempfile::Builder::new().prefix("sidestream-lab-").tempdir()?.keep();
    let names = ["hosts", "resolv.conf"].map(|name| folder.join(name));
    fs::write(&names[0], names_file(&Names::new()))?;
    // Nobody answers there, at once: no name of the world is asked for.
    fs::write(&names[1], "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
    if !is_own {
        library::give_missing().context("giving the engine the lab's images")?;
    }
    let containers = Containers::open()?;
    if is_own {
        for (file, over) in names.iter().zip(["/etc/hosts", "/etc/resolv.conf"]) {
            let over = fs::canonicalize(over).unwrap_or_else(|_| over.into());
            sys::mount_over(file, &over)
                .with_context(|| format!("mounting over {}", over.display()))?;
        }
    }
    let sidestream = sidestream_binary();
    Ok(Hosted::new(Machine { containers, is_own, sidestream, names }, trial.family))
}

impl Machines for Machine {
    fn kind(&self) -> GroundKind {
        GroundKind::Ctr
    }

    fn add(&mut self, number: usize, name: &str, names: &Names) -> Result<Remote> {
        // In place: it is this file that lies over the others.
        fs::write(&self.names[0], names_file(names)).context("writing the names of hosts")?;
        let is_on_machine = name == MACHINE || name.starts_with(ON_MACHINE);
        if is_on_machine {
            self.own_address(number)?;
        }
        let program = place::own_program()?;
        let mut agent = if name == MACHINE {
            Command::new(&program)
        } else {
            let helper = self.sidestream.with_file_name("sidestream-helper");
            let files = [program.clone(), self.sidestream.clone(), helper];
            let files: Vec<_> = files.into_iter().filter(|file| file.is_file()).collect();
            let [hosts, resolver] = self.names.clone();
            let over = [(hosts, "/etc/hosts"), (resolver, "/etc/resolv.conf")];
            let number = (!is_on_machine).then_some(number);
            self.containers.start(Wanted { name, number, files: &files, over: &over })?;
            let mut agent = Command::new("docker");
            agent.args(["exec", "--interactive", name]).arg(&program);
            agent
        };
        // A signal to this process and its group is not for the hosts.
        agent.arg("agent").process_group(0);
        Remote::spawn(&mut agent).with_context(|| format!("starting an agent in {name}"))
    }

    fn link(&mut self, _one: usize, _other: usize, _quality: &Quality) -> Result<()> {
        Err(Unavailable::new("containers are joined by the engine's own network alone").into())
    }

    fn sidestream(&self) -> PathBuf {
        self.sidestream.clone()
    }

    fn check(&self, driver: Driver, app: &Remote) -> Result<()> {
        if driver != Driver::Local {
            return Ok(());
        }
        if !Path::new("/sys/kernel/btf/vmlinux").exists() {
            return Err(Unavailable::new("the kernel has no BTF").into());
        }
        // A container on a machine with the old hierarchies, too, has them alone.
        let mounts = app.get(Path::new("/proc/self/mountinfo"))?.unwrap_or_default();
        let mounts = String::from_utf8_lossy(&mounts);
        if mounts.lines().any(|line| line.contains(" - cgroup2 ")) {
            return Ok(());
        }
        let mount = format!("mkdir -p {CGROUP2} && mount -t cgroup2 none {CGROUP2}");
        let said = app.run(&Exec::new(["sh", "-c", &*mount]), PATIENCE)?;
        if said.is_success() {
            return Ok(());
        }
        let reason = format!("no cgroup2 can be mounted in a container: {}", said.err().trim());
        Err(Unavailable::new(reason).into())
    }
}

impl Machine {
    /// Gives the machine the addresses of a host.
    fn own_address(&self, number: usize) -> Result<()> {
        if !self.is_own {
            let reason = "the machine is the lab's only with an engine of the lab's own";
            return Err(Unavailable::new(reason).into());
        }
        for family in Family::ALL {
            let address = address(number, family);
            let len = if matches!(address, IpAddr::V4(_)) { 24 } else { 64 };
            let added = Command::new("ip")
                .args(["address", "add", &format!("{address}/{len}"), "dev", NETWORK, "nodad"])
                .output()
                .context("starting ip")?;
            let said = String::from_utf8_lossy(&added.stderr);
            anyhow::ensure!(added.status.success(), "adding {address}: {}", said.trim());
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !self.is_own {
            // On an engine of somebody else's; what stays is there for all to see.
            _ = self.containers.remove();
            _ = self.names[0].parent().map(fs::remove_dir_all);
        }
    }
}

fn names_file(names: &Names) -> String {
    let local = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n".to_owned();
    let lines = names.iter().flat_map(|(name, addresses)| {
        addresses.iter().map(move |address| format!("{address} {name}\n"))
    });
    lines.fold(local, |text, line| text + &line)
}
