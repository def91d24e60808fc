//! The lines of `--json`.

use insta::assert_snapshot;
use sidestream_cli::json::JsonWriter;
use sidestream_cli::redact::Redact;

use crate::sample::{self, Play};

/// Writes compact lines, and shows them indented.
fn json(redact: Redact, play: &Play) -> String {
    let mut writer = JsonWriter::new(Vec::new(), redact);
    play.finished(0).iter().for_each(|finished| writer.write(finished).unwrap());
    let lines = String::from_utf8(writer.into_inner()).unwrap();
    let pretty = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    lines.lines().map(pretty).collect::<Vec<_>>().join("\n")
}

#[test]
fn http_is_told_whole() {
    assert_snapshot!(json(Redact::default(), &sample::https()));
}

#[test]
fn a_tunnel_and_a_refused_request_have_a_line_each() {
    assert_snapshot!(json(Redact::default(), &sample::tunnel()));
}

#[test]
fn dns_is_told_with_its_records() {
    assert_snapshot!(json(Redact::default(), &sample::dns()));
}

#[test]
fn a_raw_flow_is_told_when_it_ends() {
    assert_snapshot!(json(Redact::default(), &sample::raw()));
}

#[test]
fn a_web_socket_message_is_told_with_its_beginning() {
    assert_snapshot!(json(Redact::default(), &sample::web_socket()));
}

#[test]
fn only_named_fields_are_hidden() {
    let lines = json(Redact::names(&["set-cookie".into()]), &sample::https());
    assert!(lines.contains("Bearer secret"), "{lines}");
    assert!(lines.contains("[redacted]") && !lines.contains("id=secret"), "{lines}");
}

#[test]
fn a_line_is_compact_and_ends() {
    let mut writer = JsonWriter::new(Vec::new(), Redact::default());
    for finished in sample::https().finished(0) {
        writer.write(&finished).unwrap();
    }
    let text = String::from_utf8(writer.into_inner()).unwrap();
    assert!(text.starts_with("{\"kind\":\"http\",\"flow\":1,\"exchange\":1,"), "{text}");
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
}
