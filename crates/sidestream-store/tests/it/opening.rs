//! Files that are no sessions, or damaged ones, get a clear answer and stay as they are.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use sidestream_record::{Entry, Recorded, Sink};
use sidestream_store::{CreateError, OpenError, ReadError, Reader, Seq, Session};

use crate::play::{EXCHANGE, body, closed, entry, opened, place};

/// Tries to read and to continue a file, and returns both answers with the path as FILE.
fn answers(path: &Path) -> String {
    let before = fs::read(path).ok();
    let open = Reader::open(path).unwrap_err().to_string();
    let create = match Session::create(path) {
        Ok(session) => {
            session.close().unwrap();
            "created".to_owned()
        }
        Err(error) => {
            assert_eq!(fs::read(path).ok(), before, "the file was changed");
            error.to_string()
        }
    };
    format!("{open}\n{create}").replace(&path.display().to_string(), "FILE")
}

/// Makes a session of some pages.
fn session(path: &Path) {
    let session = Session::create(path).unwrap();
    let events = [opened(), body(EXCHANGE, vec![1; 100_000]), closed()];
    for (at, event) in (0..).zip(events) {
        assert_eq!(session.writer().record(&entry(at, event)), Recorded::Accepted);
    }
    session.close().unwrap();
}

#[test]
fn text_is_no_session() {
    let (_folder, path) = place();
    fs::write(&path, "a letter to somebody\n".repeat(1000)).unwrap();
    assert_snapshot!(answers(&path), @r"
    FILE is not a session; name a file that was recorded with --session
    FILE exists and is not a session; it was left as it is, choose another file
    ");
}

#[test]
fn another_program_s_database_is_no_session() {
    let (_folder, path) = place();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    other.close().unwrap();
    assert_snapshot!(answers(&path), @r"
    FILE is not a session; name a file that was recorded with --session
    FILE exists and is not a session; it was left as it is, choose another file
    ");
}

#[test]
fn a_database_that_says_what_it_is_is_no_session() {
    let (_folder, path) = place();
    let other = rusqlite::Connection::open(&path).unwrap();
    // GeoPackage's.
    other
        .execute_batch("PRAGMA application_id = 0x47504b47; CREATE TABLE block (first INTEGER)")
        .unwrap();
    other.close().unwrap();
    assert_snapshot!(answers(&path), @r"
    FILE is not a session; name a file that was recorded with --session
    FILE exists and is not a session; it was left as it is, choose another file
    ");
}

#[cfg(unix)]
#[test]
fn a_pipe_and_a_device_are_no_sessions_and_nobody_waits_for_them() {
    let (_folder, path) = place();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let told = |error: &dyn std::fmt::Display| {
        error.to_string().replace(&path.display().to_string(), "FILE")
    };
    let error = Reader::open("/dev/null").unwrap_err();
    assert!(matches!(error, OpenError::NotASession { .. }), "{error}");
    assert_snapshot!(told(&Reader::open(&path).unwrap_err()), @"FILE is not a session; name a file that was recorded with --session");
    assert_snapshot!(told(&Session::create(&path).unwrap_err()), @"FILE is not a regular file; choose another file");
    for error in [
        sidestream_store::rewrite(&path, |_| true).unwrap_err(),
        sidestream_store::append(&path, &[]).unwrap_err(),
        sidestream_store::index(&path).unwrap_err(),
    ] {
        assert!(told(&error).starts_with("FILE is not a "), "{error}");
    }
}

#[test]
fn an_empty_file_becomes_a_session() {
    let (_folder, path) = place();
    fs::write(&path, "").unwrap();
    assert_snapshot!(answers(&path), @r"
    FILE is not a session; name a file that was recorded with --session
    created
    ");
    assert_eq!(Reader::open(&path).unwrap().entries(..).count(), 0);
}

#[test]
fn a_missing_folder_and_a_folder_are_told_apart() {
    let (folder, path) = place();
    let error = Session::create(path.join("x")).unwrap_err();
    assert!(matches!(error, CreateError::Io { .. }), "{error}");
    let error = Session::create(folder.path()).unwrap_err();
    assert!(matches!(error, CreateError::NotAFile { .. }), "{error}");
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let error = Reader::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotASession { .. }), "{error}");
}

#[test]
fn a_newer_and_an_older_format_are_told_apart() {
    let (_folder, path) = place();
    session(&path);
    let set = |version: i32| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
        connection.close().unwrap();
        answers(&path)
    };
    assert_snapshot!(set(405), @r"
    FILE is a session of version 4.5, and only version 3.x is known here; update to read it
    FILE is a session of version 4.5, and version 3.1 is written here; choose another file
    ");
    assert_snapshot!(set(100), @r"
    FILE is a session of version 1.0; read it with the version that wrote it
    FILE is a session of version 1.0, and version 3.1 is written here; choose another file
    ");
}

#[test]
fn half_a_copy_is_a_damaged_session() {
    let (_folder, path) = place();
    session(&path);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_snapshot!(answers(&path), @r"
    FILE is a damaged session: database disk image is malformed; copy it again, or save what is left with sqlite3 'FILE' .recover
    FILE is a damaged session: database disk image is malformed; choose another file
    ");
    for len in (0..whole.len()).step_by(1009) {
        fs::write(&path, &whole[..len]).unwrap();
        let error = Reader::open(&path).unwrap_err();
        let fits = matches!(error, OpenError::NotASession { .. } | OpenError::Corrupt { .. });
        assert!(fits, "{len}: {error}");
    }
}

#[test]
fn flipped_bytes_give_errors_or_entries_and_never_a_panic() {
    let (_folder, path) = place();
    session(&path);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(373) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        if let Ok(reader) = Reader::open(&path) {
            let read = reader.entries(..).take(5000).count();
            assert!(read < 5000, "{at}: a damaged file has no end");
            drop(std::io::copy(
                &mut reader.body(EXCHANGE, sidestream_record::Part::Response),
                &mut std::io::sink(),
            ));
        }
    }
}

/// How many bytes at the end of a block tell whether it is whole.
const CHECK_BYTES: usize = 9;

/// Changes the payload of the first block of a session, and reads it.
fn with_block(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Vec<Result<Entry, ReadError>> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let query = "SELECT payload, coalesce(size, 0) FROM block WHERE first = 1";
    let (mut payload, size): (Vec<u8>, u32) =
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    if payload.len() < size as usize {
        payload = zstd::bulk::decompress(&payload, size as usize).unwrap();
    }
    change(&mut payload);
    let change = "UPDATE block SET payload = ?1, size = NULL WHERE first = 1";
    connection.execute(change, [payload]).unwrap();
    connection.close().unwrap();
    Reader::open(path).unwrap().entries(..).collect()
}

#[test]
fn a_damaged_entry_is_named_and_the_next_one_is_read() {
    let (_folder, path) = place();
    session(&path);
    // Before 3.1 a block had no check. Behind the frame of the first entry, no field of protobuf
    // begins so.
    let read = with_block(&path, |payload| {
        payload.truncate(payload.len() - CHECK_BYTES);
        payload[3] = 0xff;
    });
    let Err(error @ ReadError::Damaged { .. }) = &read[0] else { panic!("{:?}", read[0]) };
    assert_snapshot!(error, @"entry 1 is damaged: the payload is not a protobuf message");
    assert_eq!(read.len(), 3);
    assert!(read[1].is_ok() && read[2].is_ok());
}

#[test]
fn nothing_of_a_block_that_was_changed_is_taken_for_what_was_recorded() {
    let (_folder, path) = place();
    session(&path);
    // The last byte of an event, which could be any other.
    let read = with_block(&path, |payload| {
        let last = payload.len() - CHECK_BYTES - 1;
        payload[last] ^= 1;
    });
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(|entry| matches!(entry, Err(ReadError::Damaged { .. }))), "{read:?}");
    // Nor where the times of its entries are counted from.
    let (_folder, path) = place();
    session(&path);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE block SET at = at + 1").unwrap();
    connection.close().unwrap();
    assert!(Reader::open(&path).unwrap().entries(..).all(|entry| entry.is_err()));
}

#[test]
fn of_a_cut_block_each_entry_is_named() {
    let (_folder, path) = place();
    session(&path);
    let read = with_block(&path, |payload| payload.truncate(payload.len() - 1));
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(Result::is_err));
    assert_snapshot!(read[2].as_ref().unwrap_err(), @"entry 3 is damaged: the block from here on is damaged");

    // What is recorded afterwards is not harmed, nor are its numbers.
    let session = Session::create(&path).unwrap();
    assert_eq!(session.writer().record(&entry(9, closed())), Recorded::Accepted);
    session.close().unwrap();
    let read = with_block(&path, Vec::clear);
    assert_eq!(read.iter().filter(|entry| entry.is_err()).count(), 3);
    assert_eq!(*read[3].as_ref().unwrap(), entry(9, closed()));
    assert_eq!(Reader::open(&path).unwrap().entries(Seq(4)..).count(), 1);
}

#[test]
fn of_a_block_that_cannot_be_unpacked_each_entry_is_named() {
    let (_folder, path) = place();
    session(&path);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE block SET size = size + 1").unwrap();
    connection.close().unwrap();
    let read: Vec<_> = Reader::open(&path).unwrap().entries(..).collect();
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(|entry| matches!(entry, Err(ReadError::Damaged { .. }))));
}

#[test]
fn numbers_up_to_the_last_there_is_come_to_an_end() {
    for first in [i64::MIN, -1, 0, i64::MAX - 2, i64::MAX - 1, i64::MAX] {
        let (_folder, path) = place();
        session(&path);
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute("UPDATE block SET first = ?1", [first]).unwrap();
        connection.close().unwrap();
        let before = fs::read(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert!(reader.entries(..).take(10).count() <= 3, "{first}");
        reader.verify().unwrap();
        drop(reader);
        let refused = match Session::create(&path) {
            Ok(session) => {
                assert_eq!(session.writer().record(&entry(9, closed())), Recorded::Accepted);
                session.close().unwrap();
                assert_eq!(Reader::open(&path).unwrap().entries(..).take(10).count(), 4);
                false
            }
            Err(error) => {
                assert!(matches!(error, CreateError::Corrupt { .. }), "{first}: {error}");
                assert!(fs::read(&path).unwrap() == before, "{first}");
                true
            }
        };
        assert_eq!(refused, first != 0, "{first}");
    }
}

#[cfg(unix)]
#[test]
fn a_lock_that_leads_elsewhere_is_not_written_to() {
    let (folder, path) = place();
    let of_others = folder.path().join("of-others");
    fs::write(&of_others, "not ours").unwrap();
    let lock = path.with_extension("session-lock");
    std::os::unix::fs::symlink(&of_others, &lock).unwrap();
    let error = Session::create(&path).unwrap_err();
    assert!(matches!(error, CreateError::Io { .. }), "{error}");
    assert!(!path.exists());
    assert_eq!(fs::read_to_string(&of_others).unwrap(), "not ours");
    fs::remove_file(&lock).unwrap();
    Session::create(&path).unwrap().close().unwrap();
}

#[test]
fn two_recordings_do_not_write_to_one_session() {
    let (folder, path) = place();
    let first = Session::create(&path).unwrap();
    let error = Session::create(&path).unwrap_err();
    assert!(matches!(error, CreateError::InUse { .. }), "{error}");
    first.close().unwrap();
    let second = Session::create(&path).unwrap();
    second.close().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_session_is_readable_by_its_owner_alone_also_while_it_is_written() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, path) = place();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let session = Session::create(&path).unwrap();
    assert_eq!(session.writer().record(&entry(0, opened())), Recorded::Accepted);
    crate::play::settle(&session.writer());
    let files: Vec<_> = folder.path().read_dir().unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    session.close().unwrap();
}
