//! The hash under which OpenSSL looks a root up.

use std::{fs, process::Command};

use sidestream_trust::{EntryKind, RootCertificate};

use crate::{Machine, ROOT};

/// What `openssl` prints, or nothing without it.
fn openssl(args: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(args).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_hash_is_that_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    let file = file.to_str().unwrap();
    let subjects = [
        "/CN=plain",
        "/C=AQ/O=Example  Org /OU=One/OU=Two/CN=UPPER  and   spaces",
        "/CN=  leading and trailing  ",
        "/CN=Ünï côdé Ärger/emailAddress=A@Example.TEST",
        "/DC=test/DC=example/CN=domain+OU=multi",
        "/CN=123 456/serialNumber=12AB/L=Zürich",
    ];
    for subject in subjects {
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "/dev/null",
        ];
        let request = ["req", "-x509", "-utf8", "-multivalue-rdn", "-subj", subject, "-out", file];
        if openssl(&[&request[..], &key].concat()).is_none() {
            sidestream_testkit::skip("the_hash_is_that_of_openssl", "openssl is not installed");
            return;
        }
        let root = RootCertificate::from_pem(&fs::read_to_string(file).unwrap()).unwrap();
        let expected = openssl(&["x509", "-noout", "-subject_hash", "-in", file]).unwrap();
        assert_eq!(format!("{:08x}", root.subject_hash()), expected.trim(), "{subject}");
    }
}

#[test]
fn openssl_finds_the_root_in_a_copied_directory() {
    let machine = Machine::new().bundle("/etc/ssl/certs/ca-certificates.crt");
    let plan = machine.plan();
    let folder = tempfile::tempdir().unwrap();
    for entry in &plan.directories[0].entries {
        if let EntryKind::File { contents, .. } = &entry.kind {
            fs::write(folder.path().join(&entry.path), contents).unwrap();
        }
    }
    let root = folder.path().join("the-root");
    fs::write(&root, ROOT).unwrap();
    let (folder, root) = (folder.path().to_str().unwrap(), root.to_str().unwrap());
    match openssl(&["verify", "-no-CAfile", "-CApath", folder, root]) {
        Some(said) => assert_eq!(said.trim(), format!("{root}: OK")),
        None => sidestream_testkit::skip(
            "openssl_finds_the_root_in_a_copied_directory",
            "openssl is not installed",
        ),
    }
}

#[test]
fn the_hash_is_known_without_openssl() {
    assert_eq!(
        format!("{:08x}", RootCertificate::from_pem(ROOT).unwrap().subject_hash()),
        "8e16bfd6"
    );
}

#[test]
fn every_root_of_this_machine_hashes_to_its_name() {
    let Ok(directory) = fs::read_dir("/etc/ssl/certs") else {
        sidestream_testkit::skip(
            "every_root_of_this_machine_hashes_to_its_name",
            "there is no /etc/ssl/certs",
        );
        return;
    };
    for entry in directory.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let Some(hash) = name.strip_suffix(".0").filter(|hash| hash.len() == 8) else { continue };
        // A link may lead nowhere.
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let root = RootCertificate::from_pem(&text).unwrap();
        assert_eq!(format!("{:08x}", root.subject_hash()), hash);
    }
}
