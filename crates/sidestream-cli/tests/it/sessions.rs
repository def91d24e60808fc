//! Sessions as each version of their format was written: they open, and show what they did.

use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use sidestream::flow::{ExchangeId, FlowId, MessageId, Peer, Redacted};
use sidestream::record::{
    Annotation, Closed, Entry, Event, Fields, Part, Recorded, RequestHead, Secrets, Sink, Version,
    Wire,
};
use sidestream::store::{SchemaVersion, Session, index};
use sidestream_testkit::sidestream_binary;

use crate::sample;

/// The versions of which there is one. None is ever taken out, or made anew: a change of the
/// format that does not open one of them breaks what users have kept.
const VERSIONS: [&str; 3] = ["2.1", "3.0", "3.1"];

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

/// A body and a message that do not stand in blocks.
fn large() -> Vec<Entry> {
    let play = sample::raw();
    let text: String = (0..3000).map(|line| format!("line {line} of a long text\n")).collect();
    let (exchange, part) = (ExchangeId(1000), Part::Response);
    let head = RequestHead {
        method: "GET".into(),
        target: "/large".into(),
        version: Version::Http11,
        fields: Fields::default(),
    };
    let url = "http://example.test/large".to_owned();
    let note = |annotation| Event::Annotated {
        exchange: Some(exchange),
        annotation: Box::new(annotation),
    };
    let events = [
        Event::Request { exchange, url, head },
        Event::Body { exchange, part, data: text.clone().into() },
        Event::ExchangeEnded { exchange, failure: None },
        Event::Data { message: MessageId(1000), from: Peer::Client, data: text.clone().into() },
        Event::Secrets(Box::new(Secrets {
            peer: Peer::Server(0),
            lines: Redacted("CLIENT_RANDOM 00 01".into()),
        })),
        Event::Wire(Box::new(Wire::of(Peer::Client, false, text.into()))),
        note(Annotation::Marker(":star:".into())),
        note(Annotation::Comment("as long as it gets".into())),
    ];
    let first = play.entries.first().unwrap();
    let flow = FlowId(1000);
    let entry = |event| Entry { at: first.at, flow, event };
    let closed = Event::Closed(Closed::default());
    [first.event.clone()].into_iter().chain(events).chain([closed]).map(entry).collect()
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
    for entry in plays.iter().flat_map(|play| &play.entries).chain(&large()) {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    session.close().unwrap();
    index(&path).unwrap();
    std::fs::remove_file(path.with_extension("session-lock")).unwrap_or_default();
}
