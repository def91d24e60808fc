//! Flows of protocols that are known by name alone: passed as they come, and labelled.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;

use super::QUERY;
use crate::play::Play;

const SERVER: Peer = Peer::Server(0);

#[test]
fn a_greeting_goes_on_at_once_however_it_is_cut() {
    let mut play = Play::opened();
    play.skip();
    play.server("2");
    play.server("20 mail.test ES");
    play.server("MTP\r\n");
    play.client("EHLO x\r\n");
    assert_snapshot!(play, @r#"
           >> data server "2"
           << * recognized raw
           << * message 1 server "2"
           << send client "2"
           >> data server "20 mail.test ES"
           << * message 2 server "20 mail.test ES"
           << send client "20 mail.test ES"
           >> data server "MTP\r\n"
           << * recognized SMTP
           << * message 3 server "MTP\r\n"
           << send client "MTP\r\n"
           >> data client "EHLO x\r\n"
           << * message 4 client "EHLO x\r\n"
           << send server "EHLO x\r\n"
    "#);
}

#[test]
fn a_client_of_ssh_waits_for_no_more_than_its_version() {
    let mut play = Play::opened();
    play.skip();
    play.client("SSH-2.0");
    play.client("-x");
    play.client("\r\n");
    play.server("SSH-2.0-y\r\n");
    assert_snapshot!(play, @r#"
           >> data client "SSH-2.0"
           >> data client "-x"
           << * recognized SSH
           << * message 1 client "SSH-2.0-x"
           << send server "SSH-2.0-x"
           >> data client "\r\n"
           << * message 2 client "\r\n"
           << send server "\r\n"
           >> data server "SSH-2.0-y\r\n"
           << * message 3 server "SSH-2.0-y\r\n"
           << send client "SSH-2.0-y\r\n"
    "#);
}

#[test]
fn a_server_that_speaks_releases_what_the_client_began() {
    let mut play = Play::opened();
    play.skip();
    play.client("SSH-");
    play.server("220 mail.test ESMTP\r\n");
    assert_eq!(play.take_sent(SERVER), b"SSH-");
    assert_eq!(play.take_sent(Peer::Client), b"220 mail.test ESMTP\r\n");
}

#[test]
fn half_a_query_goes_on_after_a_while() {
    let mut play = Play::opened();
    play.client(&QUERY[..5]);
    assert_eq!(play.take_sent(SERVER), b"");
    play.expire();
    assert_eq!(play.take_sent(SERVER), &QUERY[..5]);
    play.client(&QUERY[5..]);
    assert_eq!(play.take_sent(SERVER), &QUERY[5..]);
}

#[test]
fn dns_over_a_stream_is_decoded_on_any_port() {
    let mut play = Play::opened();
    play.skip();
    play.client(&QUERY[..14]);
    play.client(&QUERY[14..]);
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Eof(SERVER));
    assert_snapshot!(play, @r#"
    >> data client "\x00\x18\x124\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    << * recognized DNS
    << send server "\x00\x18\x124\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    >> data client "\x01a\x04test\x00\x00\x01\x00\x01"
    << * dns 1 query a.test A
    << send server "\x01a\x04test\x00\x00\x01\x00\x01"
    >> eof client
    << shutdown server
    >> eof server
    << shutdown client
    << * over 1: no answer came
    << * closed, 26 received, 0 sent
    << done
    "#);
}

#[test]
fn quic_behind_something_else_is_still_told() {
    let mut play = Play::udp(3478);
    play.open();
    play.skip();
    play.client("something else");
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9e];
    packet.resize(1200, 7);
    play.client(&packet);
    play.client(&packet);
    assert_snapshot!(play, @r#"
    >> data client "something else"
    << * recognized raw
    << * message 1 client "something else"
    << send server "something else"
    >> data client 1200 bytes
    << * recognized QUIC
    << * message 2 client 1200 bytes
    << send server 1200 bytes
    >> data client 1200 bytes
    << * message 3 client 1200 bytes
    << send server 1200 bytes
    "#);
}
