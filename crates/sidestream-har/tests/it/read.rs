//! What is read: own archives, those of others, and bad ones.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_har::{
    Body, Creator, Direction, Entry, Field, Process, ReadError, Reader, Request, Response,
    SocketMessage, Timings, Writer,
};

fn read(text: &[u8]) -> Vec<Result<Entry, String>> {
    Reader::new(text).map(|entry| entry.map_err(|error| error.to_string())).collect()
}

#[track_caller]
fn one(entry: &str) -> Entry {
    let text = format!(r#"{{"log":{{"entries":[{entry}]}}}}"#);
    let mut all = read(text.as_bytes());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).unwrap()
}

/// Checks what each entry, or the end, is told to be.
#[track_caller]
fn check_errors(text: &[u8], expected: &[&str]) {
    let told: Vec<_> = read(text)
        .into_iter()
        .map(|it| it.map_or_else(|error| error, |it| it.request.url))
        .collect();
    assert_eq!(told, expected);
}

const GOOD: &str =
    r#"{"startedDateTime":"2026-01-02T03:04:05Z","request":{"url":"http://a.test/"}}"#;

#[test]
fn a_broken_entry_is_told_and_the_others_are_read() {
    let text = format!(
        r#"{{"log": {{"version": 1.2, "pages": [{{"entries": "]"}}], "entries": [
        {GOOD}, {{"startedDateTime": "soon", "request": {{}}}}, 7, {{"a": }}, {{"request": "x"}},
        {{"startedDateTime": "2026-01-02", "request": {{"url": "http://b.test/"}},
          "response": {{"status": 42}}}},
        {{"startedDateTime": 0, "request": {{"url": "http://c.test/"}},
          "response": {{"status": 200, "content": {{"text": "*", "encoding": "base64"}}}}}},
        {{"startedDateTime": "2026-01-02", "request": {{"url": ["x"]}}}} {GOOD}
        ], "comment": "]}}"}} , "else": [[]]}}"#
    );
    check_errors(
        text.as_bytes(),
        &[
            "http://a.test/",
            "entry 1: startedDateTime is \"soon\", where a date is due",
            "entry 2: it is 7, where an object is due",
            "entry 3 is no JSON, at line 1, column 7 of the entry: expected value",
            "entry 4: request is \"x\", where an object is due",
            "entry 5: response.status is 42, where a status is due",
            "entry 6: response.content.text is \"*\", where Base64 is due",
            "entry 7: request.url is a list or an object, where a URL is due",
            "http://a.test/",
        ],
    );
}

#[test]
fn what_is_no_archive_is_told() {
    check_errors(b"", &["not an HTTP archive: it is empty"]);
    check_errors(b"\xef\xbb\xbf  ", &["not an HTTP archive: it is empty"]);
    check_errors(b"[]", &["not an HTTP archive: it does not begin with a brace"]);
    check_errors(b"\xff\xfe{\0", &["not an HTTP archive: it is in UTF-16, make it UTF-8"]);
    check_errors(b"{\"log\":{}}", &["not an HTTP archive: it has no log.entries"]);
    check_errors(b"{\"log\":7}", &["not an HTTP archive: it has no log.entries"]);
    check_errors(b"{log:7}", &["the archive is no JSON at byte 1: the name of a member is due"]);
    check_errors(b"{\"log\"}", &["the archive is no JSON at byte 6: a colon is due"]);
    check_errors(b"{\"log\":}", &["the archive is no JSON at byte 7: a value is due"]);
}

#[test]
fn an_archive_that_is_cut_off_anywhere_is_told_to_be() {
    let text = format!("{{\"log\":{{\"entries\":[{GOOD},{GOOD}]}}}}");
    for end in 1..text.len() {
        let all = read(&text.as_bytes()[..end]);
        let last = all.last().unwrap().as_ref().unwrap_err();
        assert!(last.starts_with("the archive ends too early"), "{end}: {last}");
    }
    assert_eq!(read(text.as_bytes()).len(), 2);
}

#[test]
fn hostile_archives_are_bounded() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let text = format!("{{\"log\":{{\"x\":{deep},\"entries\":[{deep},{GOOD}]}},\"y\":{deep}}}");
    let nested = "entry 0 is nested deeper than 128 levels, at byte 200153";
    check_errors(text.as_bytes(), &[nested, "http://a.test/"]);
    let cut = "the archive ends too early, within or after entry 0";
    check_errors(format!("{{\"x\":{}", "{\"a\":".repeat(100_000)).as_bytes(), &[cut]);
    let text = format!(
        "{{\"log\":{{\"entries\":[{{\"time\":1e999}},{GOOD},{{\"comment\":\"\u{ff}\"}}]}}}}"
    );
    let mut bytes = text.into_bytes();
    let at = bytes.windows(2).position(|it| it == "\u{ff}".as_bytes()).unwrap();
    bytes.splice(at..at + 2, [0xff]);
    let told = read(&bytes);
    assert!(told[0].as_ref().unwrap_err().contains("number out of range"), "{told:?}");
    assert!(told[1].is_ok());
    assert!(told[2].as_ref().unwrap_err().contains("invalid unicode"), "{told:?}");
    let huge = r#"{"startedDateTime":"2026-01-02T03:04:05Z","time":1e300,
        "request":{"url":"http://a.test/","bodySize":1e300},
        "response":{"status":200,"bodySize":-9e99,"content":{"size":1e300}},"timings":{"wait":1e300}}"#;
    let entry = one(huge);
    assert_eq!(entry.timings.total(), Duration::ZERO);
    assert_eq!(entry.response.unwrap().body, Body::default());
}

#[test]
fn an_entry_that_is_too_long_is_passed_over() {
    let text = format!("{{\"log\":{{\"entries\":[{{\"a\":\"{}\"}},{GOOD}]}}}}", "x".repeat(5000));
    let mut reader = Reader::new(text.as_bytes()).with_entry_bytes(4096);
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "entry 0 is longer than 4096 bytes");
    assert_eq!(reader.next().unwrap().unwrap().request.url, "http://a.test/");
    assert!(reader.next().is_none());
}

#[test]
fn an_input_that_fails_ends_the_archive() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut reader = Reader::new(b"{\"log\":{".chain(Failing));
    assert!(matches!(reader.next(), Some(Err(ReadError::Io(_)))));
    assert!(reader.next().is_none());
}

#[test]
fn dates_are_read_in_the_shapes_that_are_met() {
    let millis = |text: &str| {
        let entry = format!(r#"{{"startedDateTime":{text},"request":{{"url":"http://a.test/"}}}}"#);
        one(&entry).started.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()
    };
    for text in [
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05.678+00:00",
        "2026-01-02T04:04:05.678+0100",
        "2026-01-01T22:04:05.6780000-05:00",
        "2026-01-02 03:04:05.678",
        "2026-01-02T03:04:05,678123Z",
        "1767323045.678",
        "1767323045678",
    ] {
        assert_eq!(millis(&format!("{text:?}")), 1_767_323_045_678, "{text}");
    }
    assert_eq!(millis("1767323045678"), 1_767_323_045_678);
    assert_eq!(millis("1767323045.678"), 1_767_323_045_678);
    assert_eq!(millis("\"Fri, 02 Jan 2026 03:04:05 GMT\""), 1_767_323_045_000);
    assert_eq!(millis("\"2026-01-02\""), 1_767_312_000_000);
}

#[test]
fn dates_that_no_clock_shows_are_told_or_bounded_and_harm_no_other_entry() {
    for date in [
        "\"0000-01-01T00:00:00Z\"",
        "\"99999-12-31T23:59:59Z\"",
        "\"9999-12-31T23:59:59.999999999999+99:99\"",
        "\"-0001-01-01T00:00:00Z\"",
        "\"2026-13-41T25:61:61Z\"",
        "\"2026-02-30T00:00:00Z\"",
        "-1767323045678",
        "1e308",
        "-1e308",
        "18446744073709551615",
        "\"999999999999999999999999999999\"",
        "[]",
    ] {
        let odd = format!(
            r#"{{"startedDateTime":{date},"time":-5,"request":{{"url":"http://a.test/"}},
            "timings":{{"wait":-1e308,"receive":1e308,"send":-0.0}}}}"#
        );
        let told = read(format!("{{\"log\":{{\"entries\":[{odd},{GOOD}]}}}}").as_bytes());
        assert_eq!(told.len(), 2, "{date}: {told:?}");
        match &told[0] {
            Ok(entry) => {
                // What was read can be told in nanoseconds, as sessions do.
                let far = Duration::from_secs(400_000 * 366 * 24 * 3600);
                assert!(entry.started < SystemTime::UNIX_EPOCH + far, "{date}: {entry:?}");
                assert!(entry.timings.total() < far, "{date}: {entry:?}");
            }
            Err(error) => assert!(error.contains("entry 0"), "{date}: {error}"),
        }
        assert!(told[1].is_ok(), "{date}");
    }
}

#[test]
fn numbers_and_texts_may_change_places() {
    let entry = one(r#"{"startedDateTime":"2026-01-02T03:04:05Z","time":"12.5ms","connection":443,
        "serverIPAddress":"[2001:db8::1]","_clientProcess":"Firefox",
        "request":{"method":null,"url":"https://a.test/x","httpVersion":2,
          "headers":[{"name":"X-N","value":7},{"name":"","value":"lost"},null,{"value":"lost"}],
          "queryString":[{"name":"a b","value":"&"}],"bodySize":"5",
          "postData":{"mimeType":"application/x-www-form-urlencoded; charset=UTF-8",
            "params":[{"name":"k","value":"v w"},{"name":"t","value":true}]}},
        "response":{"status":"404","statusText":null,"content":{"size":"3","mimeType":null,
          "text":"Zm9v\nYg","encoding":"Base64"},"bodySize":-1,"_transferSize":99},
        "timings":{"ssl":"-1","wait":"7.25"}}"#);
    assert_eq!(entry.request.method, "GET");
    assert_eq!(entry.request.url, "https://a.test/x?a+b=%26");
    assert_eq!(entry.request.fields, [Field { name: "X-N".into(), value: "7".into() }]);
    assert_eq!(entry.request.body.content.as_deref(), Some(&b"k=v+w&t=true"[..]));
    assert_eq!(entry.server, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(entry.connection.as_deref(), Some("443"));
    assert_eq!(entry.process.unwrap().name, "Firefox");
    assert_eq!(entry.timings.total(), Duration::from_micros(7250));
    let response = entry.response.unwrap();
    assert_eq!((response.status, response.body.content.as_deref()), (404, Some(&b"foob"[..])));
    assert_eq!((response.body.bytes, response.body.transferred), (Some(3), Some(99)));
}

#[test]
fn halves_of_characters_are_replaced() {
    let entry = one(r#"{"startedDateTime":"2026-01-02","request":{"url":"http://a.test/"},
        "response":{"status":200,"content":{"text":"\ud83d\ude00 \ud83d \\ud83d \ude00"}}}"#);
    let content = entry.response.unwrap().body.content.unwrap();
    assert_eq!(String::from_utf8(content).unwrap(), "\u{1f600} \u{fffd} \\ud83d \u{fffd}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z-]{1,8}", "[ -~ü😀]{1,8}"]
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    vec((text(), ".{0,8}").prop_map(|(name, value)| Field { name, value }), 0..4)
}

fn body() -> impl Strategy<Value = Body> {
    (proptest::option::of(vec(any::<u8>(), 0..20)), "[a-z]{1,4}/[a-z]{1,4}", 0..1000_u64).prop_map(
        |(content, media_type, transferred)| Body {
            bytes: Some(content.as_ref().map_or(0, |content| content.len() as u64)),
            content,
            media_type,
            transferred: Some(transferred),
            comment: None,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    ("[A-Z]{1,5}", "http://[a-z]{1,5}\\.test/[a-z?&=%#]{0,9}", fields(), body()).prop_map(
        |(method, url, fields, mut body)| {
            // What has no body has no type of it.
            if body.content.is_none() {
                (body.bytes, body.media_type) = (None, String::new());
            }
            Request { method, url, version: "HTTP/1.1".into(), fields, body, params: Vec::new() }
        },
    )
}

fn response() -> impl Strategy<Value = Response> {
    (100..1000_u16, ".{0,9}", fields(), body()).prop_map(|(status, reason, fields, body)| {
        Response { status, reason, version: "h2".into(), fields, body }
    })
}

fn timings() -> impl Strategy<Value = Timings> {
    let part = || proptest::option::of((0..10_000_000_u64).prop_map(Duration::from_micros));
    (part(), part(), part(), part(), part(), 0..10_000_000_u64, part()).prop_map(
        |(blocked, dns, connect, ssl, send, wait, receive)| {
            let wait = Some(Duration::from_micros(wait));
            Timings { blocked, dns, connect, ssl, send, wait, receive }
        },
    )
}

fn messages() -> impl Strategy<Value = Vec<SocketMessage>> {
    let one = (any::<bool>(), 1..16_u8, vec(any::<u8>(), 0..9), 0..4_000_000_000_u64);
    let one = one.prop_map(|(sent, opcode, data, seconds)| SocketMessage {
        direction: if sent { Direction::Sent } else { Direction::Received },
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        opcode,
        data: if opcode == 1 { String::from_utf8_lossy(&data).into_owned().into() } else { data },
    });
    vec(one, 0..3)
}

prop_compose! {
    fn entries()(
        request in request(),
        response in proptest::option::of(response()),
        timings in timings(),
        messages in messages(),
        seconds in 0..4_000_000_000_u64,
        micros in 0..1_000_000_u64,
        server in proptest::option::of(any::<std::net::IpAddr>()),
        pid in proptest::option::of(any::<u32>()),
        [noted, remarked] in any::<[bool; 2]>(),
    ) -> Entry {
        let failure = response.is_none().then(|| "refused".to_owned());
        Entry {
            started: SystemTime::UNIX_EPOCH + Duration::from_micros(seconds * 1_000_000 + micros),
            request, response, timings, server, messages, failure,
            connection: Some("7".into()),
            process: pid.map(|pid| Process { pid, name: "curl".into(), ..Process::default() }),
            comment: noted.then(|| "look here".into()),
            remarks: remarked.then(|| "odd".into()),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(entries in vec(entries(), 0..4)) {
        let mut writer = Writer::new(Vec::new(), Creator { name: "x", version: "1" }).unwrap();
        for entry in &entries {
            writer.write(entry).unwrap();
        }
        let archive = writer.finish().unwrap();
        let read: Vec<_> = Reader::new(&archive[..]).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn nothing_makes_it_panic(text in vec(any::<u8>(), 0..200), cut in any::<usize>()) {
        _ = read(&text);
        let mut archive = format!("{{\"log\":{{\"entries\":[{GOOD}]}}}}").into_bytes();
        let cut = cut % archive.len();
        archive.splice(cut..cut, text);
        _ = read(&archive);
    }
}
