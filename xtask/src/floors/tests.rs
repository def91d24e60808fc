//! Each offence, in a small made-up workspace.

use super::{check, sources};
use crate::workspace::Package;

/// Makes a crate with normal and development dependencies.
fn package(name: &str, house: &str, normal: &[&str], dev: &[&str]) -> Package {
    package_in(name, name, house, normal, dev)
}

fn package_in(name: &str, folder: &str, house: &str, normal: &[&str], dev: &[&str]) -> Package {
    let entry = |name: &&str, kind: &str| format!(r#"{{"name": "{name}", "kind": {kind}}}"#);
    let mut entries: Vec<String> = normal.iter().map(|name| entry(name, "null")).collect();
    entries.extend(dev.iter().map(|name| entry(name, r#""dev""#)));
    let json = format!(
        r#"{{"name": "{name}", "manifest_path": "/w/crates/{folder}/Cargo.toml",
            "dependencies": [{}], "metadata": {house}}}"#,
        entries.join(",")
    );
    serde_json::from_str(&json).unwrap()
}

fn floor(floor: u8) -> String {
    format!(r#"{{"sidestream": {{"floor": {floor}}}}}"#)
}

const TOOL: &str = r#"{"sidestream": {"tool": true}}"#;

#[test]
fn finds_nothing_in_a_house_in_order() {
    let packages = [
        package("sidestream-flow", &floor(0), &["bytes"], &["tokio", "sidestream-testkit"]),
        package("sidestream-linux", &floor(4), &["sidestream-flow", "tokio"], &[]),
        package("sidestream", &floor(6), &["sidestream-linux"], &[]),
        package("sidestream-cli", &floor(7), &["sidestream", "anyhow"], &[]),
        package("sidestream-helper", &floor(7), &["sidestream-linux"], &[]),
        package("sidestream-testkit", TOOL, &["sidestream-flow", "libc"], &[]),
    ];
    assert_eq!(check(&packages), Vec::<String>::new());
}

#[test]
fn finds_each_offence_of_a_manifest() {
    let base = || {
        vec![
            package("sidestream-flow", &floor(0), &[], &[]),
            package("sidestream-linux", &floor(4), &[], &[]),
            package("sidestream-testkit", TOOL, &[], &[]),
        ]
    };
    let check_one = |package: Package, expected: &str| {
        let mut packages = base();
        packages.push(package);
        assert_eq!(check(&packages), [expected]);
    };
    check_one(
        package("sidestream-a", &floor(0), &["sidestream-flow"], &[]),
        "sidestream-a: on floor 0, must not use sidestream-flow on floor 0",
    );
    check_one(
        package("sidestream-a", &floor(3), &["sidestream-linux"], &[]),
        "sidestream-a: on floor 3, must not use sidestream-linux on floor 4",
    );
    check_one(
        package("sidestream-a", &floor(2), &["tokio"], &[]),
        "sidestream-a: pure (floor 2), must not use tokio",
    );
    check_one(
        package("sidestream-a", &floor(7), &["sidestream-linux"], &[]),
        "sidestream-a: a user interface, must not use the driver sidestream-linux",
    );
    check_one(
        package("sidestream-a", &floor(7), &["sidestream-testkit"], &[]),
        "sidestream-a: must not use the tool sidestream-testkit",
    );
    for house in ["null", "{}", r#"{"sidestream": {}}"#, r#"{"other": 1}"#] {
        check_one(
            package("sidestream-a", house, &[], &[]),
            "sidestream-a: say [package.metadata.sidestream] floor = N, or tool = true",
        );
    }
    check_one(
        package_in("sidestream-a", "a", &floor(1), &[], &[]),
        "sidestream-a: its folder has another name",
    );
}

#[test]
fn finds_unsafe_and_systems_out_of_place() {
    let check = |path: &str, text: &str, os: bool, expected: &[&str]| {
        assert_eq!(sources::check(path, text, os), expected, "{path} {text}");
    };
    let names_system = "\n#[cfg(any(target_os = \"linux\"))]\nmod a;";
    let is_unsafe = "fn a() { unsafe { b() } }";
    check("src/a.rs", is_unsafe, false, &["src/a.rs:1: `unsafe` only in crates marked os = true"]);
    check("src/a.rs", is_unsafe, true, &["src/a.rs:1: `unsafe` only below sys/"]);
    check("src/sys/linux.rs", is_unsafe, true, &[]);
    check("src/a.rs", "// unsafe\nlet unsafe_code = \"unsafe\";", false, &[]);
    check(
        "src/sys/mod.rs",
        names_system,
        false,
        &["src/sys/mod.rs:2: `target_os` only in crates marked os = true"],
    );
    check("src/a.rs", names_system, true, &["src/a.rs:2: `target_os` only below sys/"]);
    check("src/sys/mod.rs", names_system, true, &[]);
}
