//! What recorded events add up to, and how they read.

mod bounds;
mod notes;
mod passed;
mod websocket;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, MessageId, Peer, Transport};
use sidestream_record::{
    Book, Closed, DialFailure, DnsMessage, DnsQuestion, DnsRecord, Entry, Event, Failure, Fields,
    Finished, Opened, Part, Recorded, RequestHead, ResponseHead, Sink, Version, wording,
};

/// Plays events a millisecond apart into a book and prints each finished thing's line.
fn lines(transport: Transport, events: impl IntoIterator<Item = Event>) -> String {
    let opened = Event::Opened(Opened { key: key(transport), process: None, via: "run".into() });
    let mut book = Book::keeping(4);
    let mut lines = Vec::new();
    for (millis, event) in (0..).zip([opened].into_iter().chain(events)) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        for finished in book.apply(&Entry { at, flow: FlowId(1), event }) {
            lines.push(match finished {
                Finished::Exchange(flow, exchange) => {
                    wording::exchange(&flow, &exchange).to_string()
                }
                Finished::Flow(flow) => wording::flow(&flow).to_string(),
                Finished::Message(_, message) => format!("message {}", message.data.len()),
                _ => unreachable!("there is no other kind"),
            });
        }
    }
    assert_eq!(book.open_flows().count(), usize::from(!lines.iter().any(|l| l.contains("up,"))));
    lines.join("\n")
}

fn key(transport: Transport) -> FlowKey {
    FlowKey {
        transport,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 443).into(),
    }
}

fn request(exchange: u64) -> Event {
    let head = RequestHead {
        method: Bytes::from_static(b"GET"),
        target: Bytes::from_static(b"/x"),
        version: Version::Http11,
        fields: Fields::default(),
    };
    Event::Request {
        exchange: ExchangeId(exchange),
        url: format!("https://a.test/{exchange}"),
        head,
    }
}

fn response(exchange: u64, status: u16) -> Event {
    let (version, reason) = (Version::Http11, Bytes::new());
    let head = ResponseHead { version, status, reason, fields: Fields::default() };
    Event::Response { exchange: ExchangeId(exchange), head }
}

fn ended(exchange: u64, failure: Option<Failure>) -> Event {
    Event::ExchangeEnded { exchange: ExchangeId(exchange), failure }
}

fn body(exchange: u64, data: &'static [u8]) -> Event {
    let data = Bytes::from_static(data);
    Event::Body { exchange: ExchangeId(exchange), part: Part::Response, data }
}

#[test]
fn an_exchange_is_one_line_as_it_ends_and_the_flow_another() {
    let events = [
        request(1),
        response(1, 103),
        response(1, 200),
        body(1, b"hello "),
        body(1, b"world"),
        ended(1, None),
        Event::Closed(Closed { received: 80, sent: 2048, failure: None }),
    ];
    assert_snapshot!(lines(Transport::Tcp, events), @r"
    ?  GET  https://a.test/1  200  11 B  5 ms
    ?  TCP  192.0.2.1:443  80 B up, 2.0 KiB down  7 ms
    ");
}

#[test]
fn exchanges_left_open_are_given_out_in_order_when_their_flow_ends() {
    let failure = Some(Failure::Reset(Peer::Server(0)));
    let events = [request(2), request(1), Event::Closed(Closed { received: 1, sent: 0, failure })];
    assert_snapshot!(lines(Transport::Tcp, events), @r"
    ?  GET  https://a.test/1  0 B
    ?  GET  https://a.test/2  0 B
    ?  TCP  192.0.2.1:443  reset by the server  1 B up, 0 B down  3 ms
    ");
}

#[test]
fn a_failed_exchange_tells_its_status_and_its_failure() {
    let cut = Failure::CutShort { peer: Peer::Server(0), missing: Some(7) };
    let refused = Failure::Dial(DialFailure::Refused);
    let events =
        [request(1), response(1, 200), ended(1, Some(cut)), request(2), ended(2, Some(refused))];
    assert_snapshot!(lines(Transport::Tcp, events), @r"
    ?  GET  https://a.test/1  200 cut short by the server, 7 bytes missing  0 B  2 ms
    ?  GET  https://a.test/2  the server refused the connection  0 B  1 ms
    ");
}

#[test]
fn a_dns_exchange_tells_the_question_and_what_was_found() {
    let question = DnsQuestion { name: "a.test".into(), kind: "A".into(), class: "IN".into() };
    let query = DnsMessage { id: 7, questions: vec![question], ..DnsMessage::default() };
    let record = DnsRecord {
        name: "a.test".into(),
        kind: "A".into(),
        class: "IN".into(),
        ttl: 60,
        data: "192.0.2.7".into(),
    };
    let found = DnsMessage { response: true, answers: vec![record], ..query.clone() };
    let missing = DnsMessage { response: true, rcode: 3, ..query.clone() };
    let dns = |exchange, message: &DnsMessage| Event::Dns {
        exchange: ExchangeId(exchange),
        message: message.clone(),
    };
    let events = [
        dns(1, &query),
        dns(1, &found),
        ended(1, None),
        dns(2, &query),
        dns(2, &missing),
        ended(2, None),
        dns(3, &query),
        ended(3, Some(Failure::Unanswered)),
    ];
    assert_snapshot!(lines(Transport::Udp, events), @r"
    ?  DNS  a.test A  192.0.2.7  2 ms
    ?  DNS  a.test A  NXDOMAIN  2 ms
    ?  DNS  a.test A  no answer came  1 ms
    ");
}

#[test]
fn entries_of_an_unknown_flow_are_passed_over() {
    let mut book = Book::default();
    let entry = Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(9), event: request(1) };
    assert_eq!(book.apply(&entry), []);
}

#[test]
fn a_book_keeps_no_more_of_a_body_than_it_was_told_to() {
    let mut book = Book::keeping(4);
    let opened =
        Event::Opened(Opened { key: key(Transport::Tcp), process: None, via: "run".into() });
    let mut finished = Vec::new();
    for event in [opened, request(1), body(1, b"abc"), body(1, b"defg"), ended(1, None)] {
        let at = SystemTime::UNIX_EPOCH;
        finished.extend(book.apply(&Entry { at, flow: FlowId(1), event }));
    }
    let [Finished::Exchange(_, exchange)] = &finished[..] else { panic!("{finished:?}") };
    assert_eq!(exchange.response_body.beginning, b"abcd");
    assert_eq!(exchange.response_body.bytes, 7);
}

#[test]
fn many_sinks_answer_with_the_worst_answer() {
    struct Fixed(Recorded);
    impl Sink for Fixed {
        fn record(&self, _: &Entry) -> Recorded {
            self.0
        }
    }
    let data = Bytes::from_static(b"x");
    let event = Event::Data { message: MessageId(1), from: Peer::Client, data };
    let entry = Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(1), event };
    let sinks =
        vec![Fixed(Recorded::Accepted), Fixed(Recorded::Full), Fixed(Recorded::BodyDropped)];
    assert_eq!(sinks.record(&entry), Recorded::Full);
}

#[test]
fn sizes_and_times_read_in_the_unit_that_suits_them() {
    let check = |value, expected: &str| assert_eq!(wording::bytes(value), expected);
    check(0, "0 B");
    check(1023, "1023 B");
    check(1024, "1.0 KiB");
    check(1_048_524, "1.0 MiB");
    check(10 << 30, "10.0 GiB");
    let check = |micros, expected: &str| {
        assert_eq!(wording::duration(Duration::from_micros(micros)), expected);
    };
    check(7, "7 µs");
    check(1500, "1 ms");
    check(2_340_000, "2.3 s");
}

#[test]
fn text_that_would_disturb_a_terminal_is_escaped() {
    assert_eq!(wording::text(b"a\x1b[2Jb\r\n"), r"a\u{1b}[2Jb\r\n");
}
