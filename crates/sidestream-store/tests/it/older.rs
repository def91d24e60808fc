//! Sessions as each version of their format was written, kept as they are: what users have
//! recorded stays readable.

use std::fs;

use insta::assert_snapshot;
use sidestream_flow::FlowId;
use sidestream_record::{Entry, Recorded, Sink};
use sidestream_store::{Reader, SchemaVersion, Session};

use crate::listing::table;
use crate::play::{closed, entry, opened, place, read_all};

const V2_1: &[u8] = include_bytes!("../../../../fixtures/sessions/2.1.session");

#[test]
fn a_session_of_2_1_is_read_listed_and_continued() {
    let (_folder, path) = place();
    fs::write(&path, V2_1).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.version(), SchemaVersion { major: 2, minor: 1 });
    let contents = reader.contents().unwrap();
    let before = read_all(&reader);
    // None is passed over as unknown.
    assert_eq!((before.len() as u64, contents.lost_entries), (contents.entries, 0));
    drop(reader);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let lists = ["flow_list", "exchange_list"].map(|list| table(&connection, list));
    assert_snapshot!(lists.join("\n\n"));
    connection.close().unwrap();

    let session = Session::create(&path).unwrap();
    for event in [opened(), closed()] {
        let later = Entry { flow: FlowId(6), ..entry(0, event) };
        assert_eq!(session.writer().record(&later), Recorded::Accepted);
    }
    session.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let after = read_all(&reader);
    assert!(after[..before.len()] == before, "what was there is another");
    assert_eq!(after.len(), before.len() + 2);
}

#[test]
fn a_session_of_2_0_is_continued_in_this_version() {
    let (_folder, path) = place();
    fs::write(&path, V2_1).unwrap();
    let older = rusqlite::Connection::open(&path).unwrap();
    older.pragma_update(None, "user_version", 200).unwrap();
    older.close().unwrap();
    assert_eq!(Reader::open(&path).unwrap().version().to_string(), "2.0");
    Session::create(&path).unwrap().close().unwrap();
    assert_eq!(Reader::open(&path).unwrap().version(), SchemaVersion::CURRENT);
}
