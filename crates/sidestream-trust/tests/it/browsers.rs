//! Browsers that take their roots from a policy.

use insta::assert_snapshot;
use serde_json::{Value, json};
use sidestream_trust::{EntryKind, Plan};

use crate::{Machine, ROOT, machine::show};

/// The root as a policy has it.
fn ours() -> String {
    ROOT.lines().filter(|line| !line.starts_with('-')).collect()
}

/// Reads our policy back from a plan.
fn policy(plan: &Plan, directory: &str, file: &str) -> Value {
    let is_it = |path: &std::path::Path| path.to_str() == Some(directory);
    let directory = plan.directories.iter().find(|found| is_it(&found.path)).unwrap();
    let entry = directory.entries.iter().find(|entry| entry.path.to_str() == Some(file)).unwrap();
    let EntryKind::File { contents, mode: 0o644 } = &entry.kind else { panic!("{entry:?}") };
    serde_json::from_slice(contents).unwrap()
}

/// The directories of a plan in words.
fn covers(plan: &Plan) -> String {
    let text = show(plan);
    text.split("create").next().unwrap().to_owned()
}

#[test]
fn a_browser_without_policies_gets_one_in_a_copy_of_its_folder() {
    let machine = Machine::new()
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .file("/etc/chromium/master_preferences", "{}");
    let plan = machine.plan();
    assert_snapshot!(covers(&plan), @"
    cover  /etc/ssl/certs/
             8e16bfd6.0 644 ours
             ca-certificates.crt 644 ours + other
    cover  /etc/chromium/
             master_preferences 644 2 bytes
             policies/
             policies/managed/
             policies/managed/sidestream.json 644 599 bytes
    ");
    let policy = policy(&plan, "/etc/chromium", "policies/managed/sidestream.json");
    assert_eq!(policy, json!({ "CACertificates": [ours()] }));
}

#[test]
fn what_the_administrator_set_stays_and_ours_counts_last() {
    let machine = Machine::new()
        .file("/etc/chromium/policies/managed/a.json", r#"{"CACertificates": ["first"]}"#)
        .file("/etc/chromium/policies/managed/y.json", r#"{"CACertificates": ["second"]}"#)
        .file("/etc/chromium/policies/managed/z.json", r#"{"HomepageLocation": "x"}"#)
        .file("/etc/chromium/policies/recommended/a.json", "{}");
    let plan = machine.plan();
    let policy = policy(&plan, "/etc/chromium/policies/managed", "z.json~");
    assert_eq!(policy, json!({ "CACertificates": ["second", ours()] }));
    assert_eq!(plan.directories[0].entries.len(), 4);
}

#[test]
fn a_policy_behind_a_link_is_read() {
    let machine = Machine::new()
        .file("/nix/store/a/extra.json", r#"{"CACertificates": ["linked"]}"#)
        .link("/etc/static/chromium/policies/managed/extra.json", "/nix/store/a/extra.json")
        .link("/etc/chromium", "/etc/static/chromium");
    let managed = "/etc/static/chromium/policies/managed";
    let policy = policy(&machine.plan(), managed, "sidestream.json");
    assert_eq!(policy, json!({ "CACertificates": ["linked", ours()] }));
}

#[test]
fn a_policy_that_cannot_be_read_is_told() {
    let machine = Machine::new().file("/etc/chromium/policies/managed/a.json", "// a word\n{}");
    let plan = machine.plan();
    let policy = policy(&plan, "/etc/chromium/policies/managed", "sidestream.json");
    assert_eq!(policy, json!({ "CACertificates": [ours()] }));
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("a.json is left as it is")), "{notes:?}");
}

#[test]
fn a_folder_that_browsers_share_is_covered_once_and_only_for_those_that_are_there() {
    let machine = Machine::new()
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .file("/opt/google/chrome/chrome", "")
        .file("/opt/microsoft/msedge/msedge", "")
        .file("/etc/opt/chrome/policies/managed/a.json", "{}")
        .file("/etc/opt/other/settings", "kept");
    assert_snapshot!(covers(&machine.plan()), @"
    cover  /etc/ssl/certs/
             8e16bfd6.0 644 ours
             ca-certificates.crt 644 ours + other
    cover  /etc/opt/
             chrome/
             chrome/policies/
             chrome/policies/managed/
             chrome/policies/managed/a.json 644 2 bytes
             chrome/policies/managed/sidestream.json 644 599 bytes
             edge/
             edge/policies/
             edge/policies/managed/
             edge/policies/managed/sidestream.json 644 599 bytes
             other/
             other/settings 644 4 bytes
    ");
    let nobody = Machine::new().file("/etc/opt/other/settings", "kept");
    assert!(nobody.plan().directories.is_empty());
}

#[test]
fn a_browser_in_the_users_cache_is_found() {
    let machine = Machine::new()
        .file("/home/ada/.cache/puppeteer/chrome/linux/chrome", "")
        .file("/etc/opt/.keep", "")
        .env("HOME", "/home/ada");
    let file = "chrome_for_testing/policies/managed/sidestream.json";
    assert_eq!(policy(&machine.plan(), "/etc/opt", file), json!({ "CACertificates": [ours()] }));
}

#[test]
fn a_policy_that_names_our_root_needs_no_other() {
    let set = json!({ "CACertificates": [ours()] }).to_string();
    let machine = Machine::new().file("/etc/chromium/policies/managed/ours.json", set);
    assert!(machine.plan().directories.is_empty());
}
