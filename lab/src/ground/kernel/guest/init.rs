//! The first process of a guest: mounts, one command, and word of it to the host.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, WaitOptions, wait};
use rustix::system::{RebootCommand, reboot};

use crate::ground::kernel::wire::{JOB, Job, Line};

/// What is mounted where. What a kernel does not know is left out.
const MOUNTS: [(&str, &str, &str); 11] = [
    ("proc", "/proc", ""),
    ("sysfs", "/sys", ""),
    ("devtmpfs", "/dev", ""),
    ("devpts", "/dev/pts", "ptmxmode=666"),
    ("tmpfs", "/dev/shm", "mode=1777"),
    ("tmpfs", "/run", "mode=755"),
    ("tmpfs", "/tmp", "mode=1777"),
    ("cgroup2", "/sys/fs/cgroup", ""),
    ("bpf", "/sys/fs/bpf", ""),
    ("tracefs", "/sys/kernel/tracing", ""),
    ("debugfs", "/sys/kernel/debug", ""),
];

/// Modules that nothing asks the kernel for; the last makes `/dev/net/tun`.
const MODULES: [&str; 3] = ["virtio_pci", "virtio_console", "tun"];

const PATH: &str = "/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long the port to the host may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long output is waited for when the command has ended and something that it started has not.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The lines to the host.
#[derive(Clone)]
struct Port(Arc<Mutex<File>>);

/// Sets the machine up, runs the job, and turns the machine off.
pub(super) fn run() -> Result<()> {
    let job = set_up().and_then(|port| work(&port));
    if let Err(error) = &job {
        // The console: there may be no other way to be heard.
        drop(writeln!(std::io::stderr(), "guest: {error:#}"));
    }
    reboot(RebootCommand::Restart).context("ending the machine")?;
    job
}

fn set_up() -> Result<Port> {
    for (kind, target, options) in MOUNTS {
        let options = std::ffi::CString::new(options)?;
        if fs::create_dir_all(target).is_ok()
            && let Err(error) = mount(kind, target, kind, MountFlags::empty(), Some(&*options))
        {
            drop(writeln!(std::io::stderr(), "guest: no {kind} at {target}: {error}"));
        }
    }
    for module in MODULES {
        // One that is built in, or that a kernel lacks, is told by what lacks it.
        drop(Command::new("/sbin/modprobe").args(["-q", module]).status());
    }
    drop(Command::new("/sbin/ip").args(["link", "set", "lo", "up"]).status());
    let port = port()?;
    Ok(Port(Arc::new(Mutex::new(File::options().write(true).open(port)?))))
}

/// Finds the port that QEMU has made, once the kernel has.
fn port() -> Result<PathBuf> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let found = fs::read_dir("/dev")?.filter_map(|entry| Some(entry.ok()?.path()));
        let is_port = |path: &PathBuf| path.to_string_lossy().starts_with("/dev/vport");
        if let Some(port) = found.into_iter().find(is_port) {
            return Ok(port);
        }
        thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("no port to the host: the kernel has no virtio_console")
}

/// Runs the job's command, and reaps whoever else dies meanwhile.
fn work(port: &Port) -> Result<()> {
    let job = fs::read(Path::new("/").join(JOB)).context("no job")?;
    let job: Job = serde_json::from_slice(&job)?;
    let (program, args) = job.argv.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(args).current_dir("/root").env_clear();
    command.env("PATH", PATH).env("HOME", "/root").env("LANG", "C.UTF-8").env("TMPDIR", "/tmp");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    beat(port, job.beat_seconds);
    let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
    let pid = child.id();
    let readers = [
        child.stdout.take().map(|from| forward(from, port, Line::Out)),
        child.stderr.take().map(|from| forward(from, port, Line::Err)),
    ];
    let status = reap_until(pid)?;
    let ended = Instant::now();
    for reader in readers.into_iter().flatten() {
        while !reader.is_finished() && ended.elapsed() < LAST_WORDS {
            thread::sleep(Duration::from_millis(10));
        }
    }
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    port.say(&Line::Ended(code.unwrap_or(255)));
    Ok(())
}

fn reap_until(pid: u32) -> Result<ExitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((dead, status))) if Pid::as_raw(Some(dead)).cast_unsigned() == pid => {
                return Ok(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for the command"),
        }
    }
}

/// Says that the machine lives, for as long as it does.
fn beat(port: &Port, seconds: u64) {
    let (port, started) = (port.clone(), Instant::now());
    thread::spawn(move || {
        loop {
            port.say(&Line::Beat(started.elapsed().as_secs()));
            thread::sleep(Duration::from_secs(seconds));
        }
    });
}

fn forward(
    from: impl Read + Send + 'static,
    port: &Port,
    line: fn(String) -> Line,
) -> JoinHandle<()> {
    let port = port.clone();
    thread::spawn(move || {
        for text in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            port.say(&line(String::from_utf8_lossy(&text).into_owned()));
        }
    })
}

impl Port {
    fn say(&self, line: &Line) {
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        // Whole lines: two threads write here. Where the host is gone nobody minds.
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(port.write_all(&text));
    }
}
