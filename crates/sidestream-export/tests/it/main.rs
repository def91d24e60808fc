//! Requests in other words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "a shell is asked what it reads")]

use std::process::Command;

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_export::{
    Column, ExportError, Request, curl, fetch, httpie, python, raw_request, raw_response, shell,
    wget,
};
use sidestream_record::{Fields, RequestHead, ResponseHead, Version};

fn fields(lines: &[(&str, &[u8])]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.push(name.as_bytes().to_vec(), value.to_vec());
    }
    fields
}

fn head(method: &str, version: Version, lines: &[(&str, &[u8])]) -> RequestHead {
    let method = method.as_bytes().to_vec().into();
    RequestHead { method, target: "/a/../{b}?c=d&e".into(), version, fields: fields(lines) }
}

const URL: &str = "https://example.test:8443/a/../{b}?c=d&e";

type Form = fn(Request<'_>) -> Result<String, ExportError>;

const FORMS: [(&str, Form); 5] =
    [("curl", curl), ("httpie", httpie), ("wget", wget), ("fetch", fetch), ("python", python)];

fn all(head: &RequestHead, body: &[u8]) -> String {
    let one = |(name, form): &(&str, Form)| {
        format!("# {name}\n{}\n", form(Request { url: URL, head, body: Some(body) }).unwrap())
    };
    FORMS.iter().map(one).collect()
}

#[test]
fn a_form_with_odd_fields() {
    let head = head(
        "POST",
        Version::Http11,
        &[
            ("Host", b"example.test:8443"),
            ("accept", b"*/*"),
            ("X-Quote", b"it's \"a\" $HOME `x` \\ !"),
            ("X-Odd", b"caf\xe9"),
            ("X-Empty", b""),
            ("X-At", b"@file"),
            ("X-Twice", b"1"),
            ("X-Twice", b"2"),
            ("Content-Length", b"11"),
            ("Content-Type", b"application/x-www-form-urlencoded"),
        ],
    );
    assert_snapshot!(all(&head, b"a=1&b='two'"));
}

#[test]
fn a_binary_body_is_piped() {
    let head = head("PUT", Version::Http2, &[(":method", b"PUT"), ("accept-encoding", b"gzip")]);
    assert_snapshot!(all(&head, b"\x00\xff%'\\1\n"));
}

#[test]
fn a_request_without_body() {
    let lines: &[(&str, &[u8])] = &[("Host", b"other.test"), ("User-Agent", b"x")];
    assert_snapshot!(all(&head("HEAD", Version::Http11, lines), b""));
}

#[test]
fn what_cannot_be_put_into_words_is_told() {
    let check = |url, head: &RequestHead, body, expected: &str| {
        for (_, form) in FORMS {
            let error = form(Request { url, head, body }).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    };
    let plain = head("GET", Version::Http11, &[]);
    let how = "its body is not there as a whole; export it raw, which takes what there is";
    check(URL, &plain, None, how);
    check("a.test:443", &plain, Some(b"" as &[u8]), "GET asks for no URL of HTTP; export it raw");
    let odd = head("G T", Version::Http11, &[]);
    check(URL, &odd, Some(b""), "the method \"G T\" is none of HTTP; export it raw");
    let odd = head("GET", Version::Http11, &[("@file", b"")]);
    check(URL, &odd, Some(b""), "the name of its field \"@file\" is none of HTTP; export it raw");
    assert!(
        "nope"
            .parse::<Column>()
            .unwrap_err()
            .to_string()
            .contains("but client, comment, duration_ms")
    );
}

#[test]
fn messages_are_written_as_http_1_has_them() {
    let mut out = Vec::new();
    let request = head("PUT", Version::Http2, &[(":method", b"PUT"), ("x", b"y")]);
    let trailers = fields(&[("X-Sum", b"1")]);
    raw_request(&mut out, URL, &request, &trailers, &mut &b"hello"[..]).unwrap();
    out.extend_from_slice(b"--\n");
    let mut response = ResponseHead {
        version: Version::Http11,
        status: 200,
        reason: "OK".into(),
        fields: fields(&[("Content-Length", b"2"), ("Odd", b"x")]),
    };
    let none = Fields::default();
    raw_response(&mut out, &response, &none, &mut &b"hi"[..], true).unwrap();
    out.extend_from_slice(b"\n--\n");
    response.status = 304;
    raw_response(&mut out, &response, &none, &mut &b""[..], true).unwrap();
    let text = String::from_utf8(out).unwrap().replace("\r\n", "\\r\\n\n");
    assert_snapshot!(text);
}

/// Has the shell print its argument, behind it a mark, so that nothing at its end is lost.
fn echoed(word: &str) -> Vec<u8> {
    let script = format!("printf '%s' {word}");
    Command::new("sh").arg("-c").arg(script).env("LC_ALL", "C").output().unwrap().stdout
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    #[cfg(unix)]
    fn a_shell_reads_back_the_very_bytes(bytes in prop_oneof![
        vec(any::<u8>(), 0..40),
        "[ -~\n\t'\"$`\\\\!]{0,40}".prop_map(String::into_bytes),
        ".{0,20}\n{0,3}".prop_map(String::into_bytes),
    ]) {
        match shell(&bytes) {
            Some(word) => prop_assert_eq!(echoed(&word), bytes),
            None => prop_assert!(bytes.contains(&0)),
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_body_of_any_bytes_is_piped_as_it_is(
        start in vec(any::<u8>(), 0..80), end in vec(any::<u8>(), 0..80),
    ) {
        let body = [&start[..], &[0], &end].concat();
        let head = head("PUT", Version::Http11, &[]);
        let command = curl(Request { url: URL, head: &head, body: Some(&body) }).unwrap();
        let (piped, _) = command.split_once(" | curl").unwrap();
        let output = Command::new("sh").arg("-c").arg(piped).output().unwrap();
        prop_assert_eq!(output.stdout, body);
    }
}
