//! Tests that need the writer's own connection.

use std::time::SystemTime;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Entry, Event, Part};

use super::*;
use crate::schema;

fn body(bytes: usize) -> Row {
    let event = Event::Body {
        exchange: ExchangeId(1),
        part: Part::Request,
        data: Bytes::from(vec![7; bytes]),
    };
    Row::new(&Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(1), event })
}

fn entries(writer: &Writer) -> i64 {
    let query = "SELECT count(*) FROM entry";
    writer.connection().query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_transaction_that_does_not_fit_leaves_nothing_and_can_be_written_later() {
    let connection = Connection::open_in_memory().unwrap();
    schema::create(&connection).unwrap();
    let mut writer = Writer::begin(connection, 0).unwrap();
    let limit = |pages: u32| {
        writer.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    };
    limit(64).unwrap();
    let rows = [body(10), body(1024 * 1024)];
    writer.write(&rows[..1], 0).unwrap();

    let error = writer.write(&rows, 0).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    assert_eq!(entries(&writer), 1);

    writer.connection().pragma_update_and_check(None, "max_page_count", 4096, |_| Ok(())).unwrap();
    writer.write(&rows, 0).unwrap();
    assert_eq!(entries(&writer), 3);
}
