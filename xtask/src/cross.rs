//! `cargo xtask ci cross`: what the compiler says of the workspace on other systems.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{find, limited, output, run as run_command};
use crate::counts::Counts;
use crate::workspace::Workspace;

/// Names the folder that `ci/cross.sh` filled, where it is not `target/cross`.
const FOLDER: &str = "SIDESTREAM_CROSS";

/// The systems that are checked.
const TARGETS: [Target; 2] = [
    Target { name: "x86_64-pc-windows-gnu", compiler: "x86_64-w64-mingw32-gcc" },
    Target { name: "aarch64-apple-darwin", compiler: "xcrun" },
];

/// A system, as rustc names it.
#[derive(Debug)]
struct Target {
    name: &'static str,
    /// The program that shows that C can be compiled for it.
    compiler: &'static str,
}

/// A Rust that may have the standard library of a target.
#[derive(Debug)]
enum Toolchain {
    /// The one that runs everything else.
    Ordinary,
    /// What `ci/cross.sh` put into a folder.
    Unpacked(PathBuf),
}

/// Checks the workspace for each target whose standard library is there; no target at all is an error.
pub(crate) fn run(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let folder = env::var_os(FOLDER).map_or_else(|| workspace.target.join("cross"), PathBuf::from);
    let toolchains = [Toolchain::Ordinary, Toolchain::Unpacked(folder)];
    let (mut checked, mut skipped, mut failed) = (0, Vec::new(), Vec::new());
    for target in &TARGETS {
        let Some(toolchain) = toolchains.iter().find(|toolchain| toolchain.has(target)) else {
            println!("SKIPPED {}: {}", target.name, target.remedy());
            skipped.push(target.name);
            continue;
        };
        println!("\n-- {} by {}", target.name, toolchain.version()?);
        checked += 1;
        if let Err(error) = target.check(toolchain, workspace) {
            println!("{}: {error:#}", target.name);
            failed.push(target.name);
        }
    }
    let passed = checked - failed.len();
    *counts += Counts { passed, failed: failed.len(), skipped: skipped.len() };
    ensure!(failed.is_empty(), "refused for {}", failed.join(", "));
    ensure!(checked > 0, "no target has a standard library here");
    if env::var_os("SIDESTREAM_MUST_RUN").is_some_and(|value| value == "1") {
        ensure!(skipped.is_empty(), "not checked: {}", skipped.join(", "));
    }
    Ok(())
}

impl Target {
    fn remedy(&self) -> String {
        let Self { name, .. } = self;
        format!(
            "no standard library; `rustup target add {name}`, or on Debian `ci/cross.sh target/cross`"
        )
    }

    /// Lints every crate that is meant for the target, and its tests, each warning an error.
    fn check(&self, toolchain: &Toolchain, workspace: &Workspace) -> Result<()> {
        let mut cargo = limited(toolchain.program("cargo"), 45);
        cargo.args(["clippy", "--all-targets", "--keep-going", "--quiet", "--target", self.name]);
        cargo.args(workspace.members_for(self.name)).args(["--", "-D", "warnings"]);
        toolchain.prepare(&mut cargo)?;
        if find(self.compiler).is_none() {
            self.stub(&mut cargo, &workspace.root.join("ci/stub"));
        }
        run_command(&mut cargo)
    }

    /// Puts stand-ins in the place of the tools that build C.
    fn stub(&self, cargo: &mut Command, stubs: &Path) {
        let name = self.name.replace('-', "_");
        for (variable, stub) in [("CC", "cc"), ("CXX", "cc"), ("AR", "ar")] {
            cargo.env(format!("{variable}_{name}"), stubs.join(stub));
        }
        if name.contains("windows") {
            let dlltool = format!("-Cdlltool={}", stubs.join("dlltool").display());
            cargo.env(format!("CARGO_TARGET_{}_RUSTFLAGS", name.to_uppercase()), dlltool);
        }
    }
}

impl Toolchain {
    fn program(&self, name: &str) -> PathBuf {
        match self {
            Self::Ordinary => PathBuf::from(name),
            Self::Unpacked(folder) => folder.join("bin").join(name),
        }
    }

    /// Whether it can compile for the target.
    fn has(&self, target: &Target) -> bool {
        let mut rustc = Command::new(self.program("rustc"));
        let Ok(asked) = rustc.args(["--print", "target-libdir", "--target", target.name]).output()
        else {
            return false;
        };
        let library = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
        let Ok(files) = library.read_dir() else { return false };
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
    }

    fn version(&self) -> Result<String> {
        let version = output(Command::new(self.program("rustc")).arg("--version"))?;
        Ok(version.trim().to_owned())
    }

    /// Lets a cargo of this toolchain find its own companions.
    fn prepare(&self, cargo: &mut Command) -> Result<()> {
        let Self::Unpacked(folder) = self else { return Ok(()) };
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [folder.join("bin")].into_iter().chain(env::split_paths(&path));
        cargo.env("PATH", env::join_paths(folders).context("joining PATH")?);
        Ok(())
    }
}
