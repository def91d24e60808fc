//! Which version of HTTP each side comes to speak.

use insta::assert_snapshot;
use rustls::Connection;
use sidestream_flow::Peer;
use sidestream_proto::HttpChoice::{self, Http1, Http2, Mirror};
use sidestream_proto::HttpVersions;

use crate::translate::stage::Stage;

fn spoken(end: &Connection) -> String {
    let name = end.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    name.unwrap_or_else(|| "none".into())
}

/// What the client and the server are told, of these offers and that choice.
fn check(client: HttpChoice, server: HttpChoice, offers: &[&str], speaks: &[&str]) -> String {
    let mut stage =
        Stage::new(offers, speaks, |config| config.http = HttpVersions { client, server });
    let [to_client, to_server] =
        [Peer::Client, Peer::Server(0)].map(|peer| spoken(stage.end(peer)));
    let transcript = stage.transcript();
    let withheld =
        transcript.lines().find_map(|line| line.split_once("not offered to the server: "));
    let withheld = withheld.map(|(_, names)| format!(", without {names}")).unwrap_or_default();
    format!(
        "client {client:?}, server {server:?}, {} to {}: {to_client} and {to_server}{withheld}",
        offers.join(" "),
        speaks.join(" "),
    )
}

#[test]
fn each_side_speaks_what_was_chosen_as_far_as_it_can() {
    let both = ["h2", "http/1.1"];
    let cases = [
        check(Mirror, Mirror, &both, &both),
        check(Mirror, Mirror, &both, &["http/1.1"]),
        check(Mirror, Mirror, &both, &[]),
        check(Mirror, Mirror, &["h2"], &[]),
        check(Mirror, Http1, &both, &both),
        check(Mirror, Http1, &["h2"], &both),
        check(Mirror, Http1, &["h2"], &[]),
        check(Mirror, Http2, &both, &both),
        check(Mirror, Http2, &["http/1.1"], &both),
        check(Http1, Mirror, &both, &both),
        check(Http1, Mirror, &["h2"], &both),
        check(Http2, Mirror, &both, &["http/1.1"]),
        check(Http2, Mirror, &both, &[]),
        check(Http2, Mirror, &["http/1.1"], &both),
        check(Http2, Http1, &both, &both),
        check(Http1, Http2, &both, &both),
        check(Http1, Http2, &["imap"], &["imap"]),
        check(Http1, Http2, &["h2", "imap"], &["imap"]),
        check(Http1, Http1, &[], &[]),
    ];
    assert_snapshot!(cases.join("\n"));
}
