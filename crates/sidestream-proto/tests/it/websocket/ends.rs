//! How a WebSocket ends: as its peers end it, with nothing of our own.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;

use super::peer::{down, opened, up};

#[test]
fn the_close_of_one_side_is_passed_and_the_other_may_go_on() {
    let mut play = opened("");
    play.client(up(0x88, 1000_u16.to_be_bytes()));
    play.server(down(0x88, 1000_u16.to_be_bytes()));
    play.input(Input::Eof(Peer::Server(0)));
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play, @r#"
    >> data client "\x88\x82\xa1\x00\xff7\xa2\xe8"
    << * websocket client close 1000 normal closure "" in 1
    << send server "\x88\x82\xa1\x00\xff7\xa2\xe8"
    >> data server "\x88\x02\x03\xe8"
    << * websocket server close 1000 normal closure "" in 1
    << send client "\x88\x02\x03\xe8"
    >> eof server
    << shutdown client
    >> eof client
    << shutdown server
    << * closed, 157 received, 81 sent
    << done
    "#);
}

#[test]
fn what_was_cut_short_is_told() {
    let mut play = opened("");
    play.server(down(0x01, "begun"));
    let frame = down(0x89, "0123456789");
    play.server(&frame[..5]);
    play.input(Input::Eof(Peer::Server(0)));
    play.client(&up(0x81, "half")[..3]);
    play.input(Input::Reset(Peer::Client));
    assert_snapshot!(play, @r#"
    >> data server "\x01\x05begun"
    << send client "\x01\x05begun"
    >> data server "\x89\n012"
    << send client "\x89\n012"
    >> eof server
    << * websocket server ping "012" in 1 cut
    << * websocket server text "begun" in 1 cut
    << shutdown client
    >> data client "\x81\x84\xa1"
    << send server "\x81\x84\xa1"
    >> reset client
    << * message 3 client "\x81\x84\xa1"
    << abort server
    << * closed, 152 received, 89 sent: reset by the client
    << done
    "#);
}

#[test]
fn a_reset_is_passed() {
    let mut play = opened("");
    play.client(up(0x81, "hello"));
    play.input(Input::Reset(Peer::Server(0)));
    assert_snapshot!(play, @r#"
    >> data client "\x81\x85\xa1\x00\xff7\xc9e\x93[\xce"
    << * websocket client text "hello" in 1
    << send server "\x81\x85\xa1\x00\xff7\xc9e\x93[\xce"
    >> reset server
    << abort client
    << * closed, 160 received, 77 sent: reset by the server
    << done
    "#);
}

#[test]
fn a_stop_sends_nothing() {
    let mut play = opened("");
    play.client(up(0x01, "hel"));
    play.input(Input::Stop);
    assert_snapshot!(play, @r#"
    >> data client "\x01\x83\xa1\x00\xff7\xc9e\x93"
    << send server "\x01\x83\xa1\x00\xff7\xc9e\x93"
    >> stop
    << * websocket client text "hel" in 1 cut
    << * closed, 158 received, 77 sent: the proxy was stopped
    << done
    "#);
}
