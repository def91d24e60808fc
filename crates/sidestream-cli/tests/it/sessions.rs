//! Sessions as each version of their format was written: they open, and show what they did.

use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use sidestream::record::{Recorded, Sink};
use sidestream::store::{SchemaVersion, Session};
use sidestream_testkit::sidestream_binary;

use crate::sample;

/// The versions of which there is one. None is ever taken out, or made anew: a change of the
/// format that does not open one of them breaks what users have kept.
const VERSIONS: [&str; 1] = ["2.1"];

fn fixture(version: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/sessions");
    folder.join(format!("{version}.session"))
}

fn show(path: &Path, options: &[&str]) -> String {
    let mut command = Command::new(sidestream_binary());
    command.args(["session", "show"]).args(options).arg(path).env("TZ", "UTC");
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{err}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_session_of_each_version_is_shown_as_ever() {
    assert!(VERSIONS.contains(&SchemaVersion::CURRENT.to_string().as_str()), "make one");
    for version in VERSIONS {
        // Where it lies, it may be that nobody can write beside it.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.session");
        std::fs::copy(fixture(version), &path).unwrap();
        let name = version.replace('.', "_");
        assert_snapshot!(format!("session_{name}"), show(&path, &["-vv"]));
        assert_snapshot!(format!("session_{name}_json"), show(&path, &["--json"]));
    }
}

/// Makes the one of this version: `cargo test -p sidestream-cli --test it -- --ignored a_session_is`
#[test]
#[ignore = "makes the fixture, once for each version"]
fn a_session_is_made_for_later_versions() {
    let path = fixture(&SchemaVersion::CURRENT.to_string());
    assert!(!path.exists(), "it is not made anew");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let session = Session::create(&path).unwrap();
    let plays =
        [sample::https(), sample::tunnel(), sample::dns(), sample::raw(), sample::web_socket()];
    for entry in plays.iter().flat_map(|play| &play.entries) {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    session.close().unwrap();
    std::fs::remove_file(path.with_extension("session-lock")).unwrap_or_default();
}
