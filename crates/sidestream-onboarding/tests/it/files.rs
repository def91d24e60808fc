//! The files, as the programs read them that know their forms best.

use std::fs;
use std::path::Path;
use std::process::Command;

use sidestream_onboarding::{PASSWORD, Site};

use crate::{authority, get, text};

/// Runs a program in a folder, and gives what it printed, or nothing on a machine without it.
fn run(test: &str, folder: &Path, program: &str, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(args).current_dir(folder).output() else {
        sidestream_testkit::skip(test, &format!("{program} is not installed"));
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}");
    Some(said)
}

#[test]
fn openssl_finds_the_same_root_in_every_form() {
    const TEST: &str = "openssl_finds_the_same_root_in_every_form";
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(&authority("Test")).unwrap();
    for ending in ["pem", "crt", "cer", "der", "p12"] {
        let file = format!("root.{ending}");
        fs::write(folder.path().join(&file), &get(&site, &format!("/cert.{ending}")).body).unwrap();
    }
    let password = format!("pass:{PASSWORD}");
    let args = ["pkcs12", "-in", "root.p12", "-passin", &password, "-out", "p12.pem", "-noenc"];
    if run(TEST, folder.path(), "openssl", &args).is_none() {
        return;
    }
    let archive = fs::read_to_string(folder.path().join("p12.pem")).unwrap();
    assert!(!archive.contains("PRIVATE KEY") && archive.contains("BEGIN CERTIFICATE"));
    let files = [("pem", "PEM"), ("crt", "DER"), ("cer", "DER"), ("der", "DER")];
    let files = files.map(|(ending, form)| (format!("root.{ending}"), form));
    for (file, form) in files.into_iter().chain([("p12.pem".to_owned(), "PEM")]) {
        let args =
            ["x509", "-in", &file, "-inform", form, "-noout", "-fingerprint", "-sha256", "-text"];
        let said = run(TEST, folder.path(), "openssl", &args).unwrap();
        assert!(said.contains(&format!("Fingerprint={}", site.fingerprint())), "{file}: {said}");
        assert!(said.contains("CA:TRUE"), "{file}: {said}");
    }
}

#[test]
fn keytool_trusts_the_archive_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(&authority("Test")).unwrap();
    fs::write(folder.path().join("root.p12"), &get(&site, "/cert.p12").body).unwrap();
    let args = ["-J-Duser.language=en", "-list", "-keystore", "root.p12", "-storepass", PASSWORD];
    let said = run("keytool_trusts_the_archive_as_it_is", folder.path(), "keytool", &args);
    if let Some(said) = said {
        assert!(said.contains("trustedCertEntry") && said.contains(site.fingerprint()), "{said}");
    }
}

/// What Python reads in the profile: its properties, and whether the certificate is the one.
const READ_PROFILE: &str = r"
import json, plistlib
profile = plistlib.load(open('root.mobileconfig', 'rb'))
payload = profile['PayloadContent'][0]
payload['PayloadContent'] = payload['PayloadContent'] == open('root.der', 'rb').read()
print(json.dumps(profile, indent=1, sort_keys=True, ensure_ascii=False))
";

#[test]
fn python_reads_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(&authority("Ünï & <Cø>")).unwrap();
    for ending in ["mobileconfig", "der"] {
        let file = folder.path().join(format!("root.{ending}"));
        fs::write(file, &get(&site, &format!("/cert.{ending}")).body).unwrap();
    }
    let args = ["-c", READ_PROFILE];
    let Some(read) = run("python_reads_the_profile", folder.path(), "python3", &args) else {
        return;
    };
    // What stands for the root is another one with each.
    let hex: String = site.fingerprint().split(':').map(str::to_lowercase).collect();
    let read: Vec<_> = read
        .lines()
        .map(|line| match line.split_once("UUID\": \"") {
            Some((key, uuid)) => {
                let uuid = uuid.trim_end_matches(['"', ',']);
                let plain = uuid.replace('-', "").to_lowercase();
                assert!([&hex[..12], &hex[32..44]].contains(&&plain[..12]), "{uuid}");
                assert_eq!((uuid.len(), &plain[12..13]), (36, "8"), "{uuid}");
                format!("{key}UUID\": \"[uuid]\",")
            }
            None => line.replace(&hex[32..40], "[root]"),
        })
        .collect();
    insta::assert_snapshot!(read.join("\n"));
}

#[test]
fn the_same_root_makes_the_same_profile() {
    let authority = authority("Test");
    let profiles = [(); 2].map(|()| get(&Site::new(&authority).unwrap(), "/cert.mobileconfig"));
    assert_eq!(text(&profiles[0]), text(&profiles[1]));
}
