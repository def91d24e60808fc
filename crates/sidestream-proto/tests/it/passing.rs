//! Which flows are passed as they are, and what is told of them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use insta::assert_snapshot;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Event, Input, Output, PassRules, RefusedHosts, RefusedUntil, SpliceEnd};
use sidestream_record::{Failure, PassReason};

use crate::play::{Ca, Play, config};
use crate::tls::{Cast, Stage};

/// Rules by which what the spec selects is left to the host's name.
fn spec(text: &str) -> PassRules {
    PassRules { residual: Some(Arc::new(text.parse().unwrap())), ..PassRules::default() }
}

fn refused(host: &str, at: Instant) -> PassRules {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
    let refused = RefusedHosts::from([(host.to_owned(), RefusedUntil { at, time })]);
    PassRules { refused: Some(Arc::new(refused)), ..PassRules::default() }
}

/// A flow in the clear.
fn clear(port: u16, host: Option<&str>, pass: PassRules) -> Play {
    let host = host.map(str::to_owned);
    let mut play = Play::ruled(config(&Ca::new()), Transport::Tcp, port, host, pass);
    play.open();
    play.skip();
    play
}

fn splices(play: &Play) -> bool {
    play.outputs.iter().any(|output| matches!(output, Output::Splice { server: 0 }))
}

fn why(play: &Play) -> Option<PassReason> {
    play.events().find_map(|event| match event {
        Event::Passed(passed) => Some(passed.why.clone()),
        _ => None,
    })
}

fn by_spec(host: Option<&str>) -> Option<PassReason> {
    Some(PassReason::Spec { host: host.map(str::to_owned) })
}

/// Returns the flow of a TLS client that asks for `a.test` under these rules.
fn meets(host: Option<&str>, pass: PassRules) -> Stage {
    let mut cast = Cast::new();
    if pass.residual.is_none() || host != Some("decrypted") {
        // It trusts the server itself; where the flow is decrypted it trusts us.
        cast.client = cast.upstream.client_config();
    }
    cast.host = host.filter(|host| *host != "decrypted").map(str::to_owned);
    cast.pass = pass;
    let mut stage = cast.meet();
    stage.settle();
    stage
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test:80\r\n\r\n";

#[test]
fn the_name_that_tls_asks_for_decides() {
    let mut stage = meets(None, spec("host:b.test"));
    assert_eq!(why(&stage.play), by_spec(Some("a.test")));
    assert!(splices(&stage.play));
    stage.say(Peer::Client, "x");
    assert_eq!(stage.heard(Peer::Server(0)), "x");

    let stage = meets(Some("decrypted"), spec("host:a.test"));
    assert_eq!(why(&stage.play), None);
    assert!(stage.transcript().contains("secured client"));
}

#[test]
fn the_name_that_tls_asks_for_is_truer_than_that_which_was_looked_up() {
    let stage = meets(Some("b.test"), spec("host:b.test"));
    assert_eq!(why(&stage.play), by_spec(Some("a.test")));
}

#[test]
fn what_the_client_offered_is_told_of_a_passed_flow() {
    let stage = meets(None, spec("host:b.test"));
    let passed = stage.play.events().find_map(|event| match event {
        Event::Passed(passed) => passed.offered.clone(),
        _ => None,
    });
    let offered = passed.unwrap();
    assert_eq!(offered.sni.as_deref(), Some("a.test"));
    assert!(offered.ja4.starts_with("t13d"), "{}", offered.ja4);
}

#[test]
fn the_host_of_a_first_request_in_the_clear_decides() {
    let mut play = clear(80, Some("b.test"), spec("host:b.test"));
    play.client(&GET[..20]);
    play.client(&GET[20..]);
    play.input(Input::Spliced { from_client: 3, from_server: 5, end: SpliceEnd::Closed });
    assert_snapshot!(play, @r#"
    >> data client "GET / HTTP/1.1\r\nHost"
    >> data client ": a.test:80\r\n\r\n"
    << * Passed(Passed { why: Spec { host: Some("a.test") }, offered: None })
    << send server "GET / HTTP/1.1\r\nHost: a.test:80\r\n\r\n"
    << splice 0
    >> spliced 3 up, 5 down, Closed
    << * closed, 38 received, 5 sent
    << done
    "#);
}

#[test]
fn a_selected_host_in_the_clear_is_read_as_ever() {
    let mut play = clear(80, None, spec("host:a.test"));
    play.client(&GET[..20]);
    assert!(play.events().all(|event| !matches!(event, Event::Data { .. })));
    play.client(&GET[20..]);
    assert_eq!(why(&play), None);
    assert!(play.events().any(|event| matches!(event, Event::Request { .. })));
}

#[test]
fn a_request_without_a_host_is_decided_by_the_name_that_was_looked_up() {
    for (host, spec_text) in [(Some("a.test"), "host:b.test"), (None, "host:b.test")] {
        let mut play = clear(80, host, spec(spec_text));
        play.client("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(why(&play), by_spec(host));
        assert_eq!(play.take_sent(Peer::Server(0)), b"GET / HTTP/1.0\r\n\r\n");
    }
    let mut play = clear(80, Some("b.test"), spec("host:b.test"));
    play.client("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(why(&play), None);
}

#[test]
fn a_head_that_does_not_end_is_decided_without_it() {
    let mut play = clear(80, None, spec("host:b.test"));
    play.client("GET / HTTP/1.1\r\nHos");
    assert!(!splices(&play));
    play.expire();
    assert_eq!(why(&play), by_spec(None));
    assert!(splices(&play));
}

#[test]
fn a_client_of_http2_that_waits_for_the_server_is_decided_without_its_host() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut play = clear(80, None, spec("host:b.test"));
    play.client(preface);
    assert!(!splices(&play));
    play.expire();
    assert!(splices(&play));
    // A server that has spoken meanwhile is heard.
    let mut play = clear(80, None, spec("!host:b.test"));
    play.client(preface);
    play.server(b"\0\0\0\x04\0\0\0\0\0");
    play.expire();
    assert_eq!(why(&play), None);
    assert_eq!(play.take_sent(Peer::Client), b"\0\0\0\x04\0\0\0\0\0");
    assert_eq!(play.take_sent(Peer::Server(0)), preface.as_bytes());
}

#[test]
fn a_server_that_speaks_first_is_decided_by_the_name_that_was_looked_up() {
    let mut play = clear(25, Some("mail.test"), spec("host:a.test"));
    play.server("220 hello\r\n");
    assert_eq!(why(&play), by_spec(Some("mail.test")));
    assert_eq!(play.take_sent(Peer::Client), b"220 hello\r\n");
    assert!(play.events().all(|event| !matches!(event, Event::Data { .. })));

    let mut play = clear(25, Some("mail.test"), spec("host:mail.test"));
    play.server("220 hello\r\n");
    assert_eq!(why(&play), None);
    assert!(play.events().any(|event| matches!(event, Event::Data { .. })));
}

#[test]
fn a_flow_that_has_half_ended_already_is_left_to_the_engine_too() {
    let mut play = clear(25, None, spec("host:a.test"));
    play.client("x");
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Spliced { from_client: 0, from_server: 1, end: SpliceEnd::Closed });
    assert_snapshot!(play, @r#"
    >> data client "x"
    >> eof client
    << * Passed(Passed { why: Spec { host: None }, offered: None })
    << send server "x"
    << shutdown server
    << splice 0
    >> spliced 0 up, 1 down, Closed
    << * closed, 1 received, 1 sent
    << done
    "#);
}

#[test]
fn a_splice_ends_as_the_engine_says() {
    for (end, failure) in [
        (SpliceEnd::Closed, None),
        (SpliceEnd::Reset(Peer::Client), Some(Failure::Reset(Peer::Client))),
        (SpliceEnd::Stopped, Some(Failure::Stopped)),
    ] {
        let mut play = clear(80, None, spec("host:b.test"));
        play.client(GET);
        play.input(Input::Spliced { from_client: 10, from_server: 20, end });
        let closed = play.events().find_map(|event| match event {
            Event::Closed(closed) => Some(closed.clone()),
            _ => None,
        });
        let closed = closed.unwrap();
        assert_eq!((closed.received, closed.sent), (GET.len() as u64 + 10, 20));
        assert_eq!(closed.failure, failure);
        assert!(play.done);
    }
}

#[test]
fn datagrams_are_decided_by_the_name_that_was_looked_up() {
    let udp = |host: Option<&str>, rules| {
        let host = host.map(str::to_owned);
        let mut play = Play::ruled(config(&Ca::new()), Transport::Udp, 443, host, rules);
        play.open();
        play.client("x");
        (why(&play), play.events().any(|event| matches!(event, Event::Data { .. })))
    };
    assert_eq!(udp(Some("b.test"), spec("host:a.test")), (by_spec(Some("b.test")), false));
    assert_eq!(udp(None, spec("host:a.test")), (by_spec(None), false));
    assert_eq!(udp(Some("a.test"), spec("host:a.test")), (None, true));
}

#[test]
fn names_are_learned_from_dns_that_is_not_recorded() {
    const ANSWER: &[u8] = b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0\x01a\x04test\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
    let rules = spec("host:a.test");
    let mut play = Play::ruled(config(&Ca::new()), Transport::Udp, 53, None, rules);
    play.open();
    play.skip();
    play.server(ANSWER);
    play.expire();
    assert_snapshot!(play, @r#"
            >> data server "\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00<\x00\x04\xc0\x00\x02\x01"
            << learn 192.0.2.1
            << send client "\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00<\x00\x04\xc0\x00\x02\x01"
    60000 ms >> timeout
            << * closed, 0 received, 40 sent
            << done
    "#);
}

#[test]
fn without_decryption_the_client_meets_the_very_server() {
    let mut stage = meets(None, PassRules { decrypt: false, ..PassRules::default() });
    assert_eq!(why(&stage.play), Some(PassReason::Untrusted));
    assert!(splices(&stage.play));
    stage.say(Peer::Client, "x");
    assert_eq!(stage.heard(Peer::Server(0)), "x");
    // What is in the clear is read all the same.
    let mut play = clear(80, None, PassRules { decrypt: false, ..PassRules::default() });
    play.client(GET);
    assert!(play.events().any(|event| matches!(event, Event::Request { .. })));
}

#[test]
fn a_host_that_the_program_refused_is_passed_until_the_time_is_over() {
    let (later, past) = (Instant::now() + Duration::from_secs(60), Instant::now());
    let stage = meets(None, refused("a.test", later));
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
    let host = "a.test".to_owned();
    assert_eq!(why(&stage.play), Some(PassReason::Refused { host, until }));
    assert_eq!(why(&meets(None, refused("b.test", later)).play), None);
    assert_eq!(why(&meets(None, refused("a.test", past)).play), None);
}

/// A flow whose client was shown our certificate, and has not said anything yet.
fn shown(suspect: bool, trusting: bool) -> Stage {
    let mut cast = Cast::new();
    cast.pass.suspect = suspect;
    if !trusting {
        cast.client = Ca::named("Other").client_config();
    }
    let mut stage = cast.meet();
    stage.settle();
    stage
}

fn failure(stage: &Stage) -> Option<Failure> {
    stage.play.events().find_map(|event| match event {
        Event::Closed(closed) => closed.failure.clone(),
        _ => None,
    })
}

fn refusal(alert: Option<&str>) -> Option<Failure> {
    let (host, alert) = ("a.test".into(), alert.map(str::to_owned));
    Some(Failure::CertificateRefused { host, alert, passed_for: None })
}

#[test]
fn a_client_that_says_that_it_refuses_our_certificate_is_believed() {
    for suspect in [false, true] {
        let stage = shown(suspect, false);
        assert_eq!(failure(&stage), refusal(Some("received fatal alert: UnknownCA")));
    }
}

#[test]
fn a_client_that_closes_right_after_our_certificate_is_suspected_where_it_matters() {
    for end in [Input::Eof(Peer::Client), Input::Reset(Peer::Client)] {
        let mut stage = shown(true, true);
        stage.play.wait(Duration::from_secs(1));
        stage.play.input(end);
        assert_eq!(failure(&stage), refusal(None));
    }
    let mut stage = shown(false, true);
    stage.play.input(Input::Reset(Peer::Client));
    assert_eq!(failure(&stage), Some(Failure::Reset(Peer::Client)));
}

#[test]
fn a_client_that_closes_later_or_has_spoken_has_taken_our_certificate() {
    let mut stage = shown(true, true);
    stage.play.wait(Duration::from_secs(4));
    stage.play.input(Input::Reset(Peer::Client));
    assert_eq!(failure(&stage), Some(Failure::Reset(Peer::Client)));

    let mut stage = shown(true, true);
    stage.say(Peer::Client, "GET / HTTP/1.1\r\n");
    stage.play.input(Input::Reset(Peer::Client));
    assert_eq!(failure(&stage), Some(Failure::Reset(Peer::Client)));
}

#[test]
fn what_happens_next_is_said_with_the_refusal() {
    let refused = |alert: Option<&str>, passed_for| {
        let (host, alert) = ("a.test".to_owned(), alert.map(str::to_owned));
        Failure::CertificateRefused { host, alert, passed_for }.to_string()
    };
    let ten = Some(Duration::from_secs(600));
    assert_snapshot!(refused(Some("UnknownCA"), None), @"the client refused our certificate for a.test: it does not trust our root, or trusts only certificates of its own choice (UnknownCA)");
    assert_snapshot!(refused(Some("UnknownCA"), ten), @"the client refused our certificate for a.test: it does not trust our root, or trusts only certificates of its own choice (UnknownCA); its next connections to a.test are passed for 10 min");
    assert_snapshot!(refused(None, ten), @"the client closed the connection right after our certificate for a.test; its next connections to a.test are passed for 10 min");
}
