//! A libvirt of its own, in namespaces of its own: nothing of it is on this machine's system.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::home::Home;

/// What is inside.
const INSIDE: &str = include_str!("inside.sh");

/// Nobody but us reaches its socket.
const LIBVIRTD: &str = "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n";

/// Guests run as the user who starts the lab, and without what needs systemd.
const QEMU: &str = "\
user = \"root\"
group = \"root\"
dynamic_ownership = 0
remember_owner = 0
security_driver = \"none\"
stdio_handler = \"file\"
cgroup_controllers = []
namespaces = []
";

/// How long it may take to be ready; only a failing run waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A libvirt with its guests. When it is dropped, or the thread that started it ends, the first
/// process of its pid namespace is killed, and with it everything else there.
#[derive(Debug)]
pub(super) struct Libvirt {
    keeper: Child,
    pid: u32,
    home: PathBuf,
}

impl Libvirt {
    /// Starts one that has its files in a run's home.
    pub(super) fn start(home: &Home) -> Result<Self> {
        home.join("images")?;
        let etc = home.join("etc")?;
        fs::write(etc.join("libvirtd.conf"), LIBVIRTD)?;
        fs::write(etc.join("qemu.conf"), QEMU)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork"]);
        command.args(["--kill-child", "--propagation", "private"]);
        command.args(["sh", "-c", INSIDE, "inside"]).arg(&home.folder);
        command.env("PATH", path()).current_dir("/").stdin(Stdio::null());
        // All that is inside has the lock, so that a home is only removed when it is empty.
        command.stdout(home.lock.try_clone()?);
        command.stderr(File::create(home.folder.join("keeper.log"))?);
        let keeper = command.spawn().context("starting the keeper of libvirt")?;
        let mut libvirt = Self { keeper, pid: 0, home: home.folder.clone() };
        libvirt.wait_until_ready()?;
        Ok(libvirt)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.keeper.try_wait()? {
                bail!("libvirt has ended with {status}\n{}", self.log());
            }
            if self.pid == 0 {
                let said = fs::read_to_string(self.home.join("pid")).unwrap_or_default();
                self.pid = said.trim().parse().unwrap_or_default();
            } else if UnixStream::connect(self.socket()).is_ok() {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("libvirt is not ready after {PATIENCE:?}\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The way to its socket through its own root.
    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/run/libvirt/libvirt-sock", self.pid))
    }

    fn log(&self) -> String {
        let logs = ["keeper.log", "libvirtd.log"].map(|name| self.home.join(name));
        logs.map(|log| fs::read_to_string(log).unwrap_or_default()).concat()
    }

    /// Prepares a program in its namespaces, where libvirt and its guests can be reached.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.pid)).args(["--net", "--mount", "--pid", "--"]);
        command.arg(program).env("PATH", path());
        command
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        // It has ended, or ends by that, and all that is in its namespaces with it.
        _ = self.keeper.kill();
        _ = self.keeper.wait();
        let (socket, until) = (self.socket(), Instant::now() + PATIENCE);
        while socket.exists() && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Where programs are: what administers a system is not on every user's path.
fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/usr/bin:/sbin:/bin")
}
