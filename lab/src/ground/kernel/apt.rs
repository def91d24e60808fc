//! Fetches kernels as packages, with an apt that has all its state in the lab's folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use super::{Release, Unavailable};
use crate::closure;

/// Where Debian is, if nothing on this machine names a nearer one.
const MIRROR: &str = "http://deb.debian.org/debian";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The suites that have a version, small ones first.
const SUITES: [(&str, &[&str]); 3] =
    [("5.10", &["bullseye"]), ("6.1", &["bookworm"]), ("6.12", &["bookworm-backports", "trixie"])];

/// The suites that have the rest.
const OTHER_SUITES: &[&str] = &["trixie-backports"];

/// Fetches a kernel and unpacks it into a folder that is not there yet.
pub(super) fn fetch(wanted: &str, lab: &Path, folder: &Path) -> Result<()> {
    let known = SUITES.iter().find(|(version, _)| *version == wanted);
    let suites = known.map_or(OTHER_SUITES, |(_, suites)| suites);
    let mut reasons = Vec::new();
    for suite in suites {
        let apt = Apt::new(suite, lab)?;
        match apt.newest(wanted) {
            Ok(release) => return apt.unpack(&release, folder),
            Err(reason) => reasons.push(format!("{suite}: {reason:#}")),
        }
    }
    Err(Unavailable::new(format!("no kernel {wanted}: {}", reasons.join("; "))).into())
}

/// An apt of its own, for one suite.
struct Apt {
    state: PathBuf,
}

impl Apt {
    fn new(suite: &str, lab: &Path) -> Result<Self> {
        for program in ["apt-get", "apt-cache", "dpkg-deb"] {
            if closure::find(program).is_none() {
                let reason = format!("no {program}: {}", closure::hint(program));
                return Err(Unavailable::new(reason).into());
            }
        }
        if !Path::new(KEYRING).exists() {
            let reason = "no keys of Debian: install the package debian-archive-keyring";
            return Err(Unavailable::new(reason).into());
        }
        let state = std::path::absolute(lab.join("apt").join(suite))?;
        for folder in ["lists/partial", "cache/archives/partial", "log"] {
            fs::create_dir_all(state.join(folder))?;
        }
        fs::write(state.join("status"), "")?;
        let source = format!("deb [arch=amd64 signed-by={KEYRING}] {} {suite} main\n", mirror());
        fs::write(state.join("sources.list"), source)?;
        fs::write(state.join("apt.conf"), configuration(&state))?;
        Ok(Self { state })
    }

    /// Returns the newest release that is what is wanted.
    fn newest(&self, wanted: &str) -> Result<Release> {
        self.run("apt-get", &["update"])?;
        let names = self.run("apt-cache", &["pkgnames", "linux-image-"])?;
        names
            .lines()
            .filter_map(|name| name.strip_prefix("linux-image-"))
            .filter(|name| name.ends_with("-cloud-amd64") && !name.contains('~'))
            .filter_map(|name| name.parse::<Release>().ok())
            .filter(|release| release.is(wanted))
            .max()
            .context("there is none")
    }

    /// Unpacks the packages of a release: newer ones come in three.
    fn unpack(&self, release: &Release, folder: &Path) -> Result<()> {
        let names = self.run("apt-cache", &["pkgnames", "linux-"])?;
        let parts = ["image", "binary", "modules"].map(|part| format!("linux-{part}-{release}"));
        let mut download = vec!["download"];
        download.extend(
            parts.iter().map(String::as_str).filter(|part| names.lines().any(|name| name == *part)),
        );
        let packages = tempfile::tempdir_in(&self.state)?;
        self.run_in(packages.path(), "apt-get", &download)?;
        // Whole or not at all.
        let part = tempfile::tempdir_in(folder.parent().context("a folder for the kernel")?)?;
        for package in fs::read_dir(packages.path())? {
            let package = package?.path();
            let mut dpkg = Command::new("dpkg-deb");
            done(dpkg.arg("-x").arg(&package).arg(part.path()).output()?, "dpkg-deb")?;
        }
        fs::rename(part.keep(), folder)?;
        Ok(())
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        self.run_in(&self.state, program, args)
    }

    fn run_in(&self, folder: &Path, program: &str, args: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.state.join("apt.conf")).args(args);
        let output = command.current_dir(folder).env("LC_ALL", "C.UTF-8").output();
        done(output.with_context(|| format!("running {program}"))?, program)
    }
}

fn done(output: Output, program: &str) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", said.trim().replace('\n', ", "));
    // Where a list cannot be had, apt only warns and goes on with none.
    let missed = said.lines().find(|line| line.contains("Failed to fetch"));
    ensure!(missed.is_none(), "{program}: {}", missed.unwrap_or_default());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// All of apt's folders in ours, nobody else's hooks, and little patience with a dead mirror.
fn configuration(state: &Path) -> String {
    let state = state.display();
    format!(
        r#"#clear APT::Update;
#clear DPkg;
Dir::Etc::sourcelist "{state}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "{state}";
Dir::State::lists "{state}/lists";
Dir::State::status "{state}/status";
Dir::State::extended_states "{state}/extended_states";
Dir::Cache "{state}/cache";
Dir::Log "{state}/log";
APT::Architecture "amd64";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Check-Valid-Until "false";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
"#
    )
}

/// The mirror of Debian that this machine uses itself.
fn mirror() -> String {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(parts) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(parts.filter_map(|part| Some(part.ok()?.path())));
    }
    files.sort();
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.filter_map(|text| mirror_in(&text)).next().unwrap_or_else(|| MIRROR.to_owned())
}

/// The first address of Debian itself in a list of sources, of either kind.
fn mirror_in(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace);
    words
        .find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
        .map(|word| word.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(mirror_in(text).as_deref(), expected);
    }

    #[test]
    fn the_mirror_is_the_one_that_the_machine_uses() {
        check("deb http://near.test/debian/ bookworm main\n", Some("http://near.test/debian"));
        check(
            "Types: deb\n# http://old.test/debian\nURIs: https://near.test/debian\n",
            Some("https://near.test/debian"),
        );
        check("deb http://near.test/debian-security bookworm-security main\n", None);
        check("deb http://near.test/ubuntu noble main\n", None);
    }
}
