//! Tests of what is laid out before what comes before it is written.

use std::collections::VecDeque;

use rusqlite::ErrorCode;

use super::*;

/// A body of text in one exchange, which shrinks.
fn text(exchange: u64, bytes: usize) -> Row {
    let data = "a line like any other\n".repeat(bytes / 22 + 1).into_bytes();
    let data = Bytes::from(data).slice(..bytes);
    row(1, Event::Body { exchange: ExchangeId(exchange), part: Part::Request, data })
}

/// Reads a body, with how much of it was dropped first.
fn read_body(writer: Writer, exchange: u64) -> (u64, Vec<u8>) {
    let reader = Reader::over(writer.connection);
    let (exchange, part) = (ExchangeId(exchange), Part::Request);
    let mut data = Vec::new();
    let mut body = reader.body(exchange, part);
    while body.read_to_end(&mut data).is_err() {}
    (reader.dropped_bytes(exchange, part).unwrap(), data)
}

#[test]
fn what_was_laid_out_is_written_when_what_comes_before_could_not_be_at_first() {
    let mut writer = writer();
    let limit = |writer: &Writer, pages: u32| {
        let set =
            writer.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        set.unwrap();
    };
    limit(&writer, 32);
    let mut planner = writer.planner();
    let none = |_: &[i64]| -> Result<_, ()> { panic!("it is known how far they had come") };
    let [before, behind] = [[body(1024 * 1024)], [body(100_000)]];
    let first = planner.lay_out(&before, none).unwrap();
    let second = planner.lay_out(&behind, none).unwrap();
    for _ in 0..2 {
        let error = writer.write_layout(&before, &first, 0).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
    }
    assert_eq!(entries(&writer), 0);
    limit(&writer, 4096);
    writer.write_layout(&before, &first, 0).unwrap();
    writer.write_layout(&behind, &second, 0).unwrap();
    assert_eq!(entries(&writer), 2);
    let sent = before.iter().chain(&behind).flat_map(|row| match &row.update {
        Update::Body { content, .. } => content.data().unwrap().to_vec(),
        _ => Vec::new(),
    });
    let sent: Vec<_> = sent.collect();
    assert!(read_body(writer, 1) == (0, sent));
}

#[test]
fn what_was_laid_out_stands_behind_content_that_was_dropped() {
    let mut writer = writer();
    let mut planner = writer.planner();
    let none = |_: &[i64]| -> Result<_, ()> { panic!("it is known how far they had come") };
    let mut before = [text(1, 64 * 1024), text(2, 64 * 1024)];
    // The chunk of it is that of what was not written.
    let behind = [text(1, 64 * 1024)];
    planner.lay_out(&before, none).unwrap();
    let second = planner.lay_out(&behind, none).unwrap();
    before.iter_mut().for_each(|row| assert_eq!(row.drop_content(), 64 * 1024));
    writer.write(&before, 0).unwrap();
    writer.write_layout(&behind, &second, 0).unwrap();
    let Update::Body { content, .. } = &behind[0].update else { panic!("a body is one") };
    assert!(read_body(writer, 1) == (64 * 1024, content.data().unwrap().to_vec()));
}

#[test]
fn a_chunk_that_was_taken_out_since_it_was_laid_out_is_written_again() {
    let mut writer = writer();
    let mut planner = writer.planner();
    let none = |_: &[i64]| -> Result<_, ()> { panic!("it is known how far they had come") };
    let ended = |exchange| {
        let exchange = ExchangeId(exchange);
        row(1, Event::ExchangeEnded { exchange, failure: None })
    };
    let first = [text(1, 64 * 1024), ended(1)];
    // The newest chunk stays.
    let second = [text(2, 30_000), ended(2)];
    for rows in [&first, &second] {
        let layout = planner.lay_out(rows, none).unwrap();
        writer.write_layout(rows, &layout, 0).unwrap();
    }
    let again = [text(3, 64 * 1024)];
    let layout = planner.lay_out(&again, none).unwrap();
    let one = Retention { exchanges: Some(1), ..Retention::ALL };
    while writer.retain(&one, 0).unwrap() {}
    let chunks = |writer: &Writer| -> i64 {
        let count = "SELECT count(*) FROM chunk";
        writer.connection().query_row(count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(chunks(&writer), 1);
    writer.write_layout(&again, &layout, 0).unwrap();
    assert_eq!(chunks(&writer), 2);
    assert_eq!(read_body(writer, 3).1.len(), 64 * 1024);
}

/// All rows of all tables.
fn tables(connection: &Connection) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for table in ["block", "stretch", "content", "chunk", "process", "flow", "exchange"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            rows.push((0..columns).map(|column| row.get::<_, Value>(column).unwrap()).collect());
        }
    }
    rows
}

proptest! {
    #[test]
    fn what_is_laid_out_ahead_makes_the_same_session(
        steps in prop::collection::vec((1..3_u64, event(), 0..3_u8), 1..60),
        ahead in 1..4_usize,
        fails in 0..8_usize,
    ) {
        let place = |(at, (flow, event, _)): (u64, &(u64, Event, u8))| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at);
            Row::new(&Entry { at, flow: FlowId(*flow), event: event.clone() })
        };
        let rows: Vec<_> = (0..).zip(&steps).map(place).collect();
        let mut batches = vec![];
        let mut begin = 0;
        for (end, (.., cut)) in (1..).zip(&steps) {
            if *cut > 1 {
                batches.push(&rows[begin..end]);
                begin = end;
            }
        }
        batches.push(&rows[begin..]);

        let mut in_turn = writer();
        batches.iter().for_each(|rows| in_turn.write(rows, 0).unwrap());

        let mut behind = writer();
        let mut planner = behind.planner();
        let mut waiting: VecDeque<(&[Row], Option<Layout>)> = VecDeque::new();
        let write = |behind: &mut Writer, (rows, layout): (&[Row], Option<Layout>)| match layout {
            Some(layout) => behind.write_layout(rows, &layout, 0).unwrap(),
            None => behind.write(rows, 0).unwrap(),
        };
        for (number, rows) in batches.iter().enumerate() {
            let layout = planner.lay_out(rows, |exchanges| {
                waiting.drain(..).for_each(|task| write(&mut behind, task));
                if number == fails { Err(()) } else { Ok(behind.find(exchanges).unwrap()) }
            });
            waiting.push_back((rows, layout.ok()));
            if waiting.len() > ahead {
                write(&mut behind, waiting.pop_front().unwrap());
            }
        }
        waiting.drain(..).for_each(|task| write(&mut behind, task));
        prop_assert!(
            tables(behind.connection()) == tables(in_turn.connection()),
            "the tables are other ones"
        );
    }
}
