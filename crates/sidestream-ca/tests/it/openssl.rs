//! What OpenSSL's command says about our certificates and archives.

use std::{fs, path::Path, process::Command, time::SystemTime};

use sidestream_ca::{Authority, LeafRequest, Pkcs12Contents};

use crate::{authority, name, provider};

/// Runs `openssl` in a folder, and gives what it printed, or nothing on a machine without it.
fn openssl(test: &str, folder: &Path, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("openssl").args(args).current_dir(folder).output() else {
        sidestream_testkit::skip(test, "openssl is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "openssl {args:?}: {text}");
    Some(text)
}

#[test]
fn openssl_verifies_a_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let authority = Authority::generate("Test CA", now, &provider()).unwrap();
    let leaf = authority.issue(&LeafRequest::new(name("example.test"), now)).unwrap();
    fs::write(folder.path().join("root.pem"), authority.certificate_pem()).unwrap();
    fs::write(
        folder.path().join("leaf.pem"),
        pem::encode(&pem::Pem::new("CERTIFICATE", leaf.chain[0].to_vec())),
    )
    .unwrap();
    let args =
        ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "example.test"];
    let files = ["-CAfile", "root.pem", "leaf.pem"];
    if let Some(text) =
        openssl("openssl_verifies_a_leaf", folder.path(), &[&args[..], &files].concat())
    {
        assert_eq!(text.trim(), "leaf.pem: OK");
    }
}

#[test]
fn openssl_reads_the_archives_and_we_read_its_own() {
    const TEST: &str = "openssl_reads_the_archives_and_we_read_its_own";
    let folder = tempfile::tempdir().unwrap();
    let root = authority();
    for (file, contents) in
        [("cert.p12", Pkcs12Contents::Certificate), ("both.p12", Pkcs12Contents::CertificateAndKey)]
    {
        fs::write(folder.path().join(file), root.to_pkcs12("secret", contents).unwrap()).unwrap();
        let Some(text) = openssl(
            TEST,
            folder.path(),
            &["pkcs12", "-in", file, "-passin", "pass:secret", "-nodes"],
        ) else {
            return;
        };
        assert!(text.contains(root.certificate_pem().trim()), "{text}");
        assert_eq!(
            text.contains(root.key_pem().trim()),
            contents == Pkcs12Contents::CertificateAndKey,
            "{text}"
        );
    }
    fs::write(folder.path().join("root.pem"), root.certificate_pem()).unwrap();
    fs::write(folder.path().join("key.pem"), root.key_pem()).unwrap();
    let args = [
        "pkcs12", "-export", "-in", "root.pem", "-inkey", "key.pem", "-out", "own.p12", "-passout",
        "pass:x",
    ];
    openssl(TEST, folder.path(), &args).unwrap();
    let back =
        Authority::from_pkcs12(&fs::read(folder.path().join("own.p12")).unwrap(), "x", &provider())
            .unwrap();
    assert_eq!(back.certificate_der(), root.certificate_der());
}
