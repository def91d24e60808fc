//! What is added to a session at once is there as a whole, or not at all.

use std::fs;
use std::path::Path;

use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Entry, Event, Recorded, Sink};
use sidestream_store::{Addition, CopyError, CreateError, Reader, Session, is_recorded};

use crate::play::{EXCHANGE, body, closed, entry, opened, place, read_all, request};

/// As much as several transactions of a recording have.
fn much() -> Vec<Entry> {
    let noise =
        |number: u64| (number..number + 2_000_000).map(|it| ((it * it) >> 7) as u8).collect();
    let body = |number| {
        entry(number, body(ExchangeId(number + 1), Vec::from_iter::<Vec<u8>>(noise(number))))
    };
    (0..12).map(body).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_added_is_there_when_all_of_it_is() {
    let (folder, path) = place();
    let first = [entry(0, opened()), entry(1, request(EXCHANGE)), entry(2, closed())];
    for round in 1..=2 {
        let mut addition = Addition::begin(&path).unwrap();
        addition.add(&first).unwrap();
        // Nobody sees the beginning of it.
        assert_eq!(path.exists(), round > 1);
        if round > 1 {
            assert_eq!(read_all(&Reader::open(&path).unwrap()).len(), first.len());
        }
        assert!(addition.finish().unwrap());
        let reader = Reader::open(&path).unwrap();
        assert_eq!(read_all(&reader).len(), round * first.len());
        assert!(reader.contents().unwrap().closed);
        assert_eq!(names(folder.path()), ["a.session"]);
    }
}

#[test]
fn what_is_given_up_leaves_the_session_as_it_was() {
    let (folder, path) = place();
    let mut addition = Addition::begin(&path).unwrap();
    addition.add(&much()).unwrap();
    drop(addition);
    assert!(names(folder.path()).is_empty());

    let session = Session::create(&path).unwrap();
    for entry in [entry(0, opened()), entry(1, body(EXCHANGE, vec![1; 100_000]))] {
        assert_eq!(session.writer().record(&entry), Recorded::Accepted);
    }
    session.close().unwrap();
    let before = read_all(&Reader::open(&path).unwrap());
    let contents = Reader::open(&path).unwrap().contents().unwrap();
    let len = fs::metadata(&path).unwrap().len();
    let mut addition = Addition::begin(&path).unwrap();
    assert_eq!(addition.ids().exchange(), ExchangeId(2));
    addition.add(&much()).unwrap();
    drop(addition);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(read_all(&reader), before);
    assert_eq!(reader.contents().unwrap(), contents);
    let verified = reader.verify().unwrap();
    assert!(verified.is_sound(), "{:?}", verified.problems);
    assert_eq!(fs::metadata(&path).unwrap().len(), len);
    assert_eq!(names(folder.path()), ["a.session"]);
}

#[test]
fn an_entry_that_is_too_long_is_refused_with_all_that_belongs_to_it() {
    let (_folder, path) = place();
    let mut addition = Addition::begin(&path).unwrap();
    let long = Event::Named { host: "a".repeat(17 * 1024 * 1024) };
    let error = addition.add(&[entry(0, opened()), entry(1, long)]).unwrap_err();
    assert!(matches!(error, CopyError::TooLong { limit: 16_777_216, .. }), "{error}");
    let data = vec![1; 17 * 1024 * 1024].into();
    let message = Event::Data { message: MessageId(1), from: Peer::Client, data };
    let error = addition.add(&[entry(0, opened()), entry(1, message)]).unwrap_err();
    assert!(matches!(error, CopyError::TooLong { .. }), "{error}");
    let fine = [entry(0, opened()), entry(1, closed())];
    addition.add(&fine).unwrap();
    addition.finish().unwrap();
    assert_eq!(read_all(&Reader::open(&path).unwrap()), fine);
}

#[test]
fn an_empty_file_takes_what_is_added_and_another_one_is_left_as_it_is() {
    let (folder, path) = place();
    fs::write(&path, "").unwrap();
    drop(Addition::begin(&path).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"");
    let mut addition = Addition::begin(&path).unwrap();
    addition.add(&[entry(0, opened())]).unwrap();
    addition.finish().unwrap();
    assert_eq!(read_all(&Reader::open(&path).unwrap()).len(), 1);

    let letter = folder.path().join("letter");
    fs::write(&letter, "Dear all,").unwrap();
    let error = Addition::begin(&letter).unwrap_err();
    assert!(matches!(error, CopyError::Create(CreateError::NotASession { .. })), "{error}");
    assert_eq!(fs::read(&letter).unwrap(), b"Dear all,");
    assert_eq!(names(folder.path()), ["a.session", "letter"]);
}

#[test]
fn who_writes_to_a_session_is_named_to_whoever_else_wants_to() {
    let (folder, path) = place();
    let told = |error: &CreateError| match error {
        CreateError::InUse { holder, .. } => *holder,
        error => panic!("{error}"),
    };
    let me = Some(std::process::id());
    let first = Addition::begin(&path).unwrap();
    assert_eq!(told(&Session::create(&path).unwrap_err()), me);
    first.finish().unwrap();
    let session = Session::create(&path).unwrap();
    let error = Addition::begin(&path).unwrap_err();
    let CopyError::Create(error) = error else { panic!("{error}") };
    assert_eq!(told(&error), me);
    let text = error.to_string().replace(&path.display().to_string(), "FILE");
    let text = text.replace(&std::process::id().to_string(), "ID");
    insta::assert_snapshot!(text, @"FILE is in use: process ID writes to it; wait until that has ended, or choose another file");
    // One that an older version left says nothing.
    fs::write(folder.path().join("a.session-lock"), "").unwrap();
    let text = Session::create(&path).unwrap_err().to_string();
    let text = text.replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(text, @"FILE is in use: a process that `fuser 'FILE-lock'` names writes to it; wait until that has ended, or choose another file");
    session.close().unwrap();
    assert_eq!(names(folder.path()), ["a.session"]);
}

#[cfg(unix)]
#[test]
fn who_comes_by_a_link_is_kept_away_as_well() {
    let (folder, path) = place();
    let link = folder.path().join("link");
    let session = Session::create(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(is_recorded(&link).unwrap());
    for error in [
        Session::create(&link).unwrap_err(),
        match Addition::begin(&link).unwrap_err() {
            CopyError::Create(error) => error,
            error => panic!("{error}"),
        },
    ] {
        assert!(matches!(error, CreateError::InUse { .. }), "{error}");
    }
    session.close().unwrap();
    let session = Session::create(&link).unwrap();
    assert!(is_recorded(&path).unwrap());
    session.close().unwrap();
    assert_eq!(names(folder.path()), ["a.session", "link"]);
}

#[test]
fn a_session_that_another_program_has_locked_is_told() {
    let (_folder, path) = place();
    Session::create(&path).unwrap().close().unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = Session::create(&path).unwrap_err();
    assert!(matches!(error, CreateError::Locked { .. }), "{error}");
}
