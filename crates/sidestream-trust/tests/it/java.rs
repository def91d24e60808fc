//! Key stores as this machine's Java reads them.

use std::{env, ffi::OsString, fs, path::Path, process::Command};

use sidestream_trust::{EntryKind, OverlayFile, Plan};

use crate::{
    Machine, OTHER,
    machine::{plan, show},
};

/// Runs `keytool`, and gives what it printed; nothing without Java.
fn keytool(test: &str, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("keytool").args(args).output() else {
        sidestream_testkit::skip(test, "keytool is not installed");
        return None;
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "keytool {args:?}: {text}");
    Some(text)
}

#[track_caller]
fn list(test: &str, store: &[u8], password: &str) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), store).unwrap();
    keytool(test, &["-list", "-keystore", file.path().to_str().unwrap(), "-storepass", password])
}

fn store(plan: &Plan) -> &OverlayFile {
    plan.files
        .iter()
        .find(|file| file.path.ends_with("cacerts"))
        .unwrap_or_else(|| panic!("{}", show(plan)))
}

/// Makes a store of one certificate with `keytool`.
fn made(test: &str, options: &[&str], password: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (store, certificate) = (folder.path().join("store"), folder.path().join("other.pem"));
    fs::write(&certificate, OTHER).unwrap();
    let files = ["-keystore", store.to_str().unwrap(), "-file", certificate.to_str().unwrap()];
    let import = ["-importcert", "-noprompt", "-alias", "Other", "-storepass", password];
    keytool(test, &[options, &import, &files].concat())?;
    Some(fs::read(store).unwrap())
}

#[test]
fn a_jks_store_gets_one_entry_more() {
    const TEST: &str = "a_jks_store_gets_one_entry_more";
    let Some(made) = made(TEST, &["-storetype", "JKS"], "changeit") else { return };
    let plan = Machine::new().file("/opt/jdk/lib/security/cacerts", made).plan();
    let listed = list(TEST, &store(&plan).contents, "changeit").unwrap();
    assert!(listed.contains("contains 2 entries") && listed.contains("sidestream, "), "{listed}");
    assert!(plan.notes.iter().all(|note| !note.path.ends_with("cacerts")), "{}", show(&plan));
}

#[test]
fn pkcs12_stores_become_jks_whether_encrypted_or_not() {
    const TEST: &str = "pkcs12_stores_become_jks_whether_encrypted_or_not";
    let open = [
        "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
        "-J-Dkeystore.pkcs12.macAlgorithm=NONE",
    ];
    let legacy = ["-J-Dkeystore.pkcs12.legacy"];
    for options in [&[] as &[&str], &open, &legacy] {
        let Some(made) = made(TEST, &[options, &["-storetype", "PKCS12"]].concat(), "changeit")
        else {
            return;
        };
        let plan = Machine::new().file("/opt/jdk/lib/security/cacerts", made).plan();
        let listed = list(TEST, &store(&plan).contents, "changeit").unwrap();
        let is_whole = listed.contains("contains 2 entries")
            && listed.contains("other, ")
            && listed.contains("sidestream, ");
        assert!(is_whole, "{options:?}: {listed}");
    }
}

#[test]
fn a_store_with_a_password_of_its_own_keeps_it_when_the_user_gives_it() {
    const TEST: &str = "a_store_with_a_password_of_its_own_keeps_it_when_the_user_gives_it";
    for kind in ["JKS", "PKCS12"] {
        let Some(made) = made(TEST, &["-storetype", kind], "secret1") else { return };
        let options =
            "-Djavax.net.ssl.trustStore=/home/cacerts -Djavax.net.ssl.trustStorePassword=secret1";
        let plan =
            Machine::new().file("/home/cacerts", made).env("JAVA_TOOL_OPTIONS", options).plan();
        assert!(
            list(TEST, &store(&plan).contents, "secret1").unwrap().contains("contains 2 entries")
        );
    }
}

#[test]
fn a_store_with_private_keys_is_left() {
    const TEST: &str = "a_store_with_private_keys_is_left";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let file = file.to_str().unwrap();
    let key = [
        "-genkeypair",
        "-alias",
        "key",
        "-keyalg",
        "EC",
        "-dname",
        "CN=key",
        "-storepass",
        "changeit",
    ];
    if keytool(TEST, &[&key[..], &["-storetype", "PKCS12", "-keystore", file]].concat()).is_none() {
        return;
    }
    let plan = Machine::new().file("/opt/jdk/lib/security/cacerts", fs::read(file).unwrap()).plan();
    assert!(plan.files.is_empty());
    assert!(
        plan.notes[0].to_string().ends_with("the key store holds keys, not only certificates"),
        "{}",
        show(&plan)
    );
}

#[test]
fn this_machine_s_java_reads_its_own_store_with_our_root() {
    const TEST: &str = "this_machine_s_java_reads_its_own_store_with_our_root";
    let plan = plan(Path::new("/"), &|name| {
        env::var_os(name).filter(|_| ["PATH", "HOME"].contains(&name))
    });
    let covered = plan.files.iter().map(|file| (file.path.clone(), &file.contents));
    let inside = plan.directories.iter().flat_map(|directory| {
        directory.entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::File { contents, .. } => Some((directory.path.join(&entry.path), contents)),
            _ => None,
        })
    });
    let mut stores = covered.chain(inside).filter(|(path, _)| path.ends_with("cacerts")).peekable();
    if stores.peek().is_none() {
        sidestream_testkit::skip(TEST, "this machine has no key store of Java's");
        return;
    }
    for (path, contents) in stores {
        let Some(after) = list(TEST, contents, "changeit") else { return };
        let before = list(TEST, &fs::read(&path).unwrap(), "changeit").unwrap();
        assert_eq!(entries(&after), entries(&before) + 1, "{}", path.display());
    }
}

fn entries(listed: &str) -> u32 {
    let (_, rest) = listed.split_once("contains ").unwrap();
    rest.split_once(' ').unwrap().0.parse().unwrap()
}

#[test]
fn java_is_found_wherever_people_put_it() {
    let places = [
        ("/home/ada/.sdkman/candidates/java/current", "HOME", "/home/ada"),
        ("/home/ada/.jdks/openjdk-24", "HOME", "/home/ada"),
        ("/somewhere/jdk", "JAVA_HOME", "/somewhere/jdk"),
        ("/sdk/candidates/java/25", "SDKMAN_DIR", "/sdk"),
        ("/usr/java/jdk8/jre", "NOTHING", ""),
        ("/opt/ide/jbr", "NOTHING", ""),
        ("/bin-only/jdk", "PATH", "/empty:/bin-only/jdk/bin"),
    ];
    for (home, name, value) in places {
        let machine = Machine::new()
            .file(&format!("{home}/lib/security/cacerts"), crate::plans::EMPTY_JKS)
            .file(&format!("{home}/bin/java"), "")
            .env(name, value);
        assert_eq!(machine.plan().files.len(), 1, "{home}");
    }
    let unset: Option<OsString> = None;
    assert!(plan(Path::new("/nowhere"), &|_| unset.clone()).files.is_empty());
}
