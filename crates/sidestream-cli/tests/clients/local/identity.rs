//! What is known of a captured program beside its name: the package that installed it, its unit
//! and its container.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sidestream_testkit::skip;

use super::ground::{on_ground, on_prepared_ground};
use super::{Capturing, check_output, command, line_to, wait_until};
use crate::harness::{ANSWER, Bench, http, program};

#[test]
fn the_package_of_a_program_is_told_once_it_is_looked_up() {
    let test = "the_package_of_a_program_is_told_once_it_is_looked_up";
    if !on_ground(module_path!(), test) {
        return;
    }
    let Some(curl) = program(test, "curl") else { return };
    if !Path::new("/var/lib/dpkg/info/curl.list").exists() {
        return skip(test, "curl is not here by Debian's package");
    }
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://{}/", origin.addr());
    let capturing = Capturing::start(&bench, &format!("path:{}", curl.display()), &[]);
    let packages = || bench.lines().into_iter().map(|line| line["process"]["package"].clone());
    wait_until("the package is known", || {
        check_output(&command(&bench, &curl, ["-sS", &url]).output().unwrap(), ANSWER);
        packages().any(|package| package == "curl")
    });
    capturing.finish(&bench);
    assert!(packages().all(|package| package == "curl" || package.is_null()));
}

/// An id as container engines give them.
const ID: &str = "3f6785b9e4a1c0d2f8e7b6a5948372615f0e9d8c7b6a594837261504f3e2d1c0";

/// Control groups as systemd and a container engine make them, below one of the test's own. They
/// are removed with it.
struct Groups(PathBuf);

impl Groups {
    fn make(test: &str) -> Self {
        let own = PathBuf::from(format!("/mnt/{test}-{}", std::process::id()));
        let groups = Self(own);
        for name in groups.names() {
            fs::create_dir_all(groups.0.join(name)).unwrap();
        }
        groups
    }

    fn names(&self) -> [String; 2] {
        ["shop.service".to_owned(), format!("docker-{ID}.scope")]
    }

    /// Fetches a page within one of them; `None` is outside of all.
    #[track_caller]
    fn fetch(&self, bench: &Bench, name: Option<&str>, url: &str) {
        let enter = "echo $$ >\"$0/cgroup.procs\" && exec curl -sS \"$1\"";
        let group = name.map_or_else(|| Path::new("/mnt").into(), |name| self.0.join(name));
        let words = ["-c", enter, group.to_str().unwrap(), url];
        check_output(&command(bench, "/bin/sh", words).output().unwrap(), ANSWER);
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in self.names().map(|name| self.0.join(name)).iter().chain([&self.0]) {
            _ = fs::remove_dir(group);
        }
    }
}

/// Captures by a spec what runs in a unit, in a container and outside of both, and checks that
/// the line of the chosen one is the only one; returns it.
#[track_caller]
fn check_chosen(test: &str, spec: &str, chosen: usize) -> Value {
    let (bench, origins) = (Bench::new(), [http(), http(), http()]);
    let capturing = Capturing::start(&bench, spec, &[]);
    let groups = Groups::make(test);
    let names = groups.names();
    for (index, origin) in origins.iter().enumerate() {
        let url = format!("http://{}/", origin.addr());
        groups.fetch(&bench, names.get(index).map(String::as_str), &url);
    }
    let expected = groups.0.strip_prefix("/mnt").unwrap().join(&names[chosen]);
    drop(groups);
    let lines = capturing.finish(&bench);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = line_to(&lines, "http", &origins[chosen].addr().to_string()).clone();
    let cgroup = line["process"]["cgroup"].as_str().unwrap();
    assert_eq!(cgroup, Path::new("/").join(expected).to_str().unwrap(), "{line:#}");
    line
}

/// Has the test find cgroup2 in a place of its own.
const CGROUP2: &str = "mount -t cgroup2 none /mnt";

#[test]
fn a_unit_is_told_and_chosen_by() {
    let test = "a_unit_is_told_and_chosen_by";
    if !on_prepared_ground(module_path!(), test, CGROUP2) {
        return;
    }
    let line = check_chosen(test, "unit:shop", 0);
    assert_eq!(line["process"]["unit"], "shop.service", "{line:#}");
    assert!(line["process"]["container"].is_null(), "{line:#}");
}

#[test]
fn a_container_is_told_and_chosen_by() {
    let test = "a_container_is_told_and_chosen_by";
    if !on_prepared_ground(module_path!(), test, CGROUP2) {
        return;
    }
    let line = check_chosen(test, &format!("container:{}", &ID[..12]), 1);
    let container = &line["process"]["container"];
    assert_eq!((&container["id"], &container["runtime"]), (&ID.into(), &"docker".into()));
    assert_eq!(line["process"]["unit"], format!("docker-{ID}.scope"), "{line:#}");
}
