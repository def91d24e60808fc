//! The rows of the lists one by one, and which of them entries are about.

use std::time::Duration;

use sidestream_flow::{ExchangeId, FlowId, Transport};
use sidestream_record::{Event, Recorded, Sink};
use sidestream_store::{Reader, Seq, Session, is_recorded};

use crate::play::{
    body, child, child_argument, closed, ended, entry, opened, place, request, response, settle,
    wait_until,
};

fn record(session: &Session, events: impl IntoIterator<Item = Event>) {
    for event in events {
        assert_eq!(session.writer().record(&entry(0, event)), Recorded::Accepted);
    }
    settle(&session.writer());
}

#[test]
fn entries_tell_which_rows_they_are_about_and_nothing_older() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.touched(Seq(0), 1).unwrap().at, None);
    let before = reader.revision().unwrap();

    let (first, second) = (ExchangeId(1), ExchangeId(2));
    record(&session, [opened(), request(first)]);
    let after = reader.revision().unwrap();
    assert_ne!(after, before);
    let touched = reader.touched(Seq(0), usize::MAX).unwrap();
    assert_eq!(touched.last, Seq(2));
    assert_eq!(touched.flows, [FlowId(1)].into());
    assert_eq!(touched.exchanges, [(FlowId(1), first)].into());

    record(&session, [request(second), response(first, 200)]);
    record(&session, [body(first, "text"), ended(first)]);
    let touched = reader.touched(Seq(2), usize::MAX).unwrap();
    assert_eq!((touched.last, touched.flows.len()), (Seq(6), 0));
    assert_eq!(touched.exchanges, [(FlowId(1), first), (FlowId(1), second)].into());
    let touched = reader.touched(Seq(3), usize::MAX).unwrap();
    assert_eq!(touched.exchanges, [(FlowId(1), first)].into());
    // Up to the end of a block, and on from there.
    let (mut last, mut steps) = (Seq(0), 0);
    while last < Seq(6) {
        last = reader.touched(last, 1).unwrap().last;
        steps += 1;
    }
    assert!(steps > 1, "{steps}");
    let touched = reader.touched(last, usize::MAX).unwrap();
    assert_eq!((touched.last, touched.at), (Seq(6), None));
    assert_eq!(reader.revision().unwrap(), reader.revision().unwrap());
    drop(reader);
    session.close().unwrap();
}

#[test]
fn rows_are_handed_over_alone_and_by_ranges() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let exchanges = (1..=9).map(ExchangeId);
    let events = exchanges.flat_map(|id| [request(id), response(id, 204), ended(id)]);
    record(&session, [opened()].into_iter().chain(events).chain([closed()]));
    session.close().unwrap();

    let reader = Reader::open(&path).unwrap();
    let mut ids = Vec::new();
    reader.exchange_rows(ExchangeId(3)..ExchangeId(6), |row| ids.push(row.id.0)).unwrap();
    reader.exchange_rows(ExchangeId(8).., |row| ids.push(row.id.0)).unwrap();
    reader.exchange_rows(..=ExchangeId(1), |row| ids.push(row.id.0)).unwrap();
    assert_eq!(ids, [3, 4, 5, 8, 9, 1]);
    let middle = reader.middle_exchange().unwrap();
    assert!((3..8).contains(&middle.0), "{middle}");

    let mut seen = 0;
    reader
        .exchange_row(ExchangeId(4), |row| {
            seen += 1;
            assert_eq!((row.flow, row.status), (FlowId(1), Some(204)));
            assert_eq!((row.method, row.url), (Some("GET"), Some("http://a.test/4")));
        })
        .unwrap();
    reader.exchange_row(ExchangeId(40), |_| seen += 10).unwrap();
    let mut process = None;
    reader
        .flow_row(FlowId(1), |row| {
            seen += 1;
            assert_eq!((row.transport, row.client), (Transport::Tcp, "10.0.0.2:40000"));
            assert_eq!((row.first, row.last), (Seq(1), Some(Seq(29))));
            process = row.process;
        })
        .unwrap();
    assert_eq!(seen, 2);
    let process = process.unwrap();
    assert_eq!(reader.process(process).unwrap().unwrap().name, "curl");
    let mut names = Vec::new();
    reader.process_rows(None, |row| names.push((row.id, row.name.to_owned()))).unwrap();
    assert_eq!(names.iter().map(|it| &*it.1).collect::<Vec<_>>(), ["sh", "curl"]);
    reader.process_rows(Some(process), |_| names.clear()).unwrap();
    assert_eq!(names.len(), 2);
}

#[test]
fn a_moment_stays_as_it_was_while_a_recording_goes_on() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    record(&session, [opened(), request(ExchangeId(1))]);
    let reader = Reader::open(&path).unwrap();
    let moment = reader.moment().unwrap();
    assert_eq!(reader.last().unwrap(), Some(Seq(2)));
    record(&session, [request(ExchangeId(2))]);
    assert_eq!(reader.last().unwrap(), Some(Seq(2)));
    assert_eq!(reader.again().unwrap().last().unwrap(), Some(Seq(3)));
    drop(moment);
    assert_eq!(reader.last().unwrap(), Some(Seq(3)));
    drop(reader);
    session.close().unwrap();
}

#[test]
fn entries_that_are_not_wanted_are_left_out() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let (one, two) = (ExchangeId(1), ExchangeId(2));
    record(&session, [opened(), request(one), request(two), ended(one), closed()]);
    session.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let wanted = |_, exchange: Option<ExchangeId>| exchange.is_none_or(|id| id == two);
    let kinds: Vec<_> =
        reader.entries_of(.., wanted).map(|entry| entry.unwrap().event.exchange()).collect();
    assert_eq!(kinds, [None, Some(two), None]);
}

/// Run as a child, it records until it is killed.
#[test]
fn who_asks_whether_a_session_is_recorded_hinders_nobody() {
    if let Some(path) = child_argument() {
        let session = Session::create(path).unwrap();
        record(&session, [opened()]);
        loop {
            std::thread::sleep(Duration::from_secs(60));
        }
    }
    let (_folder, path) = place();
    assert!(!is_recorded(&path).unwrap());
    let session = Session::create(&path).unwrap();
    assert!(is_recorded(&path).unwrap());
    session.close().unwrap();
    assert!(!is_recorded(&path).unwrap());

    let test = "lines::who_asks_whether_a_session_is_recorded_hinders_nobody";
    let mut recording = child(test, &path).spawn().unwrap();
    wait_until("it is recorded", || is_recorded(&path).unwrap());
    recording.kill().unwrap();
    recording.wait().unwrap();
    assert!(!is_recorded(&path).unwrap());

    // Recordings begin while somebody asks again and again.
    let asked = path.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let asking = std::thread::spawn(move || {
        while matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
            is_recorded(&asked).unwrap();
        }
    });
    for _ in 0..20 {
        Session::create(&path).unwrap().close().unwrap();
    }
    drop(stop);
    asking.join().unwrap();
}
