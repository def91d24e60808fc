//! What the screen shows.

use std::io::Write;

use insta::assert_snapshot;
use sidestream::flow::{ExchangeId, Transport};
use sidestream::record::{Event, Fields, Part, Recorded, RequestHead, ResponseHead, Sink, Version};
use sidestream::store::Session;
use sidestream_cli::print::{Detail, Printer, Style};
use sidestream_cli::redact::Redact;
use sidestream_testkit::sidestream_binary;

use crate::sample::{self, Play};

fn print(detail: Detail, style: Style, redact: Redact, plays: &[Play]) -> String {
    let mut printer = Printer::new(Vec::new(), detail, style, redact);
    for finished in plays.iter().flat_map(|play| play.finished(detail.body_bytes())) {
        printer.print(&finished).unwrap();
    }
    String::from_utf8(printer.into_inner()).unwrap()
}

fn all() -> [Play; 4] {
    [sample::https(), sample::tunnel(), sample::dns(), sample::raw()]
}

#[test]
fn a_line_tells_of_each_exchange_and_of_raw_flows() {
    let text = print(Detail::Lines, Style::PLAIN, Redact::default().and_secrets(), &all());
    assert_snapshot!(text);
}

#[test]
fn heads_stand_below_their_line_with_secrets_hidden() {
    let text = print(Detail::Heads, Style::PLAIN, Redact::default().and_secrets(), &all());
    assert_snapshot!(text);
}

#[test]
fn bodies_are_text_or_hexadecimal_and_cut() {
    let text = print(Detail::Bodies, Style::PLAIN, Redact::default().and_secrets(), &all());
    assert_snapshot!(text);
}

#[test]
fn a_web_socket_is_a_line_a_message() {
    let print = |detail| print(detail, Style::PLAIN, Redact::default(), &[sample::web_socket()]);
    assert_snapshot!(print(Detail::Lines));
    assert_snapshot!("a_web_socket_in_whole", print(Detail::Bodies));
}

#[test]
fn color_stands_for_the_outcome() {
    let text = print(Detail::Lines, Style::COLORED, Redact::default(), &all());
    assert_snapshot!(text.replace('\x1b', "␛"));
}

#[test]
fn secrets_are_shown_to_whoever_asks() {
    let shown = print(Detail::Heads, Style::PLAIN, Redact::default(), &[sample::https()]);
    assert!(shown.contains("authorization: Bearer secret"), "{shown}");
    assert!(shown.contains("Set-Cookie: id=secret"), "{shown}");
}

#[test]
fn named_fields_are_hidden_whatever_their_case() {
    let redact = Redact::names(&["x-ID".into()]);
    let shown = print(Detail::Heads, Style::PLAIN, redact, &[sample::https()]);
    assert_eq!(shown.matches("X-Id: [redacted]").count(), 2, "{shown}");
}

#[test]
fn quiet_is_quiet() {
    assert_eq!(print(Detail::Quiet, Style::PLAIN, Redact::default(), &all()), "");
}

#[test]
fn what_would_disturb_a_terminal_is_escaped() {
    let text = print(Detail::Bodies, Style::PLAIN, Redact::default(), &all());
    assert!(!text.contains(|char: char| char.is_control() && char != '\n'), "{text:?}");
}

/// What a model streams: two words, half a second apart, then what it cost. Packed, each piece is
/// what came at its time.
fn streamed(packed: bool) -> Play {
    let mut play = Play::new(1, Transport::Tcp, "192.0.2.1:80", "run");
    let exchange = ExchangeId(1);
    let (method, version) = ("POST".into(), Version::Http11);
    let head = RequestHead { method, target: "/".into(), version, fields: Fields::default() };
    play.tell(Event::Request { exchange, url: "http://a.test/".into(), head });
    let mut fields = Fields::default();
    fields.push("Content-Type", "text/event-stream; charset=utf-8");
    if packed {
        fields.push("Content-Encoding", "gzip");
    }
    let head = ResponseHead { version, status: 200, reason: "OK".into(), fields };
    play.tell(Event::Response { exchange, head });
    let said = |word: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n")
    };
    let usage = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":20}}\n\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for (wait, text) in [(398, said("One")), (499, said(" two")), (99, usage.to_owned())] {
        play.wait(wait);
        let data = if packed {
            gzip.write_all(text.as_bytes()).unwrap();
            gzip.flush().unwrap();
            std::mem::take(gzip.get_mut())
        } else {
            text.into_bytes()
        };
        play.tell(Event::Body { exchange, part: Part::Response, data: data.into() });
    }
    let end = if packed { gzip.finish().unwrap() } else { Vec::new() };
    play.tell(Event::Body { exchange, part: Part::Response, data: end.into() });
    play.tell(Event::ExchangeEnded { exchange, failure: None });
    play.close(1, 2, None);
    play
}

#[test]
fn times_of_what_a_model_said_are_told_live_and_of_a_session() {
    let times = "    | tokens: 20 out\n    | times: first after 0.400 s, last after 0.900 s, 40.0 tokens/s\n";
    for packed in [false, true] {
        let play = streamed(packed);
        let live = print(Detail::Bodies, Style::PLAIN, Redact::default(), &[play]);
        assert!(live.contains(times), "{live}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.session");
        let session = Session::create(&path).unwrap();
        for entry in &streamed(packed).entries {
            assert_eq!(session.writer().record(entry), Recorded::Accepted);
        }
        session.close().unwrap();
        let mut command = std::process::Command::new(sidestream_binary());
        let output = command.args(["session", "show"]).arg(&path).arg("1").output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains(times), "{shown}");
    }
}
