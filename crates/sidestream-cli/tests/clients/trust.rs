//! The root in the machine's real stores, put there by their real tools, below copies of them that the machine never sees.

use std::process::Command;

use insta::assert_snapshot;
use sidestream_testkit::{is_root, sidestream_binary, skip};

/// Does one task of the script in namespaces of its own; nothing without the rights and the tools.
fn run(test: &str, task: &str) -> Option<String> {
    if !is_root() {
        skip(test, "only root lays copies over the machine's stores");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/trust.sh");
    let output = Command::new("unshare")
        .args(["--mount", "--net", "bash", script])
        .arg(sidestream_binary())
        .arg(folder.path())
        .arg(task)
        .output()
        .unwrap();
    let (said, erred) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{erred}");
    Some(said)
}

#[test]
fn real_clients_trust_the_root_until_it_is_taken_out_and_the_machine_is_as_before() {
    let test = "real_clients_trust_the_root_until_it_is_taken_out_and_the_machine_is_as_before";
    let Some(said) = run(test, "trust") else { return };
    assert_snapshot!(said, @r"
    before:
    curl refuses
    openssl refuses
    python refuses
    wget refuses
    git refuses
    java refuses
    chromium refuses
    system Debian trusted
    java Java was trusted
    nss Chromium trusted
    nss Firefox trusted
    java Java trusted
    installed:
    curl trusts
    openssl trusts
    python trusts
    wget trusts
    git trusts
    java trusts
    chromium trusts
    nothing to repair
    the machine is as before
    uninstalled:
    curl refuses
    openssl refuses
    python refuses
    wget refuses
    git refuses
    java refuses
    chromium refuses
    ");
}

#[test]
fn a_killed_install_is_repaired() {
    let Some(said) = run("a_killed_install_is_repaired", "kill") else { return };
    assert_snapshot!(said, @"3 rounds");
}

#[test]
fn a_read_only_store_is_told_and_the_others_are_served() {
    let test = "a_read_only_store_is_told_and_the_others_are_served";
    let Some(said) = run(test, "refused") else { return };
    assert_snapshot!(said, @r"
    system Debian /usr/local/share/ca-certificates failed cannot write /usr/local/share/ca-certificates/sidestream-ID.crt: Read-only file system (os error 30); the file system is mounted read-only: mount it writable, or trust the root where the image is built
    nss Chromium WORK/home/.pki/nssdb trusted
    nss Firefox WORK/home/.mozilla/firefox/p.default trusted
    the machine is as before
    ");
}

#[test]
fn what_others_changed_between_install_and_uninstall_stays() {
    let test = "what_others_changed_between_install_and_uninstall_stays";
    let Some(said) = run(test, "edited") else { return };
    assert_snapshot!(said, @r"
    system Debian not trusted
    java Java not trusted
    nss Chromium not trusted
    nss Firefox not trusted
    java Java not trusted
    1
    1
    1
    the machine is as before
    ");
}

#[test]
fn sudo_changes_the_machines_stores_as_root_and_the_users_as_the_user() {
    let test = "sudo_changes_the_machines_stores_as_root_and_the_users_as_the_user";
    let Some(said) = run(test, "sudo") else { return };
    assert_snapshot!(said, @r"
    system Debian trusted
    java Java was trusted
    nss Chromium trusted
    nss Firefox trusted
    java Java trusted
    1
    3
    system Debian /usr/local/share/ca-certificates failed it takes root: sudo sidestream ca uninstall --store system
    java Java /etc/ssl/certs/java/cacerts failed it takes root: sudo sidestream ca uninstall --store java
    nss Chromium WORK/home/.pki/nssdb removed
    nss Firefox WORK/home/.mozilla/firefox/p.default removed
    java Java WORK/home/.jdks/own/lib/security/cacerts removed
    the machine is as before
    ");
}

#[test]
fn a_user_without_a_home_is_told_and_root_without_one_is_served() {
    let test = "a_user_without_a_home_is_told_and_root_without_one_is_served";
    let Some(said) = run(test, "homeless") else { return };
    assert_snapshot!(said, @r"
    sidestream: no folder is known for the root key, name one: --confdir DIR
    sidestream: there is no root yet, make one without sudo: sidestream ca show
    system Debian trusted
    java Java was trusted
    the machine is as before
    ");
}

#[test]
fn a_store_that_is_closed_to_its_user_is_told_with_where_to_look() {
    let test = "a_store_that_is_closed_to_its_user_is_told_with_where_to_look";
    let Some(said) = run(test, "closed") else { return };
    assert_snapshot!(said, @r"
    system Debian /usr/local/share/ca-certificates failed it takes root: sudo sidestream ca install --store system
    java Java /etc/ssl/certs/java/cacerts failed it takes root: sudo sidestream ca install --store java
    nss Chromium WORK/home/.pki/nssdb trusted
    nss Firefox WORK/home/.mozilla/firefox/p.default failed cannot write WORK/home/.mozilla/firefox/p.default/.sidestream-ID.pem: Permission denied (os error 13); it takes the rights of the owner; where those are there, SELinux or AppArmor forbids it: ausearch -m avc, or journalctl -k, names the rule
    java Java WORK/home/.jdks/own/lib/security/cacerts trusted
    the machine is as before
    ");
}
