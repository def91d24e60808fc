//! What the suites need: programs that are here, and packages that are installed on first use.

use std::error::Error;
use std::fmt::{Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::find;

/// Where the pinned versions and our own scripts stand.
const SCRIPTS: &str = "xtask/conformance";
const HTTPWG: &str = "httpwg-cli@0.2.5";

/// What cannot be had here, so that a suite is skipped.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

/// The packages of the suites, in a folder of their own.
#[derive(Debug)]
pub(crate) struct Tools {
    folder: PathBuf,
    scripts: PathBuf,
}

impl Display for Missing {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Missing {}

impl Tools {
    /// Tools that are installed below `folder`.
    pub(crate) fn new(root: &Path, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), scripts: root.join(SCRIPTS) }
    }

    /// Gives the path of a script of ours.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    /// Gives a path in the folder that stays.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Gives the Python that has the pinned packages.
    pub(crate) fn python(&self) -> Result<PathBuf> {
        let folder = self.folder.join("python");
        let python = folder.join("bin/python");
        let requirements = self.script("requirements.txt");
        install_once(&folder, &requirements, || {
            let system = program("python3")?;
            install(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
            install(pip.arg(&requirements))
        })?;
        Ok(python)
    }

    /// Gives the folder that has the pinned packages of npm in `node_modules`.
    pub(crate) fn node_packages(&self) -> Result<PathBuf> {
        let folder = self.folder.join("npm");
        let manifest = self.script("package.json");
        install_once(&folder, &manifest, || {
            let npm = program("npm")?;
            fs::create_dir_all(&folder)?;
            fs::copy(&manifest, folder.join("package.json"))?;
            let mut npm = Command::new(npm);
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
            install(npm.current_dir(&folder))
        })?;
        Ok(folder)
    }

    /// Gives the suite of HTTP/2, the machine's own where it has one.
    pub(crate) fn httpwg(&self) -> Result<PathBuf> {
        if let Some(found) = find("httpwg") {
            return Ok(found);
        }
        let folder = self.folder.join("cargo");
        let program = folder.join("bin/httpwg");
        if !program.is_file() {
            let mut cargo = Command::new("cargo");
            cargo.args(["install", "--quiet", "--locked", HTTPWG, "--root"]);
            install(cargo.arg(&folder))?;
        }
        Ok(program)
    }
}

/// Finds a program, where an ordinary user's PATH has it not as well.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let elsewhere = || Some(Path::new("/usr/sbin").join(name)).filter(|path| path.is_file());
    let found = find(name).or_else(elsewhere);
    found.ok_or_else(|| Missing(format!("no {name} here")).into())
}

/// Installs unless it is there already, as the same `list` says.
fn install_once(folder: &Path, list: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read_to_string(list).with_context(|| format!("reading {}", list.display()))?;
    let done = folder.join("installed");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("conformance: installing what {} lists", list.display());
    install()?;
    fs::write(&done, wanted).with_context(|| format!("writing {}", done.display()))
}

/// Runs an installer; what it cannot have, nobody can.
fn install(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.output().with_context(|| format!("starting {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or_default();
    Err(Missing(format!("{name} cannot install what it needs: {last}")).into())
}
