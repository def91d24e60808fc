//! Whether a machine trusts a root already.

use std::path::Path;

use sidestream_trust::{RootCertificate, is_trusted};

use crate::{Machine, OTHER, ROOT};

const DEBIAN: &str = "/etc/ssl/certs/ca-certificates.crt";
const FEDORA: &str = "/etc/pki/tls/certs/ca-bundle.crt";
const ANCHOR: &str = "/etc/pki/ca-trust/source/anchors/ours.crt";

fn root() -> RootCertificate {
    RootCertificate::from_pem(ROOT).unwrap()
}

/// The name that the root has in a hashed directory.
fn hashed(n: u32) -> String {
    format!("/etc/ssl/certs/{:08x}.{n}", root().subject_hash())
}

#[track_caller]
fn check(machine: &Machine, by_machine: bool, stores: &[&str]) {
    let trusted = is_trusted(&root(), &machine.outside("/"));
    let found: Vec<_> = trusted.stores.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!((trusted.by_machine, &found[..]), (by_machine, stores));
}

#[test]
fn a_root_in_the_main_bundle_is_trusted() {
    let machine = Machine::new().file(DEBIAN, [OTHER, ROOT].concat());
    check(&machine, true, &[DEBIAN]);
    let wrapped = ROOT.replace('\n', "\r\n");
    check(&Machine::new().file(DEBIAN, [OTHER, &wrapped].concat()), true, &[DEBIAN]);
}

#[test]
fn a_damaged_block_says_nothing_of_the_others() {
    let damaged = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n-----BEGIN ";
    check(&Machine::new().file(DEBIAN, [damaged, "\n", ROOT].concat()), true, &[DEBIAN]);
    check(&Machine::new().file(DEBIAN, damaged), false, &[]);
}

#[test]
fn a_root_in_a_lesser_store_is_found_and_not_trusted_by_the_machine() {
    let machine = Machine::new().bundle(DEBIAN).file(FEDORA, ROOT);
    check(&machine, false, &[FEDORA]);
    let machine = Machine::new().bundle(FEDORA).file(ANCHOR, ROOT);
    check(&machine, false, &[ANCHOR]);
    let name = hashed(0);
    check(&Machine::new().bundle(DEBIAN).file(&name, ROOT), false, &[&name]);
}

#[test]
fn without_a_bundle_a_directory_will_do() {
    let name = hashed(1);
    let machine = Machine::new().file(&hashed(0), OTHER).file(&name, ROOT);
    check(&machine, true, &[&name]);
    let machine = Machine::new().file(ANCHOR, root().der());
    check(&machine, true, &[ANCHOR]);
}

#[test]
fn links_are_followed_and_a_store_is_told_once() {
    let ours = "/usr/local/share/ca-certificates/ours.crt";
    let machine = Machine::new().file(DEBIAN, ROOT).file(ours, ROOT);
    let machine = machine.link("/etc/ssl/cert.pem", "certs/ca-certificates.crt");
    let machine = machine.link(&hashed(0), ours);
    check(&machine, true, &[DEBIAN, ours]);
}

#[test]
fn nobody_is_trusted_for_a_name() {
    check(&Machine::new(), false, &[]);
    check(&Machine::new().bundle(DEBIAN).file(&hashed(0), OTHER), false, &[]);
    let conditional = ROOT.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    check(&Machine::new().file(DEBIAN, conditional), false, &[]);
}

#[test]
fn this_machine_does_not_trust_a_stranger() {
    assert!(!is_trusted(&root(), Path::new("/")).by_machine);
}
