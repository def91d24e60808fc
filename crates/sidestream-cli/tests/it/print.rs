//! What the screen shows.

use insta::assert_snapshot;
use sidestream_cli::print::{Detail, Printer, Style};
use sidestream_cli::redact::Redact;

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
