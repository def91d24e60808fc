//! What heads say about their connections.

use sidestream_proto::http1::{expects_continue, persists, upgrade};
use sidestream_record::{Field, Fields, RequestHead, Version};

fn fields(lines: &[(&'static str, &'static str)]) -> Fields {
    Fields(lines.iter().map(|&(name, value)| Field::new(name, value)).collect())
}

#[test]
fn a_connection_persists_as_the_version_and_the_fields_say() {
    #[track_caller]
    fn check(lines: &[(&'static str, &'static str)], http10: bool, http11: bool) {
        let fields = fields(lines);
        assert_eq!(persists(Version::Http10, &fields), http10, "{lines:?} in HTTP/1.0");
        assert_eq!(persists(Version::Http11, &fields), http11, "{lines:?} in HTTP/1.1");
    }
    check(&[], false, true);
    check(&[("Connection", "close")], false, false);
    check(&[("connection", "CLOSE")], false, false);
    check(&[("Connection", "keep-alive")], true, true);
    check(&[("Connection", "x , Keep-Alive")], true, true);
    check(&[("Connection", "keep-alive"), ("Connection", "close")], false, false);
    check(&[("Connection", "close-notify, upgrade")], false, true);
    check(&[("Connection", "\"close\"")], false, true);
    check(&[("Proxy-Connection", "keep-alive")], true, true);
    check(&[("Proxy-Connection", "close")], false, false);
    check(&[("Keep-Alive", "timeout=5")], false, true);
}

#[test]
fn an_upgrade_is_asked_for_by_both_fields() {
    #[track_caller]
    fn check(lines: &[(&'static str, &'static str)], expected: Option<&str>) {
        let fields = fields(lines);
        let protocols = upgrade(&fields).map(|it| str::from_utf8(it).unwrap());
        assert_eq!(protocols, expected, "{lines:?}");
    }
    check(&[], None);
    check(&[("Upgrade", "websocket")], None);
    check(&[("Connection", "upgrade")], None);
    check(&[("Connection", "upgrade"), ("Upgrade", "")], None);
    check(&[("Connection", "Upgrade"), ("Upgrade", "websocket")], Some("websocket"));
    check(&[("Upgrade", "a/1, b"), ("connection", "keep-alive, UPGRADE")], Some("a/1, b"));
}

#[test]
fn a_continue_is_expected_in_http11_alone() {
    #[track_caller]
    fn check(version: Version, expect: &'static str, expected: bool) {
        let fields = fields(&[("Expect", expect)]);
        let head = RequestHead { method: "PUT".into(), target: "/".into(), version, fields };
        assert_eq!(expects_continue(&head), expected, "{version} {expect}");
    }
    check(Version::Http11, "100-continue", true);
    check(Version::Http11, "100-Continue", true);
    check(Version::Http11, "x, 100-continue", true);
    check(Version::Http11, "", false);
    check(Version::Http11, "200-ok", false);
    check(Version::Http10, "100-continue", false);
}
