//! A whole kernel: found, booted, and its trials reported.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sidestream_testkit::{sidestream_binary, workspace_path};

use super::initramfs::BPF_TESTS;
use super::{Boot, BootOutcome, End, Initramfs, Kernel, Qemu, Selection};
use crate::closure::Closure;
use crate::model::Report;

/// The kernels that are tried when none is named.
pub const DEFAULT: [&str; 2] = ["6.1", "6.12"];

/// The kernels that can be had.
pub const ALL: [&str; 4] = ["5.10", "6.1", "6.12", "newest"];

/// Without these no trial runs.
const NEEDED: [&str; 8] = ["sh", "cat", "id", "ip", "mkdir", "mount", "sleep", "unshare"];

/// What trials run where it is installed; those that miss one are skipped with the reason.
const WELCOME: [&str; 23] = [
    "bash", "curl", "dig", "dnsmasq", "env", "kill", "ls", "nft", "nginx", "node", "nsenter", "ps",
    "python3", "rm", "setpriv", "sysctl", "tc", "touch", "true", "umount", "uname", "wc", "wg",
];

/// How long a trial boot may say nothing before the processor's help is given up.
const TRIED: Duration = Duration::from_secs(20);

/// Boots a kernel once and runs a selection of the net ground's trials there, with the tests of
/// the eBPF driver; each report comes as soon as it is there.
///
/// # Errors
///
/// [`Unavailable`](crate::ground::Unavailable) when there is no such kernel or no QEMU; else when
/// a file cannot be read or written. What goes wrong in the guest is in the outcome.
pub fn run(
    version: &str,
    selection: &Selection,
    lab: &Path,
    mut on_report: impl FnMut(Report),
) -> Result<BootOutcome> {
    let qemu = Qemu::find()?;
    let kernel = Kernel::find(version, lab)?;
    let sidestream = sidestream_binary();
    let helper = sidestream.with_file_name("sidestream-helper");
    ensure!(helper.exists(), "no {}: cargo build -p sidestream-helper", helper.display());
    let mut userland = Closure::of(&NEEDED)?;
    for program in WELCOME {
        userland.program_if_here(program)?;
    }
    let tests = bpf_tests()?;
    let programs =
        [(sidestream, "lab/sidestream"), (helper, "lab/sidestream-helper"), (tests, BPF_TESTS)];
    let initramfs = Initramfs::new(&kernel, userland, &own_program()?, &programs, lab)?;
    let console = lab.join(format!("results/kernel-{}.console", kernel.release().version()));
    let qemu = accelerated(&qemu, &kernel, &initramfs, &console)?;
    let boot = Boot::new(&qemu, &kernel, &initramfs, &console);
    let mut command = vec!["/lab/sidestream-lab", "guest"];
    command.extend(selection.words());
    boot.run(&command, |line| {
        if let Ok(report) = serde_json::from_str(line) {
            on_report(report);
        }
    })
}

/// Lets the processor help where a trial boot shows that it can.
fn accelerated(
    qemu: &Qemu,
    kernel: &Kernel,
    initramfs: &Initramfs,
    console: &Path,
) -> Result<Qemu> {
    let Some(accelerated) = qemu.accelerated() else { return Ok(qemu.clone()) };
    let mut boot = Boot::new(&accelerated, kernel, initramfs, console);
    boot.silence = TRIED;
    let works = boot.run(&["true"], |_| {})?.end == End::Exited(0);
    Ok(if works { accelerated } else { qemu.clone() })
}

/// The lab's own program, which is a guest's first; a test is another one.
pub(in crate::ground) fn own_program() -> Result<PathBuf> {
    match env::var_os("LAB_BIN") {
        Some(program) => Ok(PathBuf::from(program)),
        None => env::current_exe().context("finding its own program"),
    }
}

/// Has the tests of the eBPF driver built, dynamically as everything else: their libraries come
/// along.
fn bpf_tests() -> Result<PathBuf> {
    if let Some(named) = env::var_os("LAB_BPF_TESTS") {
        return Ok(PathBuf::from(named));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--quiet", "--no-run", "--message-format=json"]);
    cargo.args(["--package", "sidestream-bpf", "--test", "it"]);
    cargo.current_dir(workspace_path(".")).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = cargo.output().context("starting cargo")?;
    ensure!(output.status.success(), "the tests of the eBPF driver do not build");
    let lines = String::from_utf8(output.stdout)?;
    let built = lines.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = built.filter_map(|built| Some(PathBuf::from(built["executable"].as_str()?))).next();
    found.context("cargo built no tests of the eBPF driver")
}
