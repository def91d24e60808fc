//! `cargo xtask bpf`: builds the eBPF object that `sidestream-bpf` embeds, or compares it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{find, output, run as run_command};
use crate::workspace::Workspace;

const FOLDER: &str = "crates/sidestream-bpf/bpf";
const SOURCE: &str = "capture.bpf.c";
const OBJECT: &str = "capture.bpf.o";

/// Another version may well make another object out of the same source.
const COMPILER: &str = "clang-19";
const STRIP: &str = "llvm-strip-19";

/// Builds the object and writes it, or fails if it is not the one that is there.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    let committed = folder.join(OBJECT);
    let built = workspace.target.join(OBJECT);
    build(&folder, &built)?;
    let new = fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    if !check {
        fs::write(&committed, &new).with_context(|| format!("writing {}", committed.display()))?;
        println!("bpf: {FOLDER}/{OBJECT} is {} bytes", new.len());
        return Ok(());
    }
    let old = fs::read(&committed).with_context(|| format!("reading {}", committed.display()))?;
    ensure!(old == new, "{FOLDER}/{OBJECT} is not what its source makes: run `cargo xtask bpf`");
    println!("bpf: {FOLDER}/{OBJECT} is what its source makes");
    Ok(())
}

/// Compiles and strips; nothing in the object depends on where the source lies.
fn build(folder: &Path, object: &Path) -> Result<()> {
    for tool in [COMPILER, STRIP] {
        if find(tool).is_none() {
            bail!("no {tool} in PATH: install the packages clang-19, llvm-19 and libbpf-dev");
        }
    }
    let headers = output(Command::new("cc").arg("-print-multiarch")).unwrap_or_default();
    let mut clang = Command::new(COMPILER);
    clang.current_dir(folder);
    clang.args(["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"]);
    clang.arg(format!("-ffile-prefix-map={}=.", folder.display()));
    if !headers.trim().is_empty() {
        clang.arg(format!("-I/usr/include/{}", headers.trim()));
    }
    run_command(clang.args(["-c", SOURCE, "-o"]).arg(object))?;
    run_command(Command::new(STRIP).arg("-g").arg(object))
}
