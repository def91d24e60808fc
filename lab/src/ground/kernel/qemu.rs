//! QEMU: where it is, how a guest is started, and whether the processor helps.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::initramfs::INIT;
use super::{Kernel, Unavailable};
use crate::closure;

/// The variable that names another QEMU than the one on the path.
const VARIABLE: &str = "LAB_QEMU";

const PROGRAM: &str = "qemu-system-x86_64";

/// What the kernel is told: to end on whatever it cannot get over, and to say why; and to go
/// by the clock that keeps the host's time: what it would measure of others on a busy machine is
/// wrong, and how long it would wait for them too short. Programs come to the same addresses each
/// time: code that was translated once is found again by its address.
const APPEND: &str = "console=ttyS0 loglevel=7 panic=-1 oops=panic softlockup_panic=1 \
    watchdog_thresh=30 mitigations=off random.trust_cpu=on clocksource=hpet tsc=unstable \
    no_timer_check norandmaps";

/// A QEMU.
#[derive(Clone, Debug)]
pub struct Qemu {
    program: PathBuf,
    accelerated: bool,
}

impl Qemu {
    /// Finds one; it emulates until [`Qemu::accelerated`] says otherwise.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when there is none.
    pub fn find() -> Result<Self> {
        let named = std::env::var(VARIABLE).unwrap_or_else(|_| PROGRAM.to_owned());
        for program in [named.as_str(), "setpriv"] {
            if closure::find(program).is_none() {
                let hint = closure::hint(if program == named { PROGRAM } else { program });
                let reason = format!("no {program}: {hint}");
                return Err(Unavailable::new(reason).into());
            }
        }
        let Some(program) = closure::find(&named) else { bail!("{named} has gone") };
        Ok(Self { program, accelerated: false })
    }

    /// Returns one that lets the processor run guests, where that may work. A device alone means
    /// little: inside of some machines it is there and boots nothing.
    #[must_use]
    pub fn accelerated(&self) -> Option<Self> {
        let modules = ["/sys/module/kvm_intel", "/sys/module/kvm_amd"];
        let device = File::options().read(true).write(true).open("/dev/kvm");
        let may = modules.iter().any(|module| Path::new(module).exists()) && device.is_ok();
        may.then(|| Self { program: self.program.clone(), accelerated: true })
    }

    /// Returns where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns whether the processor runs its guests.
    #[must_use]
    pub const fn is_accelerated(&self) -> bool {
        self.accelerated
    }

    /// Returns a command that runs a guest and dies with us. Its standard output has the guest's
    /// lines, the file `console` what its kernel says.
    pub(super) fn command(&self, kernel: &Kernel, files: &File, console: &Path) -> Result<Command> {
        let len_bytes = files.metadata()?.len();
        // The archive and what is unpacked from it are there at the same time.
        let megabytes = 640 + 2 * (len_bytes >> 20);
        let files = format!("/proc/{}/fd/{}", std::process::id(), files.as_raw_fd());
        // Emulated with several processors, comparing and exchanging 16 bytes is not whole in QEMU
        // 7.2, and the kernel's allocator breaks; without it the kernel takes a lock.
        let (accel, cpu) =
            if self.accelerated { ("kvm", "host") } else { ("tcg,thread=multi", "max,-cx16") };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.program);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        command.args(["-M", "pc", "-accel", accel, "-cpu", cpu, "-smp", "2"]);
        command.args(["-m", &megabytes.to_string()]);
        command.arg("-kernel").arg(&kernel.image).args(["-initrd", &files]);
        command.args(["-append", &format!("{APPEND} rdinit=/{INIT} -- guest")]);
        // A comma in a path is written twice.
        let console = console.to_string_lossy().replace(',', ",,");
        command.args(["-chardev", &format!("file,id=console,path={console}")]);
        command.args(["-serial", "chardev:console", "-device", "virtio-serial-pci"]);
        command.args(["-chardev", "stdio,id=lines,signal=off"]);
        command.args(["-device", "virtserialport,chardev=lines,name=lines"]);
        // At the end of its input the port counts as unplugged, and the guest waits at it.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command)
    }
}
