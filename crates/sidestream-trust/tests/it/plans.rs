//! Whole plans, for machines laid out as distributions do.

use insta::assert_snapshot;

use crate::{Machine, machine::show};

/// An empty key store: its header and the digest under `changeit`.
pub(crate) const EMPTY_JKS: [u8; 32] = [
    0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0, 0xe2, 0x68, 0x6e, 0x45, 0xfb, 0x43, 0xdf, 0xa4,
    0xd9, 0x92, 0xdd, 0x41, 0xce, 0xb6, 0xb2, 0x1c, 0x63, 0x30, 0xd7, 0x92,
];

fn debian() -> Machine {
    Machine::new()
        .bundle("/usr/share/ca-certificates/mozilla/Other.crt")
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .link("/etc/ssl/certs/Other.pem", "/usr/share/ca-certificates/mozilla/Other.crt")
        .link("/etc/ssl/certs/12345678.0", "Other.pem")
        .file("/etc/ssl/certs/java/cacerts", EMPTY_JKS)
        .link("/usr/lib/ssl/certs", "/etc/ssl/certs")
        .link("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")
        .file("/usr/lib/jvm/java-17/bin/java", "")
        .link("/usr/lib/jvm/java-17/lib/security/cacerts", "/etc/ssl/certs/java/cacerts")
        .link("/usr/bin/java", "/etc/alternatives/java")
        .link("/etc/alternatives/java", "/usr/lib/jvm/java-17/bin/java")
        .env("PATH", "/usr/local/bin:/usr/bin")
        .env("HOME", "/home/ada")
}

#[test]
fn debian_has_everything_in_one_directory() {
    assert_snapshot!(show(&debian().plan()));
}

#[test]
fn fedora_has_links_into_extracted_trust() {
    let machine = Machine::new()
        .bundle("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
        .bundle("/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt")
        .file("/etc/pki/ca-trust/extracted/java/cacerts", EMPTY_JKS)
        .file("/etc/pki/ca-trust/source/anchors/corporate.pem", "corporate")
        .bundle("/etc/pki/ca-trust/extracted/pem/directory-hash/Other.pem")
        .link("/etc/pki/ca-trust/extracted/pem/directory-hash/12345678.0", "Other.pem")
        .link(
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        )
        .link(
            "/etc/pki/tls/certs/ca-bundle.trust.crt",
            "/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt",
        )
        .link("/etc/pki/tls/cert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
        .link("/etc/pki/java/cacerts", "/etc/pki/ca-trust/extracted/java/cacerts")
        .link("/etc/ssl/certs", "../pki/tls/certs")
        .link("/usr/lib/jvm/java-21/lib/security/cacerts", "/etc/pki/java/cacerts");
    assert_snapshot!(show(&machine.plan()));
}

#[test]
fn arch_has_links_into_a_directory_of_roots() {
    let machine = Machine::new()
        .bundle("/etc/ca-certificates/extracted/tls-ca-bundle.pem")
        .bundle("/etc/ca-certificates/extracted/cadir/Other.pem")
        .file("/etc/ca-certificates/trust-source/anchors/.keep", "")
        .link(
            "/etc/ssl/certs/ca-certificates.crt",
            "../../ca-certificates/extracted/tls-ca-bundle.pem",
        )
        .link("/etc/ssl/certs/12345678.0", "../../ca-certificates/extracted/cadir/Other.pem")
        .link("/etc/ssl/cert.pem", "certs/ca-certificates.crt");
    assert_snapshot!(show(&machine.plan()));
}

#[test]
fn alpine_has_a_bundle_beside_the_directory() {
    let machine = Machine::new()
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .link("/etc/ssl/cert.pem", "certs/ca-certificates.crt")
        .file("/opt/jdk-25/lib/security/cacerts", EMPTY_JKS);
    assert_snapshot!(show(&machine.plan()));
}

#[test]
fn opensuse_keeps_roots_below_var() {
    let machine = Machine::new()
        .bundle("/var/lib/ca-certificates/ca-bundle.pem")
        .bundle("/var/lib/ca-certificates/openssl/12345678.0")
        .bundle("/var/lib/ca-certificates/pem/12345678.0")
        .file("/var/lib/ca-certificates/java-cacerts", EMPTY_JKS)
        .link("/etc/ssl/certs", "/var/lib/ca-certificates/pem")
        .link("/etc/ssl/ca-bundle.pem", "/var/lib/ca-certificates/ca-bundle.pem");
    assert_snapshot!(show(&machine.plan()));
}

#[test]
fn a_machine_without_roots_gets_a_bundle_of_ours() {
    assert_snapshot!(show(&Machine::new().plan()));
}

#[test]
fn a_bundle_is_gathered_from_a_directory_when_there_is_none() {
    let machine = Machine::new()
        .bundle("/usr/share/roots/Other.crt")
        .file("/etc/ssl/certs/README", "no certificate")
        .link("/etc/ssl/certs/12345678.0", "/usr/share/roots/Other.crt")
        .link("/etc/ssl/certs/Other.pem", "/usr/share/roots/Other.crt");
    let plan = machine.plan();
    let bundle = plan.created.iter().find(|file| file.path.ends_with("bundle.pem")).unwrap();
    assert_eq!(String::from_utf8_lossy(&bundle.contents), [crate::OTHER, crate::ROOT].concat());
}

#[test]
fn a_second_plan_on_top_of_the_first_adds_nothing() {
    let machine = debian();
    let first = machine.plan();
    let directory = &first.directories[0];
    for entry in &directory.entries {
        if let sidestream_trust::EntryKind::File { contents, .. } = &entry.kind {
            let path = directory.path.join(&entry.path);
            std::fs::write(machine.outside(path.to_str().unwrap()), contents).unwrap();
        }
    }
    assert_eq!(machine.plan(), first);
}
