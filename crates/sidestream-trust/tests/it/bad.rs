//! What cannot be read or understood is left as it is, and told.

use std::os::unix::net::UnixListener;

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_trust::{ParseRootError, RootCertificate};

use crate::{Machine, OTHER, ROOT, machine::show, plans::EMPTY_JKS};

#[test]
fn garbage_is_noted_and_left() {
    let mut huge = EMPTY_JKS;
    huge[8] = 0xff;
    let machine = Machine::new()
        .file("/etc/ssl/cert.pem", "garbage")
        .file("/opt/cut/lib/security/cacerts", &EMPTY_JKS[..30])
        .file("/opt/short/lib/security/cacerts", [0xfe, 0xed, 0xfe, 0xed])
        .file("/opt/huge/lib/security/cacerts", huge)
        .file("/opt/other/lib/security/cacerts", "garbage")
        .file("/opt/large/lib/security/cacerts", vec![0; 9 * 1024 * 1024])
        .link("/etc/ssl/ca-bundle.pem", "ca-bundle.pem")
        .file("/opt/foreign/lib/security/cacerts", [&EMPTY_JKS[..12], &[7; 20]].concat());
    assert_snapshot!(show(&machine.plan()));
}

#[test]
fn a_socket_in_a_directory_is_left_out() {
    let machine = Machine::new().bundle("/etc/ssl/certs/ca-certificates.crt");
    let _listener = UnixListener::bind(machine.outside("/etc/ssl/certs/socket")).unwrap();
    let plan = machine.plan();
    assert_eq!(plan.directories[0].entries.len(), 2);
    assert_eq!(
        plan.notes[0].to_string(),
        "/etc/ssl/certs/socket is left as it is: it is not a regular file"
    );
}

#[test]
fn a_directory_too_large_to_copy_leaves_its_files_covered() {
    let mut machine = Machine::new().bundle("/etc/ssl/certs/ca-certificates.crt");
    for n in 0..5 {
        machine = machine.file(&format!("/etc/ssl/certs/{n}.bin"), vec![0; 7 * 1024 * 1024]);
    }
    let plan = machine.plan();
    assert!(plan.directories.is_empty());
    assert_eq!(plan.files[0].path.to_str(), Some("/etc/ssl/certs/ca-certificates.crt"));
    assert_eq!(
        plan.notes[0].to_string(),
        "/etc/ssl/certs is left as it is: it is too large to copy"
    );
}

#[test]
fn what_is_closed_to_us_stays_closed() {
    let machine = Machine::new()
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .file("/etc/ssl/certs/key.pem", "secret")
        .file("/etc/ssl/certs/private/key.pem", "secret")
        .bundle("/etc/ssl/ca-bundle.pem")
        .closed("/etc/ssl/certs/key.pem")
        .closed("/etc/ssl/certs/private")
        .closed("/etc/ssl/ca-bundle.pem");
    if std::fs::read(machine.outside("/etc/ssl/ca-bundle.pem")).is_ok() {
        sidestream_testkit::skip(
            "what_is_closed_to_us_stays_closed",
            "this user may read everything",
        );
        return;
    }
    let plan = machine.plan();
    let entries: Vec<String> =
        plan.directories[0].entries.iter().map(|entry| format!("{entry:?}")).collect();
    assert!(entries[2].contains("key.pem") && entries[2].ends_with("mode: 0 } }"), "{entries:?}");
    assert!(entries[3].contains("private") && entries[3].ends_with("mode: 0 } }"), "{entries:?}");
    assert_eq!(
        plan.notes[0].to_string(),
        "/etc/ssl/ca-bundle.pem cannot be read: Permission denied (os error 13)"
    );
    // The folder can be removed only when it can be listed.
    drop(machine.open("/etc/ssl/certs/private"));
}

#[test]
fn a_loop_of_links_is_nothing() {
    let machine =
        Machine::new().link("/etc/ssl/certs", "certs").link("/etc/pki", "/etc/pki/../pki");
    assert!(machine.plan().directories.is_empty());
}

#[test]
fn a_root_that_is_none_is_refused() {
    let check = |text: &str, expected| assert_eq!(RootCertificate::from_pem(text), Err(expected));
    check("", ParseRootError::Pem);
    check("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", ParseRootError::Pem);
    check(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ParseRootError::Certificate,
    );
    let root = RootCertificate::from_pem(&format!("text\n{ROOT}{OTHER}")).unwrap();
    assert_eq!(root.pem(), ROOT);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_key_store_is_composed_or_noted(bytes in prop::collection::vec(any::<u8>(), 0..200), is_jks in any::<bool>()) {
        let mut store = if is_jks { EMPTY_JKS[..11].to_vec() } else { Vec::new() };
        store.extend(bytes);
        let machine = Machine::new().file("/opt/jdk/lib/security/cacerts", &store);
        let plan = machine.plan();
        let about_it = plan.notes.iter().any(|note| note.path.ends_with("cacerts"));
        prop_assert!(!plan.files.is_empty() || about_it);
    }

    #[test]
    fn any_bytes_are_a_root_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100), at in 0usize..300, to: u8) {
        drop(RootCertificate::from_der(&bytes));
        let mut root = RootCertificate::from_pem(ROOT).unwrap().der().to_vec();
        let len = root.len();
        root[at % len] = to;
        drop(RootCertificate::from_der(&root));
    }
}
