//! Tests that need the writer's own connection.

use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use rusqlite::types::Value;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, MessageId, Peer, Transport};
use sidestream_record::{
    Closed, Entry, Event, Failure, Fields, Opened, Protocol, RequestHead, ResponseHead, Tls,
    TlsVersion, Version,
};

use super::*;
use crate::reader::Reader;
use crate::retention::Retention;
use crate::row::Content;
use crate::schema;

mod ahead;

fn row(flow: u64, event: Event) -> Row {
    Row::new(&Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(flow), event })
}

/// A body that does not shrink.
fn body(bytes: usize) -> Row {
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut data = vec![0; bytes];
    noise.fill(&mut data);
    let data = Bytes::from(data);
    row(1, Event::Body { exchange: ExchangeId(1), part: Part::Request, data })
}

fn writer() -> Writer {
    let connection = Connection::open_in_memory().unwrap();
    schema::create(&connection).unwrap();
    Writer::begin(connection, 0).unwrap()
}

fn entries(writer: &Writer) -> i64 {
    let query = "SELECT coalesce(sum(count), 0) FROM block";
    writer.connection().query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_transaction_that_does_not_fit_leaves_nothing_and_can_be_written_later() {
    let mut writer = writer();
    let limit = |pages: u32| {
        writer.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    };
    limit(32).unwrap();
    let rows = [body(10), body(1024 * 1024)];
    writer.write(&rows[..1], 0).unwrap();

    let error = writer.write(&rows, 0).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    assert_eq!(entries(&writer), 1);

    writer.connection().pragma_update_and_check(None, "max_page_count", 4096, |_| Ok(())).unwrap();
    writer.write(&rows, 0).unwrap();
    assert_eq!(entries(&writer), 3);
    let stretches = "SELECT group_concat(offset || '+' || size, ' ') FROM stretch";
    let stretches: String = writer.connection().query_row(stretches, [], |row| row.get(0)).unwrap();
    assert!(stretches.starts_with("10+65526 65536+65536 131072+65536 "), "{stretches}");
    assert!(stretches.ends_with(" 983040+65536 1048576+20"), "{stretches}");
}

#[test]
fn chunks_that_two_threads_pack_are_each_there_once_and_in_their_places() {
    let mut writer = writer();
    let Update::Body { content: Content::Kept(noise), .. } = body(2 * 1024 * 1024).update else {
        panic!("a body is one")
    };
    // What is packed at once takes long, so that threads come to their ends out of order.
    let text = "a line like any other\n".repeat(100_000).into_bytes();
    let half = noise.len() / 2;
    let sent = [
        [&noise[..half], &text[..half], &noise[half..]].concat(),
        [&text[..half], &noise[..]].concat(),
        noise.to_vec(),
    ];
    let rows: Vec<_> = (1..)
        .zip(&sent)
        .map(|(exchange, data)| {
            let (exchange, part) = (ExchangeId(exchange), Part::Request);
            row(1, Event::Body { exchange, part, data: data.clone().into() })
        })
        .collect();
    writer.write(&rows, 0).unwrap();
    let chunks = "SELECT count(*) - count(DISTINCT hash) FROM chunk";
    let again: i64 = writer.connection().query_row(chunks, [], |row| row.get(0)).unwrap();
    assert_eq!(again, 0);
    let reader = Reader::over(writer.connection);
    for (exchange, _, data, gaps) in bodies(&reader).into_iter().step_by(2) {
        assert!(gaps.is_empty(), "{gaps:?}");
        assert!(data == sent[exchange.0 as usize - 1], "{exchange}");
    }
}

/// How many bytes this thread has read, from files and else; none where that is not counted.
fn read_bytes() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

#[test]
fn what_a_transaction_writes_is_not_read_for_it() {
    const TEST: &str = "what_a_transaction_writes_is_not_read_for_it";
    if read_bytes().is_none() {
        return sidestream_testkit::skip(TEST, "what a thread reads is not counted here");
    }
    let folder = tempfile::tempdir().unwrap();
    let connection = crate::session::connect(&folder.path().join("a.session")).unwrap();
    // That reads the log, as it has to.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).unwrap();
    let mut writer = Writer::begin(connection, 0).unwrap();
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut read = 0;
    for transaction in 0..3_u64 {
        let mut body = |number| {
            let mut data = vec![0; 100 * 1024];
            noise.fill(&mut data);
            let (exchange, part) = (ExchangeId(80 * transaction + number), Part::Request);
            row(1, Event::Body { exchange, part, data: data.into() })
        };
        let rows: Vec<_> = (1..=80).map(&mut body).collect();
        let before = read_bytes().unwrap();
        writer.write(&rows, 0).unwrap();
        read = read_bytes().unwrap() - before;
    }
    assert!(read < 512 * 1024, "{read}");
}

#[test]
fn the_log_is_taken_into_the_session_when_it_is_long_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let connection = crate::session::connect(&folder.path().join("a.session")).unwrap();
    let mut writer = Writer::begin(connection, 0).unwrap();
    writer.set_checkpoints_apart(true).unwrap();
    let log = |writer: &Writer| -> (i64, i64) {
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        writer.connection().query_row("PRAGMA wal_checkpoint(NOOP)", [], columns).unwrap()
    };
    let long = i64::from(writer.log_pages);
    writer.write(&[body(100_000)], 0).unwrap();
    writer.checkpoint().unwrap();
    let (pages, taken) = log(&writer);
    assert!(0 < pages && pages < long && taken == 0, "{taken} of {pages}");

    // The same noise in other places, so that no chunk is there already.
    for bytes in [9_000_001, 9_000_002, 9_000_003] {
        writer.write(&[body(bytes)], 0).unwrap();
    }
    assert!(log(&writer).0 > long + long / 2 && log(&writer).1 == 0, "{:?}", log(&writer));
    writer.checkpoint().unwrap();
    assert_eq!(log(&writer).0, log(&writer).1);
    writer.write(&[body(10)], 0).unwrap();
    let (pages, taken) = log(&writer);
    assert!(pages < 20 && taken == 0, "{taken} of {pages}: it does not begin anew");

    writer.set_checkpoints_apart(false).unwrap();
    for bytes in [9_000_004, 9_000_005] {
        writer.write(&[body(bytes)], 0).unwrap();
    }
    assert!(log(&writer).1 > 0, "commits do not take it");
}

#[test]
fn many_and_large_entries_make_more_than_one_block() {
    let mut writer = writer();
    let named = |len| row(1, Event::Named { host: "h".repeat(len) });
    let small: Vec<_> = (0..2500).map(|_| named(1)).collect();
    writer.write(&small, 0).unwrap();
    let large: Vec<_> = (0..5).map(|_| named(200_000)).collect();
    writer.write(&large, 0).unwrap();
    let counts = "SELECT group_concat(first || ':' || count, ' ') FROM block";
    let counts: String = writer.connection().query_row(counts, [], |row| row.get(0)).unwrap();
    assert_eq!(counts, "1:1024 1025:1024 2049:452 2501:2 2503:2 2505:1");
}

/// Writes a block of one message for each of these days since 1970, and returns how many of them
/// are kept of a hundred and second day on which what is a week old goes.
fn kept_of(days: &[i64]) -> usize {
    const DAY: i64 = 24 * 3600 * 1_000_000_000;
    let mut writer = writer();
    for day in days {
        let (message, from, data) = (MessageId(1), Peer::Client, Bytes::from_static(b"x"));
        let row = Row { at: day * DAY, ..row(1, Event::Data { message, from, data }) };
        writer.write(&[row], 0).unwrap();
    }
    let age = Some(Duration::from_hours(7 * 24));
    while writer.retain(&Retention { age, ..Retention::ALL }, 102 * DAY).unwrap() {}
    Reader::over(writer.connection).entries(..).map(Result::unwrap).count()
}

#[test]
fn what_a_wrong_clock_said_takes_out_nothing_that_is_not_old() {
    assert_eq!(kept_of(&[1, 90, 100, 101]), 2);
    // Set back to 1970 for a while: what came before is not old.
    assert_eq!(kept_of(&[90, 100, 1, 2, 101]), 4);
    // Set ahead for a while: it goes with what is old behind it, and keeps nothing from going.
    assert_eq!(kept_of(&[90, 9000, 91, 100, 101]), 2);
    assert_eq!(kept_of(&[90, 9000, 100, 9001, 101]), 4);
    // More than a step takes.
    assert_eq!(kept_of(&[[90; 40], [9000; 40], [91; 40], [101; 40]].concat()), 40);
}

/// Sizes of pieces that stand in blocks, beside them, and in several chunks.
fn pieces() -> impl Strategy<Value = usize> {
    prop_oneof![0..20_usize, 3000..20_000_usize, 60_000..140_000_usize]
}

/// Events of few flows and exchanges, also in orders that no flow has.
fn event() -> impl Strategy<Value = Event> {
    let exchange = || (1..4_u64).prop_map(ExchangeId);
    let part = || prop_oneof![Just(Part::Request), Just(Part::Response)];
    let failure = || {
        prop::option::of("[a-z]{1,3}")
            .prop_map(|what| what.map(|what| Failure::Unsupported { what }))
    };
    let key = FlowKey {
        transport: Transport::Tcp,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 80).into(),
    };
    let version = Version::Http11;
    prop_oneof![
        "[a-z]{1,3}".prop_map(move |via| Event::Opened(Opened { key, process: None, via })),
        "[a-z]{1,3}".prop_map(|host| Event::Named { host }),
        (1..4_u8)
            .prop_map(|last| Event::Connected { server: 0, addr: ([192, 0, 2, last], 80).into() }),
        (any::<u32>(), failure()).prop_map(|(sent, failure)| Event::Closed(Closed {
            received: 1,
            sent: sent.into(),
            failure
        })),
        (exchange(), "[a-z]{1,3}").prop_map(move |(exchange, url)| {
            let (method, target) = (Bytes::from_static(b"GET"), Bytes::new());
            let head = RequestHead { method, target, version, fields: Fields::default() };
            Event::Request { exchange, url, head }
        }),
        (exchange(), 100..600_u16).prop_map(move |(exchange, status)| {
            let (reason, fields) = (Bytes::new(), Fields::default());
            Event::Response { exchange, head: ResponseHead { version, status, reason, fields } }
        }),
        (exchange(), part(), pieces(), any::<u8>()).prop_map(|(exchange, part, len, byte)| {
            Event::Body { exchange, part, data: vec![byte; len].into() }
        }),
        (exchange(), part(), 1..20_u64).prop_map(|(exchange, part, bytes)| Event::BodyDropped {
            exchange,
            part,
            bytes
        }),
        (exchange(), part()).prop_map(|(exchange, part)| Event::PartEnded { exchange, part }),
        (exchange(), failure())
            .prop_map(|(exchange, failure)| Event::ExchangeEnded { exchange, failure }),
    ]
}

/// What a recording may leave to the entries that does not know what was told before.
const TOLD: [&str; 5] = ["servers", "sni", "alpn", "ja4", "told_seq"];

/// What is told of each flow.
fn told(connection: &Connection) -> Vec<([String; 4], i64)> {
    let query = format!("SELECT {} FROM flow ORDER BY id", TOLD.join(", "));
    let mut statement = connection.prepare(&query).unwrap();
    let text = |row: &rusqlite::Row<'_>, index| row.get(index).unwrap();
    let told = statement.query_map([], |row| {
        Ok(([text(row, 0), text(row, 1), text(row, 2), text(row, 3)], row.get(4)?))
    });
    told.unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_is_told_of_a_flow_is_added_up_over_transactions() {
    let key = FlowKey {
        transport: Transport::Tcp,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 443).into(),
    };
    let opened = || Event::Opened(Opened { key, process: None, via: "run".into() });
    let reached = |last| Event::Connected { server: 0, addr: ([192, 0, 2, last], 443).into() };
    let leg = |sni: &str| {
        Event::Secured(Box::new(Tls {
            peer: Peer::Client,
            version: TlsVersion::Tls13,
            cipher: String::new(),
            group: None,
            resumed: false,
            sni: Some(sni.into()),
            alpn: Some("h2".into()),
            ja4: Some("t13d".into()),
            certificates: Vec::new(),
            client_certificate: None,
            differences: None,
        }))
    };
    let mut writer = writer();
    let events = [
        opened(),
        reached(1),
        reached(2),
        Event::Named { host: "a.test".into() },
        leg("a.test"),
        Event::Recognized(Protocol::Http2),
        // Nothing new.
        Event::Recognized(Protocol::Http2),
        leg("a.test"),
        reached(1),
    ];
    for event in events {
        writer.write(&[row(1, event)], 0).unwrap();
    }
    let texts = ["192.0.2.2:443", "a.test", "h2", "t13d"].map(String::from);
    assert_eq!(told(writer.connection()), [(texts.clone(), 6)]);

    // Another recording does not know what was told before.
    let mut writer = Writer::begin(writer.connection, 0).unwrap();
    writer.write(&[row(1, leg("b.test"))], 0).unwrap();
    let marked = [(); 4].map(|()| String::from("\u{FFFD}"));
    assert_eq!(told(writer.connection()), [(marked, 10)]);
    // Nor does one of which a transaction was taken back.
    writer.write(&[row(2, opened())], 0).unwrap();
    writer.connection().execute_batch("BEGIN").unwrap();
    let rows = [row(2, reached(2)), row(2, leg("a.test"))];
    writer.write(&rows[..1], 0).unwrap();
    writer.told.clear();
    writer.connection().execute_batch("ROLLBACK").unwrap();
    writer.write(&rows, 0).unwrap();
    assert!(told(writer.connection())[1].0.iter().all(|text| text == "\u{FFFD}"));
    // One that is begun anew is told of anew.
    let all: Vec<_> = [opened(), reached(2), leg("a.test")].map(|event| row(2, event)).into();
    writer.write(&all, 0).unwrap();
    assert_eq!(told(writer.connection())[1].0, texts);
}

/// All that the lists have beside that, but for where content is.
fn lists(connection: &Connection) -> Vec<Value> {
    let mut cells = Vec::new();
    for table in ["flow", "exchange"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names = statement.column_names().enumerate();
        let is_same = |name: &str| name != "inline_seq" && !TOLD.contains(&name);
        let columns = names.filter(|(_, name)| is_same(name)).map(|(column, _)| column);
        let columns: Vec<_> = columns.collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            cells.extend(columns.iter().map(|column| row.get::<_, Value>(*column).unwrap()));
        }
    }
    cells
}

/// All bodies as they are read back, with their gaps.
fn bodies(reader: &Reader) -> Vec<(ExchangeId, Part, Vec<u8>, Vec<String>)> {
    let parts = [Part::Request, Part::Response];
    let names = (1..4).flat_map(|exchange| parts.map(|part| (ExchangeId(exchange), part)));
    let body = |(exchange, part)| {
        let mut body = reader.body(exchange, part);
        let (mut data, mut gaps) = (Vec::new(), Vec::new());
        while let Err(error) = body.read_to_end(&mut data) {
            gaps.push(format!("{} {error}", data.len()));
        }
        (exchange, part, data, gaps)
    };
    names.map(body).collect()
}

/// The bodies as they went by.
fn sent(steps: &[(u64, Event, u8)]) -> HashMap<(ExchangeId, Part), Vec<u8>> {
    let mut bodies: HashMap<_, Vec<u8>> = HashMap::new();
    for (_, event, _) in steps {
        if let Event::Body { exchange, part, data } = event {
            bodies.entry((*exchange, *part)).or_default().extend_from_slice(data);
        }
    }
    bodies
}

proptest! {
    #[test]
    fn the_tables_are_the_same_however_entries_fall_into_transactions_and_recordings(
        steps in prop::collection::vec((1..3_u64, event(), 0..4_u8), 1..60),
    ) {
        let place = |(at, (flow, event, _)): (u64, &(u64, Event, u8))| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at);
            Row::new(&Entry { at, flow: FlowId(*flow), event: event.clone() })
        };
        let rows: Vec<_> = (0..).zip(&steps).map(place).collect();
        let mut together = writer();
        together.write(&rows, 0).unwrap();

        let mut apart = writer();
        let mut begin = 0;
        for (end, (.., cut)) in (1..).zip(&steps) {
            if *cut > 0 {
                apart.write(&rows[begin..end], 0).unwrap();
                begin = end;
            }
            if *cut > 2 {
                apart = Writer::begin(apart.connection, 0).unwrap();
            }
        }
        apart.write(&rows[begin..], 0).unwrap();
        prop_assert_eq!(lists(apart.connection()), lists(together.connection()));
        for (apart, together) in told(apart.connection()).iter().zip(told(together.connection())) {
            let is_told = |(apart, together): (&String, &String)| apart == together || apart == "\u{FFFD}";
            prop_assert!(apart.0.iter().zip(&together.0).all(is_told), "{apart:?} {together:?}");
            prop_assert!(apart.1 >= together.1, "{apart:?} {together:?}");
        }
        prop_assert_eq!(entries(&apart), entries(&together));

        let [apart, together] = [apart, together].map(|writer| Reader::over(writer.connection));
        let read = bodies(&apart);
        for (exchange, part, data, _) in &read {
            let sent = sent(&steps).remove(&(*exchange, *part)).unwrap_or_default();
            prop_assert!(*data == sent, "{} {:?}", exchange, part);
        }
        // Gaps that touch are one where they were written together.
        let gaps = |read: &[(ExchangeId, Part, Vec<u8>, Vec<String>)]| {
            read.iter().map(|(.., gaps)| gaps.is_empty()).collect::<Vec<_>>()
        };
        prop_assert_eq!(gaps(&read), gaps(&bodies(&together)));
        let events = |reader: &Reader| {
            reader.entries(..).map(|entry| entry.unwrap().event).collect::<Vec<_>>()
        };
        let before: Vec<_> = steps.iter().map(|(_, event, _)| event.clone()).collect();
        prop_assert!(events(&apart) == before, "entries are other ones");
        prop_assert!(events(&together) == before, "entries are other ones");
    }
}
