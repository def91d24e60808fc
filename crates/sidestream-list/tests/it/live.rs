//! What a list tells while a session grows, and when what is old is taken out of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;
use sidestream_filter::Filter;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, Peer, Transport};
use sidestream_list::{Change, LineId, List, Order, Step};
use sidestream_record::{
    Closed, DnsMessage, Entry, Event, Failure, Fields, Opened, Part, Recorded, RequestHead,
    ResponseHead, Sink, Tls, TlsVersion, Version,
};
use sidestream_store::{ReadError, Session};
use sidestream_testkit::sessions::{session, start};

use crate::model::{Screen, expected, order, settle};

pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.session");
    (folder, path)
}

/// A session that is written step by step.
pub(crate) struct Growing {
    pub(crate) session: Session,
    path: PathBuf,
    entries: u64,
}

impl Growing {
    pub(crate) fn begin(path: &Path) -> Self {
        Self { session: Session::create(path).unwrap(), path: path.to_owned(), entries: 0 }
    }

    pub(crate) fn record(&mut self, flow: u64, events: impl IntoIterator<Item = Event>) {
        self.record_soon(flow, events);
        settle(&self.path, self.entries);
    }

    /// Does not wait until it is committed.
    fn record_soon(&mut self, flow: u64, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let at = start() + Duration::from_millis(self.entries);
            let entry = Entry { at, flow: FlowId(flow), event };
            assert_eq!(self.session.writer().record(&entry), Recorded::Accepted);
            self.entries += 1;
        }
    }
}

pub(crate) fn opened() -> Event {
    let (client, server) = (([10, 0, 0, 2], 4000).into(), ([192, 0, 2, 1], 443).into());
    let key = FlowKey { transport: Transport::Tcp, client, server };
    Event::Opened(Opened { key, process: None, via: "run".into() })
}

pub(crate) fn request(exchange: u64) -> Event {
    let head = RequestHead {
        method: "GET".into(),
        target: "/".into(),
        version: Version::Http11,
        fields: Fields::default(),
    };
    let exchange = ExchangeId(exchange);
    Event::Request { exchange, url: format!("http://a.test/{exchange}"), head }
}

pub(crate) fn answered(exchange: u64, status: u16, text: &'static str) -> [Event; 3] {
    let exchange = ExchangeId(exchange);
    let (version, fields) = (Version::Http11, Fields::default());
    let head = ResponseHead { version, status, reason: "".into(), fields };
    [
        Event::Response { exchange, head },
        Event::Body { exchange, part: Part::Response, data: text.into() },
        Event::ExchangeEnded { exchange, failure: None },
    ]
}

pub(crate) fn update(list: &mut List) -> Vec<Step> {
    let mut changes = Vec::new();
    while !list.update(1000, &mut changes).unwrap() {}
    changes.into_iter().map(|change| change.step).collect()
}

#[test]
fn each_change_is_told_once_and_nothing_else() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    let mut list = List::open(&path).unwrap();
    assert!(list.is_empty() && !list.is_behind().unwrap());

    growing.record(1, [opened()]);
    assert!(list.is_behind().unwrap());
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    assert_eq!(list.get(0).unwrap().id, LineId { flow: FlowId(1), exchange: None });
    // A flow has no line beside those of its exchanges.
    growing.record(1, [request(1)]);
    assert_eq!(update(&mut list), [Step::Removed { at: 0 }, Step::Inserted { at: 0 }]);
    growing.record(1, [request(2), request(3)]);
    assert_eq!(update(&mut list), [Step::Inserted { at: 1 }, Step::Inserted { at: 2 }]);
    growing.record(1, answered(2, 200, "text"));
    assert_eq!(update(&mut list), [Step::Changed { at: 1 }]);
    // What has no end takes longest.
    list.order_by("duration".parse().unwrap());
    growing.record(1, answered(3, 200, ""));
    assert_eq!(update(&mut list), [Step::Moved { from: 2, to: 1 }]);
    let urls: Vec<_> = list.window(0..9).map(|line| line.url.unwrap().to_owned()).collect();
    assert_eq!(urls, ["http://a.test/2", "http://a.test/3", "http://a.test/1"]);
    list.order_by(Order { descending: true, ..list.order() });
    growing.record(1, [request(4)]);
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    // The end of a flow is no news of exchanges that are over.
    growing.record(1, answered(4, 200, "").into_iter().chain(answered(1, 200, "")));
    update(&mut list);
    growing.record(1, [Event::Closed(Closed { received: 1, sent: 1, failure: None })]);
    assert_eq!(update(&mut list), []);
    assert!(!list.is_behind().unwrap());
    drop(list);
    growing.session.close().unwrap();
}

#[test]
fn what_the_records_must_tell_comes_in_steps_and_is_followed() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    let exchanges = (1..=3000).flat_map(|exchange| {
        let text = if exchange % 1000 == 0 { "the needle" } else { "hay" };
        [request(exchange)].into_iter().chain(answered(exchange, 200, text))
    });
    growing.record(1, [opened()].into_iter().chain(exchanges));
    let mut list = List::open(&path).unwrap();
    let filter = Filter::parse("~bs needle", SystemTime::now()).unwrap();
    list.set_filter(Some(filter.clone())).unwrap();
    assert!(list.is_empty());
    let (mut changes, mut steps, mut before) = (Vec::new(), 0, 0);
    while !list.update(1000, &mut changes).unwrap() {
        let progress = list.progress().unwrap();
        assert!(progress.read > before && progress.read <= before + 2000, "{progress:?}");
        assert_eq!(progress.total, growing.entries);
        (before, steps) = (progress.read, steps + 1);
    }
    assert!(steps >= growing.entries / 2000, "{steps}");
    assert_eq!(list.progress(), None);
    assert_eq!(changes.len(), 3);
    assert_eq!(list.len(), 3);

    // An exchange that is under way is judged by what came of it so far.
    growing.record(
        1,
        [request(3001)].into_iter().chain(answered(3001, 200, "ne").into_iter().take(2)),
    );
    assert_eq!(update(&mut list), []);
    let data = "edle".into();
    growing.record(1, [Event::Body { exchange: ExchangeId(3001), part: Part::Response, data }]);
    assert_eq!(update(&mut list), [Step::Inserted { at: 3 }]);
    assert_eq!(list.window(0..9).count(), expected(&path, Some(&filter), list.order()).len());
    drop(list);
    growing.session.close().unwrap();
}

#[test]
fn what_a_flow_cuts_off_fails_with_it() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    growing.record(1, [opened(), request(1), request(2)].into_iter().chain(answered(2, 200, "")));
    let mut list = List::open(&path).unwrap();
    list.set_filter(Some(Filter::parse("~e", SystemTime::now()).unwrap())).unwrap();
    assert!(list.is_empty());
    let failure = Some(Failure::Stopped);
    growing.record(1, [Event::Closed(Closed { received: 1, sent: 1, failure })]);
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    assert_eq!(list.get(0).unwrap().url, Some("http://a.test/1"));
    drop(list);
    growing.session.close().unwrap();
}

fn leg(sni: &str, alpn: &str) -> Event {
    Event::Secured(Box::new(Tls {
        peer: Peer::Client,
        version: TlsVersion::Tls13,
        cipher: String::new(),
        group: None,
        resumed: false,
        sni: Some(sni.into()),
        alpn: Some(alpn.into()),
        ja4: Some("t13d1516h2_8daaf6152771_b0da82dd1658".into()),
        certificates: Vec::new(),
        client_certificate: None,
        differences: None,
    }))
}

#[test]
fn what_is_told_of_a_flow_is_not_told_of_what_ended_before() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    let filter = |text: &str| Filter::parse(text, SystemTime::now()).unwrap();
    let texts = ["~sni a.test", "~alpn h2", "~ja4 ^t13d", "~dst ^192.0.2.2:443", "~dst b.test:443"];
    growing.record(1, [opened(), request(1)].into_iter().chain(answered(1, 200, "")));
    growing.record(1, [request(2)]);
    let mut lists = texts.map(|text| {
        let mut list = List::open(&path).unwrap();
        list.set_filter(Some(filter(text))).unwrap();
        assert_eq!((list.len(), list.progress()), (0, None), "{text}");
        list
    });
    // A rule let it go elsewhere.
    let elsewhere = Event::Connected { server: 0, addr: ([192, 0, 2, 2], 443).into() };
    let named = Event::Named { host: "b.test".into() };
    growing.record(1, [elsewhere, named, leg("a.test", "h2")]);
    growing.record(1, answered(2, 200, "").into_iter().chain([request(3)]));
    let of =
        |list: &List| list.window(0..9).map(|line| line.id.exchange.unwrap().0).collect::<Vec<_>>();
    for (list, text) in lists.iter_mut().zip(texts) {
        update(list);
        // Of none the records were read.
        assert_eq!((of(list), list.progress()), (vec![2, 3], None), "{text}");
        assert_eq!(
            list.window(0..9).count(),
            expected(&path, Some(&filter(text)), list.order()).len()
        );
    }
    let mut list = List::open(&path).unwrap();
    for text in texts {
        // Of the one that ended before, these have to tell.
        list.set_filter(Some(filter(text))).unwrap();
        assert!(list.progress().is_some(), "{text}");
        update(&mut list);
        assert_eq!(of(&list), [2, 3], "{text}");
    }
    // What was never told is known of all.
    for (text, found) in [
        ("~sni other", vec![]),
        ("~alpn http/1", vec![]),
        ("~ja4 ^q", vec![]),
        ("~dst 192.0.2.3", vec![]),
        ("~dst c.test", vec![]),
        ("~dst ^192.0.2.1:443$", vec![1, 2, 3]),
        ("~proto http/1.1", vec![1, 2, 3]),
        ("~proto http/2", vec![]),
    ] {
        list.set_filter(Some(filter(text))).unwrap();
        assert_eq!((of(&list), list.progress()), (found, None), "{text}");
    }
    drop(list);
    drop(lists);
    growing.session.close().unwrap();
}

#[test]
fn a_damaged_entry_that_comes_is_told_once_and_no_line_is_missing() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    growing.record(1, [opened(), request(1)]);
    let [mut all, mut read] = [None, Some("~hs none | ~u .")].map(|text| {
        let mut list = List::open(&path).unwrap();
        let filter = text.map(|text| Filter::parse(text, SystemTime::now()).unwrap());
        list.set_filter(filter).unwrap();
        assert_eq!((update(&mut list), list.len()), (vec![], 1));
        list
    });
    growing.record(1, answered(1, 404, "").into_iter().chain([request(2)]));
    let connection = Connection::open(&path).unwrap();
    let newest = "UPDATE block SET at = at + 1 WHERE first = (SELECT max(first) FROM block)";
    assert_eq!(connection.execute(newest, []).unwrap(), 1);
    connection.close().unwrap();
    growing.record(1, [request(3)]);
    for list in [&mut all, &mut read] {
        let mut told = Vec::new();
        loop {
            match list.update(1000, &mut Vec::new()) {
                Ok(true) => break,
                Ok(false) => {}
                Err(ReadError::Damaged { seq, .. }) => told.push(seq.0),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(told, [3, 4, 5, 6]);
        assert!(!list.is_behind().unwrap());
        let status: Vec<_> = list.window(0..9).map(|line| line.status).collect();
        assert_eq!(status, [Some(404), None, None]);
        assert_eq!(update(list), []);
    }
    drop((all, read));
    growing.session.close().unwrap();
}

#[test]
fn dns_is_told_from_a_method_of_that_name() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    let exchange = ExchangeId(1);
    let query = Event::Dns { exchange, message: DnsMessage::default() };
    let Event::Request { url, head, .. } = request(2) else { unreachable!() };
    let head = RequestHead { method: "DNS".into(), ..head };
    let asked = Event::Request { exchange: ExchangeId(2), url, head };
    growing.record(1, [opened(), query, asked]);
    let mut list = List::open(&path).unwrap();
    for (text, id) in [("~m dns", 2), ("~dns", 1), ("~http", 2), ("~u a.test", 2)] {
        let filter = Filter::parse(text, SystemTime::now()).unwrap();
        list.set_filter(Some(filter.clone())).unwrap();
        assert_eq!((update(&mut list), list.len()), (Vec::new(), 1), "{text}");
        assert_eq!(list.get(0).unwrap().id.exchange, Some(ExchangeId(id)), "{text}");
        assert_eq!(expected(&path, Some(&filter), list.order()).len(), 1, "{text}");
    }
    drop(list);
    growing.session.close().unwrap();
}

#[test]
fn what_was_noted_of_texts_is_not_read() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    for flow in 1..=200 {
        let text = if flow == 77 { "a strange needle" } else { "nothing but hay" };
        let events = [opened(), request(flow)].into_iter().chain(answered(flow, 200, text));
        let end = Event::Closed(Closed { received: 1, sent: 1, failure: None });
        growing.record_soon(flow, events.chain([end]));
    }
    settle(&path, growing.entries);
    growing.session.close().unwrap();
    sidestream_store::index(&path).unwrap();
    let mut list = List::open(&path).unwrap();
    let filter = Filter::parse("~bs 'strange needle'", SystemTime::now()).unwrap();
    list.set_filter(Some(filter.clone())).unwrap();
    // Of the flows that may have it.
    assert!(list.progress().unwrap().total < growing.entries, "{:?}", list.progress());
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    assert_eq!(list.get(0).unwrap().id.flow, FlowId(77));
    assert_eq!(expected(&path, Some(&filter), list.order()).len(), 1);
}

#[test]
fn a_place_is_found_by_line_and_by_none_that_is_not_selected() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    growing.record(1, [opened(), request(1)].into_iter().chain(answered(1, 404, "")));
    growing.record(1, [request(2)].into_iter().chain(answered(2, 200, "")));
    let mut list = List::open(&path).unwrap();
    let id = |exchange| LineId { flow: FlowId(1), exchange: Some(ExchangeId(exchange)) };
    list.order_by("time:desc".parse().unwrap());
    assert_eq!([1, 2, 3].map(|it| list.place_of(id(it))), [Some(1), Some(0), None]);
    list.set_filter(Some(Filter::parse("~c 404", SystemTime::now()).unwrap())).unwrap();
    assert_eq!([1, 2, 3].map(|it| list.place_of(id(it))), [Some(0), None, None]);
    assert_eq!((list.len(), list.total()), (1, 2));
    assert_eq!(list.get(1), None);
    drop(list);
    growing.session.close().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_taken_out_of_a_session_goes(
        entries in session(),
        order in order(),
        gone in vec(any::<u8>(), 1..8),
    ) {
        let (_folder, path) = place();
        let session = Session::create(&path).unwrap();
        for entry in &entries {
            prop_assert_eq!(session.writer().record(entry), Recorded::Accepted);
        }
        session.close().unwrap();
        let mut list = List::open(&path).unwrap();
        list.order_by(order);
        let mut screen = Screen::default();
        screen.draw(&list);
        let before = Connection::open(&path).unwrap();
        // As retention does, which leaves a block where something in it is under way.
        let mut take_out = String::from("BEGIN;");
        for id in gone {
            take_out += &format!(
                "DELETE FROM exchange WHERE id % 7 = {0} % 7;
                 DELETE FROM flow WHERE id = {0} % 5
                    AND id NOT IN (SELECT flow FROM exchange);",
                id
            );
        }
        before.execute_batch(&(take_out + "COMMIT")).unwrap();
        drop(before);
        let mut changes: Vec<Change> = Vec::new();
        while !list.update(1000, &mut changes).unwrap() {}
        screen.apply(&changes, &list);
        let mut left = Vec::new();
        let all = Filter::parse("~all", start()).unwrap();
        list.reader().list(&all.selection(), |line| {
            left.push(LineId { flow: line.flow, exchange: line.exchange });
            true
        }).unwrap();
        let mut there: Vec<_> = screen.lines().iter().map(|line| line.id).collect();
        left.sort_unstable();
        there.sort_unstable();
        prop_assert_eq!(there, left);
    }
}
