//! What filters match on records.

use std::time::Duration;

use sidestream_filter::{Filter, Kind, Row, Subject};
use sidestream_record::{Fields, Finished, Part};

use crate::sample::{finished, new_year};

/// Names what is finished: `x1` an exchange, `f1` a flow, `m1` a message, `w1` a WebSocket's.
fn name(finished: &Finished) -> String {
    match finished {
        Finished::Exchange(_, exchange) => format!("x{}", exchange.id),
        Finished::Flow(flow) => format!("f{}", flow.id),
        Finished::Message(_, message) => format!("m{}", message.id),
        Finished::WebSocket { message, .. } => format!("w{}", message.message),
        _ => unreachable!(),
    }
}

fn matching(text: &str) -> String {
    let filter = Filter::parse(text, new_year() + Duration::from_secs(60)).unwrap();
    let all = finished();
    let all = all.iter().filter(|it| filter.matches(&Row::of(it).unwrap()));
    all.map(name).collect::<Vec<_>>().join(" ")
}

const ALL: &str = "x1 x2 w1 x3 f1 x4 f2 m2 f3";

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(matching(text), expected, "{text}");
    let rest: Vec<_> = ALL.split(' ').filter(|it| !expected.split(' ').any(|e| e == *it)).collect();
    assert_eq!(matching(&format!("!({text})")), rest.join(" "), "not {text}");
}

#[test]
fn operators_that_take_nothing_tell_what_it_is() {
    check("~all", ALL);
    check("~a", "x1");
    check("~e", "x3 f1 f3");
    check("~http", "x1 x2 w1 x3");
    check("~dns", "x4");
    check("~tcp", "f1 m2 f3");
    check("~udp", "f2");
    check("~websocket", "x2 w1");
    check("~q", "x3 m2");
    check("~s", "x1 x2 w1 x4");
}

#[test]
fn what_is_noted_is_found() {
    check("~marked", "x1 f3");
    check("~marker red", "x1");
    check("~marker ^:default:$", "f3");
    check("~comment '^look here$'", "x1");
    check("~comment taken", "");
    check("~meta '^b: 2$'", "x1");
    check("~meta 'a.*b'", "x1");
    check("~replay", "x3");
    check("~replayq", "x3");
    check("~replays", "");
    check("!~marked & ~http", "x2 w1 x3");
}

#[test]
fn heads_are_searched() {
    check("~c 404", "x1");
    check("~c 0", "");
    check("~m post", "x1");
    check("~m ^get$", "x2 x3");
    check("~t text", "x1");
    check("~tq text/plain", "x1");
    check("~ts text/plain", "");
    check("~ts css", "x1");
    check("~h '^x-one: 1$'", "x1");
    check("~hq server", "");
    check("~hs ^server", "x1");
    check("~proto http/2", "x1 x2 w1 x3 f1");
}

#[test]
fn urls_and_names_are_searched() {
    check("~u PAGE", "x1");
    check("page", "x1");
    check("a.test", "x1 x2 w1 x3");
    check("~u ^dns.test$", "x4");
    check("~d ^a.test$", "x1 x2 w1 x3 f1");
    check("~d user", "");
    check("~d b.test", "m2 f3");
    check("~dst 192.0.2.9:22", "m2 f3");
    check("~dst b.test:22", "m2 f3");
    check("~dst ^192.0.2.1:443$", ALL);
    check("~src ^10.0.0.2:40000$", ALL);
}

#[test]
fn bodies_and_messages_are_searched() {
    check("~b a", "x1");
    check("~bq ask", "x1");
    check("~bs ask", "");
    check("~bs answer", "x1");
    check("~b TICK", "w1");
    check("~bq tick", "");
    check("~bs tick", "w1");
    check("~bq ssh", "m2");
}

#[test]
fn bodies_are_searched_without_their_codings() {
    let turned = |_: &Fields, body: &[u8]| Some(body.iter().rev().copied().collect());
    let filter = Filter::parse("~bs rewsna", new_year()).unwrap();
    let all = finished();
    let row = Row::of(&all[0]).unwrap();
    assert!(!filter.matches(&row));
    assert!(filter.matches(&row.decoding(&turned)));
}

#[test]
fn processes_are_found_by_what_is_known_of_them() {
    check("~process bin/curl", "x1 x2 w1 x3 f1 x4 f2");
    check("~process ^ssh$", "m2 f3");
    check("~pid 7", "m2 f3");
    check("~tree make", "x1 x2 w1 x3 f1 x4 f2");
    check("~tree 42", "x1 x2 w1 x3 f1 x4 f2");
    check("~process make", "");
    check("~user ann", "x1 x2 w1 x3 f1 x4 f2");
    check("~user 1000", "x1 x2 w1 x3 f1 x4 f2");
    check("~user 100", "");
    check("~container ^web$", "x1 x2 w1 x3 f1 x4 f2");
    check("~container nginx", "x1 x2 w1 x3 f1 x4 f2");
}

#[test]
fn tls_is_found_by_what_the_client_asked_for() {
    check("~sni www", "x1 x2 w1 x3 f1");
    check("~alpn ^h2$", "x1 x2 w1 x3 f1");
    check("~ja4 ^t13d1516h2", "x1 x2 w1 x3 f1");
    check("~sni b.test", "");
}

#[test]
fn sizes_and_times_are_compared() {
    check("~size=9", "x1");
    check("~size>=1M", "f3");
    check("~size<4", "x2 x3 f1 x4 f2");
    check("~time>3s", "x1 f1 f2 f3");
    check("~time<=3s", "x2 x4");
    check("~since 40s", "m2 f3");
    check("~since 2026-01-01T00:00:00Z", ALL);
    check("~since 9999d", ALL);
    check("~since 2027-01-01T00:00:00Z", "");
}

/// Somebody else's row.
struct Noted;

impl Subject for Noted {
    fn kind(&self) -> Kind {
        Kind::Http
    }

    fn marker(&self) -> Option<std::borrow::Cow<'_, str>> {
        Some(":red:".into())
    }

    fn comment(&self) -> Option<std::borrow::Cow<'_, str>> {
        Some("first\nlook here".into())
    }

    fn metadata(&self) -> Option<std::borrow::Cow<'_, str>> {
        Some("a: 1\nb: 2".into())
    }

    fn is_replayed(&self, part: Part) -> bool {
        part == Part::Request
    }
}

#[test]
fn others_have_marks_comments_and_metadata() {
    let check = |text: &str, expected| {
        let filter = Filter::parse(text, new_year()).unwrap();
        assert_eq!(filter.matches(&Noted), expected, "{text}");
    };
    check("~marked ~replay ~replayq !~replays", true);
    check("~marker red", true);
    check("~marker green", false);
    check("~comment '^look here$'", true);
    check("~meta '^b: 2$'", true);
    check("~u . | ~b . | ~process . | ~d . | ~c 200", false);
}
