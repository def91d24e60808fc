//! A full disk stops the recording, spoils nothing, and lets it go on.

use std::fs;
use std::path::Path;
use std::process::Command;

use sidestream_flow::ExchangeId;
use sidestream_record::{Event, Part, Recorded, Sink};
use sidestream_store::{CreateError, Reader, Session, State, WriteError};

use crate::play::{
    EXCHANGE, body, child, child_argument, closed, ended, entry, opened, place, read_all, request,
    settle, wait_until,
};

/// Runs one test again as a child to which a folder of 8 MiB was mounted, or skips it.
fn on_small_disk(test: &str) {
    let (folder, _) = place();
    let root = sidestream_testkit::is_root();
    if !root && !sidestream_testkit::can_make_user_namespaces() {
        return sidestream_testkit::skip(test, "no right to mount a small file system");
    }
    let inner = child(test, folder.path());
    let mut command = Command::new("unshare");
    if !root {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=8m small \"$0\" && exec \"$@\"").arg(folder.path());
    command.arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(command.status().unwrap().success());
}

/// Takes all space that is left but a little.
fn fill(ballast: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[0; 64 * 1024]).is_ok() {}
}

fn fills_and_frees(folder: &Path) {
    let path = folder.join("a.session");
    let ballast = folder.join("ballast");
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let mut expected = vec![entry(0, opened()), entry(1, request(EXCHANGE))];
    expected.iter().for_each(|entry| assert_eq!(recorder.record(entry), Recorded::Accepted));
    settle(&recorder);

    fill(&ballast);
    let large = entry(2, body(EXCHANGE, vec![3; 1024 * 1024]));
    assert_eq!(recorder.record(&large), Recorded::Accepted);
    wait_until("stalled", || matches!(recorder.state(), State::Stalled { .. }));
    let State::Stalled { reason } = recorder.state() else { panic!("went on without space") };
    assert!(reason.contains("full"), "{reason}");
    let reader = Reader::open(&path).unwrap();
    assert_eq!(read_all(&reader), expected);
    // Facts are still taken, content is not.
    let facts = [entry(3, ended(EXCHANGE)), entry(4, closed())];
    assert_eq!(recorder.record(&facts[0]), Recorded::Accepted);
    assert_eq!(recorder.record(&entry(3, body(EXCHANGE, "lost"))), Recorded::BodyDropped);
    assert_eq!(recorder.record(&facts[1]), Recorded::Accepted);

    fs::remove_file(&ballast).unwrap();
    wait_until("recording", || recorder.state() == State::Recording);
    drop(reader);
    let summary = session.close().unwrap();
    assert_eq!((summary.dropped_bytes, summary.lost_entries), (4, 0));
    let (exchange, part) = (EXCHANGE, Part::Response);
    let dropped = Event::BodyDropped { exchange, part, bytes: 4 };
    expected.extend([large, facts[0].clone(), entry(3, dropped), facts[1].clone()]);
    assert_eq!(read_all(&Reader::open(&path).unwrap()), expected);
}

#[test]
fn a_full_disk_stalls_the_recording_until_there_is_space() {
    match child_argument() {
        Some(folder) => fills_and_frees(&folder),
        None => on_small_disk("space::a_full_disk_stalls_the_recording_until_there_is_space"),
    }
}

fn closes_full(folder: &Path) {
    let path = folder.join("a.session");
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let committed = entry(0, opened());
    assert_eq!(recorder.record(&committed), Recorded::Accepted);
    settle(&recorder);
    fill(&folder.join("ballast"));
    for number in 1..=2000 {
        let request = entry(number, request(ExchangeId(number)));
        assert_eq!(recorder.record(&request), Recorded::Accepted);
    }
    let error = session.close().unwrap_err();
    let WriteError::Unwritten { lost_entries, source } = &error else { panic!("{error}") };
    assert!(source.is_full(), "{source}");
    let reader = Reader::open(&path).unwrap();
    let read = read_all(&reader);
    assert_eq!(read.len() as u64 + lost_entries, 2001);
    assert_eq!(read[0], committed);

    let error = Session::create(folder.join("b.session")).unwrap_err();
    assert!(matches!(error, CreateError::Storage { .. } | CreateError::Io { .. }), "{error}");
    assert!(!folder.join("b.session").exists());
}

#[test]
fn a_session_closed_on_a_full_disk_says_how_much_is_missing() {
    match child_argument() {
        Some(folder) => closes_full(&folder),
        None => on_small_disk("space::a_session_closed_on_a_full_disk_says_how_much_is_missing"),
    }
}
