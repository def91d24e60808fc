//! One machine that Vagrant brings up: snapshot, restore, and the way to an agent inside.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use sidestream_testkit::sidestream_binary;

use super::home::Home;
use super::libvirt::Libvirt;
use super::vagrant;
use crate::agent::Remote;
use crate::closure;
use crate::ground::kernel::{self, Qemu};

/// The state to which a machine is brought back.
const SNAPSHOT: &str = "ready";

/// How long a command of Vagrant may take, in seconds; emulated on a busy machine it may be long.
const SECONDS: &str = "1500";

/// The script by which a trial gets namespaces of its own.
const SCRIPT: &str = include_str!("../../../own-namespaces.sh");

/// What is run in the machine to receive programs.
const RECEIVE: &str = "sudo mkdir -p /lab && sudo tar -xzC /lab";

/// What is run in the machine to have an agent: as a root whom nobody stands behind, or Sidestream
/// would go on as the user who asked for `sudo`.
const AGENT: &str = "sudo env -u SUDO_UID -u SUDO_GID -u SUDO_USER /lab/sidestream-lab agent";

/// A machine that runs; when it is dropped it is destroyed, and with it libvirt and all files.
#[derive(Debug)]
pub(super) struct Machine {
    system: String,
    lab: PathBuf,
    log: PathBuf,
    console: PathBuf,
    qemu: Qemu,
    // In this order they go: the libvirt before its files.
    libvirt: Libvirt,
    home: Home,
}

impl Machine {
    /// Brings a machine up.
    pub(super) fn up(system: &str, lab: &Path, log: &Path, home: Home) -> Result<Self> {
        let qemu = Qemu::find()?;
        let libvirt = Libvirt::start(&home)?;
        let (lab, log) = (lab.to_owned(), log.to_owned());
        let console = log.with_extension("console");
        fs::write(&console, "")?;
        let machine = Self { system: system.to_owned(), lab, log, console, qemu, libvirt, home };
        machine.vagrant(&["up", system, "--provider=libvirt"])?;
        machine.write_ssh_config()?;
        Ok(machine)
    }

    /// Puts the programs of a trial into it.
    pub(super) fn carry(&self) -> Result<()> {
        let folder = self.home.join("programs")?;
        let sidestream = sidestream_binary();
        let helper = sidestream.with_file_name("sidestream-helper");
        ensure!(helper.exists(), "no {}: cargo build -p sidestream-helper", helper.display());
        let own = kernel::own_program()?;
        for (program, name) in
            [(sidestream, "sidestream"), (helper, "sidestream-helper"), (own, "sidestream-lab")]
        {
            lean(&program, &folder.join(name))?;
        }
        let script = folder.join("own-namespaces.sh");
        fs::write(&script, SCRIPT)?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        let mut tar = Command::new("tar");
        tar.args(["--create", "--use-compress-program=gzip -1", "--owner=0", "--group=0"]);
        tar.arg("--directory").arg(&folder).arg(".");
        let mut tar = tar.stdout(Stdio::piped()).spawn().context("starting tar")?;
        let mut ssh = self.ssh(RECEIVE);
        ssh.stdin(tar.stdout.take().context("a pipe from tar")?);
        let received = vagrant::logged(&mut ssh, "putting programs into the machine", &self.log);
        let packed = tar.wait()?;
        received?;
        ensure!(packed.success(), "tar: {packed}");
        Ok(())
    }

    /// Keeps the state in which it is now.
    pub(super) fn snapshot(&self) -> Result<()> {
        self.vagrant(&["snapshot", "save", "--force", &self.system, SNAPSHOT])
    }

    /// Brings it back to the state that was kept.
    pub(super) fn restore(&self) -> Result<()> {
        self.vagrant(&["snapshot", "restore", "--no-provision", &self.system, SNAPSHOT])
    }

    /// Starts an agent inside, as root.
    pub(super) fn agent(&self) -> Result<Remote> {
        let mut ssh = self.ssh(AGENT);
        ssh.stderr(File::options().append(true).open(&self.log)?);
        Remote::spawn(&mut ssh).with_context(|| format!("an agent in {}", self.system))
    }

    /// Ends it; what cannot be ended in good order is killed.
    pub(super) fn destroy(self) -> Result<()> {
        self.vagrant(&["destroy", "--force", &self.system])
    }

    /// The log of its kernel's console.
    pub(super) fn console(&self) -> &Path {
        &self.console
    }

    fn vagrant(&self, args: &[&str]) -> Result<()> {
        let what = format!("vagrant {}", args.join(" "));
        vagrant::logged(&mut self.vagrant_command(args), &what, &self.log)
    }

    fn vagrant_command(&self, args: &[&str]) -> Command {
        let mut command = self.libvirt.command("timeout");
        command.args(["--kill-after=30", SECONDS, "vagrant", "--no-tty"]).args(args);
        vagrant::environment(&mut command, &self.lab, &self.home.folder.join("vagrant"));
        let driver = if self.qemu.accelerated().is_some() { "kvm" } else { "qemu" };
        command.env("LAB_VM_DRIVER", driver).env("LAB_QEMU", self.qemu.program());
        command.env("LAB_CONSOLE", &self.console);
        command
    }

    /// Asks once how to reach it: a shell by Vagrant costs seconds each time.
    fn write_ssh_config(&self) -> Result<()> {
        let mut command = self.vagrant_command(&["ssh-config", &self.system]);
        let output = command.output().context("vagrant ssh-config")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vagrant ssh-config: {said}");
        Ok(fs::write(self.ssh_config(), output.stdout)?)
    }

    fn ssh_config(&self) -> PathBuf {
        self.home.folder.join("ssh-config")
    }

    fn ssh(&self, line: &str) -> Command {
        let mut command = self.libvirt.command("ssh");
        command.arg("-F").arg(self.ssh_config()).arg("-T");
        // A machine that was brought back is on its network again only after seconds.
        command.args(["-o", "ConnectTimeout=10", "-o", "ConnectionAttempts=60"]);
        command.args(["-o", "LogLevel=ERROR", &self.system, line]);
        command
    }
}

/// Copies a program without what only a debugger reads: it goes over an emulated network.
fn lean(program: &Path, to: &Path) -> Result<()> {
    if closure::find("strip").is_some() {
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg("-o").arg(to).arg(program);
        return vagrant::said(&mut strip, "strip").map(drop);
    }
    fs::copy(program, to).with_context(|| format!("copying {}", program.display()))?;
    Ok(())
}
