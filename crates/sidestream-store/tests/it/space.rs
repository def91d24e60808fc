//! A full disk stops the recording, spoils nothing, and lets it go on.

use std::fs;
use std::path::Path;
use std::process::Command;

use sidestream_flow::ExchangeId;
use sidestream_record::{Event, Part, Recorded, Sink};
use sidestream_store::{
    Addition, CopyError, CreateError, Reader, Session, State, WriteError, merge, rewrite,
};

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
    assert_eq!(reason, "the disk is full");
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

/// Fills the disk while several transactions are under way: each stands where it came, and what
/// was dropped meanwhile is told.
fn fills_in_the_middle(folder: &Path) {
    let path = folder.join("a.session");
    let ballast = folder.join("ballast");
    let session = Session::create(&path).unwrap();
    let recorder = session.writer();
    let mut taken = vec![entry(0, opened())];
    taken.extend((1..=7).map(|number| entry(0, request(ExchangeId(number)))));
    taken.iter().for_each(|entry| assert_eq!(recorder.record(entry), Recorded::Accepted));
    settle(&recorder);

    fill(&ballast);
    let before = taken.len();
    let mut dropped = 0;
    for number in 1..=60_u64 {
        // Each shrinks to almost nothing, and goes on in later transactions.
        let piece = vec![number.to_le_bytes()[0]; 700_000];
        let body = entry(number, body(ExchangeId(1 + number % 7), piece));
        match recorder.record(&body) {
            Recorded::Accepted => taken.push(body),
            Recorded::BodyDropped => dropped += 700_000,
            Recorded::Full => panic!("there is room for facts"),
        }
    }
    wait_until("stalled", || matches!(recorder.state(), State::Stalled { .. }));
    assert!(read_all(&Reader::open(&path).unwrap()) == taken[..before], "something else is there");
    fs::remove_file(&ballast).unwrap();
    settle(&recorder);
    assert_eq!(recorder.state(), State::Recording);
    let summary = session.close().unwrap();
    assert_eq!((summary.dropped_bytes, summary.lost_entries), (dropped, 0));
    let reader = Reader::open(&path).unwrap();
    let (mut read, mut gaps) = (read_all(&reader), 0);
    read.retain(|entry| match entry.event {
        Event::BodyDropped { bytes, .. } => {
            gaps += bytes;
            false
        }
        _ => true,
    });
    assert!(read == taken, "{} entries, of {}", read.len(), taken.len());
    assert_eq!(gaps, dropped);
    assert!(reader.verify().unwrap().is_sound());
}

#[test]
fn a_disk_that_is_full_while_much_is_under_way_costs_nothing_that_was_taken() {
    match child_argument() {
        Some(folder) => fills_in_the_middle(&folder),
        None => on_small_disk(
            "space::a_disk_that_is_full_while_much_is_under_way_costs_nothing_that_was_taken",
        ),
    }
}

#[test]
fn a_full_disk_stalls_the_recording_until_there_is_space() {
    match child_argument() {
        Some(folder) => fills_and_frees(&folder),
        None => on_small_disk("space::a_full_disk_stalls_the_recording_until_there_is_space"),
    }
}

fn is_written_anew_without_room(folder: &Path) {
    let path = folder.join("a.session");
    let session = Session::create(&path).unwrap();
    let noise = |number: u64| {
        let words = (0..100_000_u64).map(|n| (n ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        words.map(|word| (word >> 56) as u8).collect::<Vec<_>>()
    };
    for number in 1..=10 {
        let event = body(ExchangeId(number), noise(number));
        assert_eq!(session.writer().record(&entry(number, event)), Recorded::Accepted);
    }
    session.close().unwrap();
    fill(&folder.join("ballast"));
    let before = fs::read(&path).unwrap();
    let files = || folder.read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    let whole: std::collections::BTreeSet<_> = files();

    let is_full = |error: CopyError| match error {
        CopyError::Write(source) | CopyError::Create(CreateError::Storage { source, .. }) => {
            source.is_full()
        }
        CopyError::Create(CreateError::Io { source, .. }) => {
            source.kind() == std::io::ErrorKind::StorageFull
        }
        _ => false,
    };
    let error = rewrite(&path, |_| true).unwrap_err();
    assert!(is_full(error), "of what is written anew");
    let error = merge(&[Reader::open(&path).unwrap()], folder.join("b"), |_| true).unwrap_err();
    assert!(is_full(error), "of what is joined");
    assert_eq!(files(), whole);
    assert!(fs::read(&path).unwrap() == before);

    fs::remove_file(folder.join("ballast")).unwrap();
    rewrite(&path, |_| true).unwrap();
    assert!(Reader::open(&path).unwrap().verify().unwrap().is_sound());
}

#[test]
fn a_full_disk_harms_no_session_that_is_written_anew() {
    match child_argument() {
        Some(folder) => is_written_anew_without_room(&folder),
        None => on_small_disk("space::a_full_disk_harms_no_session_that_is_written_anew"),
    }
}

/// Adds to a new session, and joins sessions into one, with all rooms from none to enough: each is
/// there and sound, or not there.
fn is_whole_or_not_there(folder: &Path) {
    let (source, new, ballast) = (folder.join("b"), folder.join("new"), folder.join("ballast"));
    let noise = |number: u64| {
        let words = (0..200_000_u64).map(|n| (n ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        words.map(|word| (word >> 56) as u8).collect::<Vec<_>>()
    };
    let entries = [entry(0, opened()), entry(1, body(EXCHANGE, noise(1))), entry(2, closed())];
    let session = Session::create(&source).unwrap();
    entries.iter().for_each(|entry| assert_eq!(session.writer().record(entry), Recorded::Accepted));
    session.close().unwrap();
    let add = || {
        let mut addition = Addition::begin(&new)?;
        addition.add(&entries)?;
        addition.finish().map(drop)
    };
    let join = || merge(&[Reader::open(&source).unwrap()], &new, |_| true).map(drop);
    let ways: [&dyn Fn() -> Result<(), CopyError>; 2] = [&add, &join];
    let (mut made, mut refused) = ([0, 0], [0, 0]);
    for room in (0..1600).step_by(16) {
        for (number, way) in ways.iter().enumerate() {
            fill(&ballast);
            let file = fs::OpenOptions::new().write(true).open(&ballast).unwrap();
            let len = file.metadata().unwrap().len();
            file.set_len(len - room * 1024).unwrap();
            let written = way();
            fs::remove_file(&ballast).unwrap();
            if written.is_ok() {
                made[number] += 1;
                let reader = Reader::open(&new).unwrap();
                assert_eq!(read_all(&reader), entries, "{room} KiB");
                let verified = reader.verify().unwrap();
                assert!(verified.is_sound(), "{room} KiB: {:?}", verified.problems);
                fs::remove_file(&new).unwrap();
            } else {
                refused[number] += 1;
                assert!(!new.exists(), "{room} KiB");
            }
            assert_eq!(folder.read_dir().unwrap().count(), 1, "{room} KiB");
        }
    }
    assert!([made, refused].concat().iter().all(|count| *count > 5), "{made:?} {refused:?}");
}

#[test]
fn a_nearly_full_disk_has_a_whole_session_or_none() {
    match child_argument() {
        Some(folder) => is_whole_or_not_there(&folder),
        None => on_small_disk("space::a_nearly_full_disk_has_a_whole_session_or_none"),
    }
}

/// Makes the folder, a file system of its own, read-only.
fn seal(folder: &Path) {
    let mut mount = Command::new("mount");
    // Without `bind` its options are set anew, and its owner is nobody whom the namespace knows.
    mount.args(["-o", "remount,bind,ro"]).arg(folder);
    assert!(mount.status().unwrap().success());
}

fn reads_where_nothing_can_be_written(folder: &Path) {
    let path = |name: &str| folder.join(name);
    let entries = [entry(0, opened()), entry(1, body(EXCHANGE, "a needle")), entry(2, closed())];
    let session = Session::create(path("whole")).unwrap();
    entries.iter().for_each(|entry| assert_eq!(session.writer().record(entry), Recorded::Accepted));
    settle(&session.writer());
    // As a killed recording leaves it, and one that has had a log.
    fs::copy(path("whole"), path("killed")).unwrap();
    fs::copy(path("whole-wal"), path("killed-wal")).unwrap();
    assert!(session.close().unwrap().one_file);
    fs::copy(path("whole"), path("alone")).unwrap();
    let alone = rusqlite::Connection::open(path("alone")).unwrap();
    alone.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    alone.close().unwrap();
    seal(folder);

    for name in ["whole", "alone"] {
        let reader = Reader::open(path(name)).unwrap();
        assert_eq!(read_all(&reader), entries, "{name}");
        let verified = reader.verify().unwrap();
        assert!(verified.is_sound(), "{name}: {:?}", verified.problems);
        assert!(reader.again().is_ok(), "{name}");
    }
    let told = |error: &dyn std::fmt::Display| {
        error.to_string().replace(&folder.display().to_string(), "FOLDER")
    };
    insta::assert_snapshot!(told(&Reader::open(path("killed")).unwrap_err()), @"FOLDER/killed was being recorded, and what was written last stands beside it in FOLDER/killed-wal; copy both to a folder that can be written to");
    insta::assert_snapshot!(told(&Session::create(path("whole")).unwrap_err()), @"cannot write FOLDER/whole; check that its folder exists and that both can be written to");
    insta::assert_snapshot!(told(&Session::create(path("new")).unwrap_err()), @"cannot write FOLDER/new; check that its folder exists and that both can be written to");
    let error = rewrite(path("whole"), |_| true).unwrap_err();
    assert!(told(&error).contains("can be written to"), "{error}");
}

#[test]
fn a_session_in_a_folder_that_cannot_be_written_to_is_read() {
    match child_argument() {
        Some(folder) => reads_where_nothing_can_be_written(&folder),
        None => on_small_disk("space::a_session_in_a_folder_that_cannot_be_written_to_is_read"),
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
    // Several transactions, some of which are laid out before it is known that the first fails.
    for number in 1..=9000 {
        let request = entry(number, request(ExchangeId(number)));
        assert_eq!(recorder.record(&request), Recorded::Accepted);
    }
    let error = session.close().unwrap_err();
    let WriteError::Unwritten { lost_entries, source } = &error else { panic!("{error}") };
    assert!(source.is_full(), "{source}");
    let reader = Reader::open(&path).unwrap();
    let read = read_all(&reader);
    assert_eq!(read.len() as u64 + lost_entries, 9001);
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
