//! The sim ground: what its links do, and that they do it again.

use std::time::Duration;

use sidestream_lab::ground::sim::Sim;
use sidestream_lab::ground::{Ground, Intercept, Part, Signal};
use sidestream_lab::model::{
    Answer, Ask, Driver, Ended, Family, HttpAsk, Program, Quality, Serve, ServeHttp, ServeTls,
    Service, Step, Trouble, WsFrame,
};

/// A client and an origin that serves this, over a link of that quality.
fn stage(serve: Serve, quality: &Quality) -> Sim {
    let mut sim = Sim::open(Family::V4).unwrap();
    sim.add_host("app").unwrap();
    sim.add_host("origin").unwrap();
    sim.link("app", "origin", quality).unwrap();
    sim.serve("origin", &serve).unwrap();
    sim
}

fn intercept(sim: &mut Sim, driver: Driver, spec: &str) {
    let intercept = Intercept { driver, spec: spec.to_owned(), ca_trusted: true };
    sim.intercept("app", &intercept).unwrap();
}

fn ask(sim: &mut Sim, ask: &Ask) -> Answer {
    let id = sim.start("app", ask).unwrap();
    sim.wait(id).unwrap().got
}

fn get(sim: &mut Sim, url: &str) -> Answer {
    ask(sim, &Ask::Http(HttpAsk::get(url)))
}

fn http(body: Vec<u8>) -> Serve {
    let service = Service::Http(ServeHttp { body, ..ServeHttp::default() });
    Serve { port: 80, service, tls: None }
}

fn other(service: Service) -> Serve {
    Serve { port: 7000, service, tls: None }
}

fn tcp(steps: Vec<Step>) -> Ask {
    Ask::Tcp { by: Program::Python, host: "origin".into(), port: 7000, steps }
}

fn udp(count: u8) -> Ask {
    let datagrams = (0..count).map(|number| vec![number]).collect();
    let patience = Duration::from_millis(500);
    Ask::Udp { by: Program::Python, host: "origin".into(), port: 7000, datagrams, patience }
}

/// Some pages and datagrams over a link, captured or not: all that was seen, and when it was over.
fn walk(quality: &Quality, captured: bool) -> (String, Duration) {
    let mut sim = stage(http(b"0123456789".repeat(5000)), quality);
    sim.serve("origin", &other(Service::UdpEcho)).unwrap();
    if captured {
        intercept(&mut sim, Driver::Run, "");
    }
    let mut got = vec![get(&mut sim, "http://origin/1"), get(&mut sim, "http://origin/2")];
    got.push(ask(&mut sim, &udp(20)));
    let at = sim.elapsed();
    sim.stop().unwrap();
    (format!("{got:?} {:?}", sim.seen().unwrap()), at)
}

#[test]
fn a_seed_does_the_same_again_and_another_does_otherwise() {
    let bad = |seed| Quality {
        delay: Duration::from_millis(7),
        loss: 100,
        reorder: 100,
        duplicate: 100,
        rate: Some(1 << 20),
        seed,
    };
    for captured in [false, true] {
        let first = walk(&bad(1), captured);
        assert_eq!(first, walk(&bad(1), captured));
        let second = walk(&bad(2), captured);
        assert_ne!(first.1, second.1);
        assert_ne!(first.0, second.0);
    }
}

#[test]
fn delay_and_rate_take_their_time() {
    let elapsed = |quality| walk(&quality, false).1;
    // Ten milliseconds are an ask's head start.
    assert!(elapsed(Quality::PERFECT) < Duration::from_millis(50));
    let delay = Duration::from_millis(100);
    // A page takes a round trip to connect and one to ask.
    let slow = elapsed(Quality { delay, ..Quality::PERFECT });
    assert!(slow >= 2 * 4 * delay + 20 * 2 * delay, "{slow:?}");
    let narrow = elapsed(Quality { rate: Some(50_000), ..Quality::PERFECT });
    assert!(narrow >= Duration::from_secs(2), "{narrow:?}");
}

#[test]
fn all_that_is_sent_over_a_bad_link_comes() {
    let quality = Quality { loss: 200, ..Quality::PERFECT };
    let body = b"whole".repeat(50_000);
    let mut sim = stage(http(body.clone()), &quality);
    intercept(&mut sim, Driver::Run, "");
    assert_eq!(get(&mut sim, "http://origin/").content, body);
}

#[test]
fn datagrams_are_lost_and_come_twice() {
    for (quality, expected) in [
        (Quality::PERFECT, 20..=20),
        (Quality { loss: 300, ..Quality::PERFECT }, 1..=19),
        (Quality { loss: 1000, ..Quality::PERFECT }, 0..=0),
    ] {
        let mut sim = stage(other(Service::UdpEcho), &quality);
        let got = ask(&mut sim, &udp(20));
        assert!(expected.contains(&got.content.len()), "{} of {quality:?}", got.content.len());
        assert_eq!(got.trouble.is_some(), got.content.is_empty());
    }
    let mut sim = stage(other(Service::UdpEcho), &Quality { duplicate: 1000, ..Quality::PERFECT });
    ask(&mut sim, &udp(3));
    let (_, origins) = sim.seen().unwrap();
    assert_eq!(origins[0].first.len(), 6, "{origins:?}");
}

#[test]
fn a_half_close_leaves_the_other_half() {
    for captured in [false, true] {
        let late = vec![Step::AwaitEnd, Step::Send(b"late".to_vec()), Step::End];
        let mut sim = stage(other(Service::Tcp(late)), &Quality::PERFECT);
        if captured {
            intercept(&mut sim, Driver::Run, "");
        }
        let steps = vec![Step::Send(b"early".to_vec()), Step::End, Step::AwaitEnd];
        let got = ask(&mut sim, &tcp(steps));
        assert_eq!((&got.content[..], got.trouble), (&b"late"[..], None));
        let (_, origins) = sim.seen().unwrap();
        assert_eq!((origins[0].bytes, origins[0].ended), ((5, 4), Ended::ByPeer));
    }
}

#[test]
fn a_client_sees_how_a_server_does_not_answer() {
    let reset = Service::Tcp(vec![Step::Await(1), Step::Send(b"half".to_vec()), Step::Reset]);
    for (service, content, trouble) in [
        (Service::Refuse, "", Trouble::Refused),
        (Service::Silence, "", Trouble::TimedOut),
        (reset, "half", Trouble::Reset),
    ] {
        for captured in [false, true] {
            let mut sim = stage(other(service.clone()), &Quality::PERFECT);
            if captured {
                intercept(&mut sim, Driver::Run, "");
            }
            let got = ask(&mut sim, &tcp(vec![Step::Send(b"x".to_vec()), Step::AwaitEnd]));
            assert_eq!(got.trouble, Some(trouble), "{service:?}, captured: {captured}");
            assert_eq!(got.content, content.as_bytes());
            sim.stop().unwrap();
            let (flows, _) = sim.seen().unwrap();
            assert_eq!(flows.len(), usize::from(captured));
            assert!(flows.iter().all(|flow| flow.error.is_some()), "{flows:?}");
        }
    }
}

#[test]
fn a_client_that_resets_is_seen_by_the_server() {
    for captured in [false, true] {
        let serve = vec![Step::Send(b"hello".to_vec()), Step::AwaitEnd];
        let mut sim = stage(other(Service::Tcp(serve)), &Quality::PERFECT);
        if captured {
            intercept(&mut sim, Driver::Run, "");
        }
        ask(&mut sim, &tcp(vec![Step::Await(5), Step::Reset]));
        assert_eq!(sim.seen().unwrap().1[0].ended, Ended::Reset, "captured: {captured}");
    }
}

#[test]
fn faults_of_tls_are_the_servers() {
    let (untrusted, alert) = (Some(Trouble::Untrusted), Some(Trouble::Tls));
    for (tls, direct, captured, words) in [
        (ServeTls::Good, None, None, ""),
        (ServeTls::Old, None, None, ""),
        // Its alert is one that clients take for their own finding.
        (ServeTls::Expired, untrusted, untrusted, "expired"),
        (ServeTls::OtherName, untrusted, alert, "another name"),
        (ServeTls::SelfSigned, untrusted, alert, "unknown issuer"),
        (ServeTls::Refuses, alert, alert, "HandshakeFailure"),
    ] {
        let serve = Serve { port: 443, tls: Some(tls), ..http(b"page".to_vec()) };
        let mut sim = stage(serve.clone(), &Quality::PERFECT);
        assert_eq!(get(&mut sim, "https://origin/").trouble, direct, "{tls:?}");
        let mut sim = stage(serve, &Quality::PERFECT);
        intercept(&mut sim, Driver::Run, "");
        let got = get(&mut sim, "https://origin/");
        assert_eq!(got.trouble, captured, "{tls:?} {}", got.said);
        sim.stop().unwrap();
        let (flows, _) = sim.seen().unwrap();
        let error = flows[0].error.clone().unwrap_or_default();
        assert!(error.contains(words) && error.is_empty() == words.is_empty(), "{tls:?} {error}");
    }
}

#[test]
fn http2_and_web_sockets_go_through_the_engine() {
    let mut sim = stage(
        Serve { port: 443, tls: Some(ServeTls::Good), ..http(b"page".into()) },
        &Quality::PERFECT,
    );
    sim.serve("origin", &Serve { port: 80, service: Service::WebSocket, tls: None }).unwrap();
    intercept(&mut sim, Driver::Run, "");
    let page = HttpAsk { http2: true, ..HttpAsk::get("https://origin/") };
    assert_eq!(ask(&mut sim, &Ask::Http(page)).version.as_deref(), Some("HTTP/2"));
    let frames = vec![WsFrame::Text("hello".into())];
    let (by, url) = (Program::Python, "ws://origin/chat".to_owned());
    let got = ask(&mut sim, &Ask::WebSocket { by, url, frames, close: 1000 });
    assert_eq!((got.status, &got.content[..]), (Some(101), &b"hello"[..]));
    sim.stop().unwrap();
    let kinds: Vec<_> = sim.seen().unwrap().0.into_iter().map(|flow| flow.kind).collect();
    assert_eq!(kinds, [vec!["http"; 2], vec!["websocket"; 4], vec!["tcp"]].concat());
}

#[test]
fn a_spec_chooses_programs_and_changes_while_flows_go_on() {
    let mut sim = stage(http(b"page".to_vec()), &Quality::PERFECT);
    intercept(&mut sim, Driver::Local, "curl");
    let by = |by, url: &str| Ask::Http(HttpAsk { by, ..HttpAsk::get(url) });
    ask(&mut sim, &by(Program::Curl, "http://origin/curl"));
    ask(&mut sim, &by(Program::Python, "http://origin/python"));
    sim.set_spec("python").unwrap();
    ask(&mut sim, &by(Program::Curl, "http://origin/curl-later"));
    ask(&mut sim, &by(Program::Python, "http://origin/python-later"));
    sim.stop().unwrap();
    let (flows, origins) = sim.seen().unwrap();
    let asked: Vec<_> = flows.iter().filter_map(|flow| flow.asked.as_deref()).collect();
    assert_eq!(
        asked,
        ["GET http://origin/curl HTTP/1.1", "GET http://origin/python-later HTTP/1.1"]
    );
    assert_eq!(origins.len(), 4);
}

#[test]
fn many_asks_take_their_turns() {
    let mut sim = stage(http(b"page".to_vec()), &Quality::PERFECT);
    intercept(&mut sim, Driver::Run, "");
    for _ in 0..300 {
        assert_eq!(get(&mut sim, "http://origin/").status, Some(200));
    }
    assert_eq!(sim.seen().unwrap().1.len(), 300);
}

#[test]
fn what_takes_a_system_says_so() {
    let mut sim = stage(http(Vec::new()), &Quality::PERFECT);
    for error in [
        sim.run("app", &["true"]).unwrap_err(),
        sim.traces("app").unwrap_err(),
        sim.signal(Part::Proxy, Signal::Kill).unwrap_err(),
    ] {
        assert!(error.to_string().ends_with("is not on the sim ground"), "{error}");
    }
    assert!(sim.serve("nobody", &http(Vec::new())).is_err());
    assert!(sim.serve("origin", &http(Vec::new())).is_err(), "the port is taken");
}

#[test]
fn the_engine_goes_by_the_time_of_the_links() {
    let quality = Quality { delay: Duration::from_millis(200), ..Quality::PERFECT };
    let mut sim = stage(http(b"page".to_vec()), &quality);
    sim.serve("origin", &other(Service::Echo)).unwrap();
    ask(&mut sim, &tcp(vec![Step::Pause(Duration::from_secs(50))]));
    intercept(&mut sim, Driver::Run, "");
    // Within a second the client has to speak, else nobody knows what it speaks.
    let late =
        vec![Step::Pause(Duration::from_millis(900)), Step::Send(b"GET / HTTP/1.1\r\n\r\n".into())];
    let ask_late = Ask::Tcp { by: Program::Python, host: "origin".into(), port: 80, steps: late };
    ask(&mut sim, &ask_late);
    sim.stop().unwrap();
    assert_eq!(sim.seen().unwrap().0[0].kind, "http");
}
