//! Every case of the table in the module's documentation, and its fixture.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;
use sidestream_proto::http1::{BodyError, HeadError};
use sidestream_testkit::workspace_path;

use super::{Read, Refusal, Sender, read};

const TABLE: &str = include_str!("../../../src/http1/cases.md");

/// Returns each case's name, verdict, sender and bytes.
pub(crate) fn cases() -> Vec<(&'static str, &'static str, Sender, Vec<u8>)> {
    let mut cases = Vec::new();
    for row in TABLE.lines().skip(2) {
        let columns: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, _, verdict, _] = columns[..] else { panic!("four columns: {row}") };
        let name = name.trim_matches('`');
        let bytes = fs::read(workspace_path(format!("fixtures/http1/{name}.http"))).unwrap();
        let sender =
            if name.starts_with("request-") { Sender::Client } else { Sender::Server("GET") };
        cases.push((name, verdict, sender, bytes));
    }
    cases
}

#[test]
fn every_case_comes_to_the_verdict_in_the_table() {
    for (name, verdict, sender, bytes) in cases() {
        let read = read(sender, &bytes);
        assert_eq!(verdict_of(&read), verdict, "{name}");
    }
}

#[test]
fn every_case_that_passes_is_passed_as_sent() {
    for (name, verdict, sender, bytes) in cases() {
        let read = read(sender, &bytes);
        if verdict.starts_with("passes") {
            assert_eq!(read.wire.escape_ascii().to_string(), bytes.escape_ascii().to_string());
            assert_eq!(read.at_eof, Some(Ok(())), "{name}");
        }
    }
}

#[test]
fn every_fixture_is_in_the_table() {
    let files = fs::read_dir(workspace_path("fixtures/http1")).unwrap();
    let files: BTreeSet<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let named = cases().into_iter().map(|(name, ..)| format!("{name}.http")).collect();
    assert_eq!(files, named);
}

#[test]
fn tells_where_each_body_ends_and_what_users_read() {
    let mut text = String::new();
    for (name, _, sender, bytes) in cases() {
        let read = read(sender, &bytes);
        let framing = read.framing.map_or_else(|| "-".into(), |framing| format!("{framing:?}"));
        let data = read.data.escape_ascii().to_string();
        let line = format!("{name:32} {framing:10} {data:10} {}", words(&read));
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    assert_snapshot!(text);
}

/// Returns the verdict in the words of the table.
fn verdict_of(read: &Read) -> String {
    let Some(refusal) = &read.refusal else {
        let defects: Vec<_> = read.defects.iter().map(|defect| format!("`{defect:?}`")).collect();
        return match &defects[..] {
            [] => "passes".into(),
            defects => format!("passes: {}", defects.join(", ")),
        };
    };
    let reason = match refusal {
        Refusal::Head(HeadError::Smuggling(reason))
        | Refusal::Framing(reason)
        | Refusal::Body(BodyError::Trailers(reason)) => format!("{reason:?}"),
        Refusal::Head(error) => format!("{error:?}"),
        Refusal::Body(error) => format!("{error:?}"),
    };
    format!("refused: `{reason}`")
}

/// Returns what users read about the message.
fn words(read: &Read) -> String {
    match &read.refusal {
        Some(Refusal::Head(error)) => format!("refused: {error}"),
        Some(Refusal::Framing(error)) => format!("refused: {error}"),
        Some(Refusal::Body(error)) => format!("refused: {error}"),
        None => read.defects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
