//! Any sqlite3 lists a session.

use insta::assert_snapshot;
use rusqlite::types::Value;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{DnsMessage, DnsQuestion, Event, Failure, Part, Protocol, Recorded, Sink};
use sidestream_store::Session;

use crate::play::{body, closed, ended, entry, opened, place, request, response};

fn dns(response: bool) -> Event {
    let question = DnsQuestion { name: "a.test".into(), kind: "AAAA".into(), class: "IN".into() };
    let rcode = if response { 3 } else { 0 };
    let message =
        DnsMessage { response, rcode, questions: vec![question], ..DnsMessage::default() };
    Event::Dns { exchange: ExchangeId(3), message }
}

/// Prints a table or view as sqlite3 would.
pub(crate) fn table(connection: &rusqlite::Connection, name: &str) -> String {
    let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
    let columns: Vec<String> = statement.column_names().map(Into::into).collect();
    let lines = statement
        .query_map([], |row| {
            let cells = (0..columns.len()).map(|index| {
                Ok(match row.get(index)? {
                    Value::Null => "-".to_owned(),
                    Value::Integer(number) => number.to_string(),
                    Value::Real(number) => number.to_string(),
                    Value::Text(text) => text,
                    Value::Blob(blob) => format!("{} bytes", blob.len()),
                })
            });
            Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join(" | "))
        })
        .unwrap();
    let lines: Vec<_> = lines.map(Result::unwrap).collect();
    [columns.join(" | ")].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_lists_tell_what_was_asked_and_how_it_came_out() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let (first, second) = (ExchangeId(1), ExchangeId(2));
    let upload = Event::Body { exchange: second, part: Part::Request, data: "upload".into() };
    let failure = Some(Failure::Reset(Peer::Server(0)));
    let datagram =
        Event::Data { message: MessageId(1), from: Peer::Server(0), data: "datagram".into() };
    let events = [
        opened(),
        Event::Named { host: "a.test".into() },
        Event::Recognized(Protocol::Http1),
        request(first),
        response(first, 103),
        response(first, 200),
        body(first, "hello "),
        body(first, "world"),
        ended(first),
        request(second),
        upload,
        Event::ExchangeEnded { exchange: second, failure },
        dns(false),
        dns(true),
        ended(ExchangeId(3)),
        datagram,
        closed(),
    ];
    for (at, event) in (0..).zip(events) {
        assert_eq!(session.writer().record(&entry(at, event)), Recorded::Accepted);
    }
    session.close().unwrap();

    let connection = rusqlite::Connection::open(&path).unwrap();
    assert_snapshot!(table(&connection, "exchange_list"), @r"
    id | started | process | method | url | status | request_bytes | response_bytes | ms | dropped | failure | marker | comment
    1 | 2026-01-01 00:00:00.003 | curl[42] | GET | http://a.test/1 | 200 | 0 | 11 | 5 | 0 | - | - | -
    2 | 2026-01-01 00:00:00.009 | curl[42] | GET | http://a.test/2 | - | 6 | 0 | 2 | 0 | reset by the server | - | -
    3 | 2026-01-01 00:00:00.012 | curl[42] | DNS | a.test AAAA | 3 | 0 | 0 | 2 | 0 | - | - | -
    ");
    let told = "SELECT id, version, request_type = '' AS asked_without, status, answered,
        response_type = '' AS answered_without FROM";
    assert_snapshot!(table(&connection, &format!("({told} exchange)")), @r"
    id | version | asked_without | status | answered | answered_without
    1 | 11 | 1 | 200 | 0 | 1
    2 | 11 | 1 | - | 0 | -
    3 | 0 | - | 3 | 0 | -
    ");
    assert_snapshot!(table(&connection, "flow_list"), @r"
    id | opened | process | transport | client | server | host | protocol | via | received | sent | ms | failure | marker | comment
    1 | 2026-01-01 00:00:00.000 | curl[42] | tcp | 10.0.0.2:40000 | 192.0.2.1:80 | a.test | HTTP/1 | run | 80 | 2048 | 16 | - | - | -
    ");
    let told = "(SELECT id, servers, sni, alpn, ja4, told_seq FROM flow)";
    assert_snapshot!(table(&connection, told), @r"
    id | servers | sni | alpn | ja4 | told_seq
    1 |  |  |  |  | 3
    ");
    // What is so small stands in blocks.
    assert_snapshot!(table(&connection, "stretch"), @"id | exchange | part | offset | size | dropped | chunk | data");
    assert_snapshot!(table(&connection, "content"), @"seq | message | sender | dropped | data | chunk");
    assert_snapshot!(table(&connection, "(SELECT id, inline_seq FROM exchange)"), @r"
    id | inline_seq
    1 | 8
    2 | 11
    3 | -
    ");
    assert_snapshot!(table(&connection, "(SELECT id, parent, pid, name, path FROM process)"), @r"
    id | parent | pid | name | path
    1 | - | 41 | sh | -
    2 | 1 | 42 | curl | /usr/bin/curl
    ");
    let span = "SELECT id, first_seq, last_seq FROM";
    assert_snapshot!(table(&connection, &format!("({span} exchange)")), @r"
    id | first_seq | last_seq
    1 | 4 | 9
    2 | 10 | 12
    3 | 13 | 15
    ");
    assert_snapshot!(table(&connection, &format!("({span} flow)")), @r"
    id | first_seq | last_seq
    1 | 1 | 17
    ");
    let check: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
