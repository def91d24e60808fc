//! Which way the crates may look, and where `unsafe` and systems may be named.

mod sources;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

use crate::conclude;
use crate::workspace::{House, Package, Workspace, rust_files};

/// The highest floor whose crates do no I/O, know no system and keep no time.
const HIGHEST_PURE_FLOOR: u8 = 2;
const IMPURE: [&str; 7] = ["anyhow", "libc", "mio", "nix", "socket2", "tokio", "windows-sys"];

/// The floor of the user interfaces, which know the umbrella crate and no driver.
const UI_FLOOR: u8 = 7;
const DRIVERS: [&str; 6] = [
    "sidestream-explicit",
    "sidestream-linux",
    "sidestream-netext",
    "sidestream-tun",
    "sidestream-windivert",
    "sidestream-wireguard",
];
/// On the floor of the user interfaces, and homes of a driver.
const DRIVER_HOMES: [&str; 2] = ["sidestream-helper", "sidestream-redirector"];

/// Checks every crate of the workspace.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = check(&workspace.packages);
    for package in &workspace.packages {
        for path in rust_files(&package.folder().join("src"))? {
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let shown = path.strip_prefix(&workspace.root).unwrap_or(&path).display().to_string();
            findings.extend(sources::check(&shown, &text, package.house().os));
        }
    }
    conclude("floors", &findings)?;
    println!("floors: {} crates in order", workspace.packages.len());
    Ok(())
}

/// Gives what the manifests do wrong.
fn check(packages: &[Package]) -> Vec<String> {
    let houses: HashMap<&str, House> =
        packages.iter().map(|package| (package.name.as_str(), package.house())).collect();
    let mut findings = Vec::new();
    for package in packages {
        let Package { name, .. } = package;
        // A tool may stand beside the crates, under its short name.
        let short = name.strip_prefix("sidestream-").unwrap_or(name);
        let is_tool = package.house().tool && package.folder().ends_with(short);
        if !package.folder().ends_with(name) && !is_tool {
            findings.push(format!("{name}: its folder has another name"));
        }
        let house = package.house();
        if house.floor.is_none() && !house.tool {
            findings.push(format!(
                "{name}: say [package.metadata.sidestream] floor = N, or tool = true"
            ));
        }
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_dev()) {
            let target = houses.get(dependency.name.as_str());
            findings.extend(offence(name, &house, &dependency.name, target));
        }
    }
    findings
}

/// Says what is wrong with one normal or build dependency.
fn offence(name: &str, house: &House, dependency: &str, target: Option<&House>) -> Option<String> {
    let floor = house.floor?;
    if floor <= HIGHEST_PURE_FLOOR && IMPURE.contains(&dependency) {
        return Some(format!("{name}: pure (floor {floor}), must not use {dependency}"));
    }
    let target = target?;
    match target.floor {
        None => return Some(format!("{name}: must not use the tool {dependency}")),
        Some(other) if other >= floor => {
            return Some(format!(
                "{name}: on floor {floor}, must not use {dependency} on floor {other}"
            ));
        }
        Some(_) => {}
    }
    let is_ui = floor == UI_FLOOR && !DRIVER_HOMES.contains(&name);
    (is_ui && DRIVERS.contains(&dependency))
        .then(|| format!("{name}: a user interface, must not use the driver {dependency}"))
}
