//! Messages and control frames, as they are recorded.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::{Event, Input};
use sidestream_record::Protocol;

use super::peer::{Deflater, REQUEST, down, opened, response, up};
use crate::play::Play;

#[test]
fn an_upgrade_leads_to_messages_and_what_came_early_is_read() {
    let mut play = Play::opened();
    play.client([REQUEST.as_bytes(), &up(0x81, "early")].concat());
    play.server([response("").as_bytes(), &down(0x82, [1, 2, 3])].concat());
    assert_snapshot!(play, @r#"
    0 ms << open 0 original destination
         >> opened 0 192.0.2.1:80
         << * connected 0 192.0.2.1:80
         >> data client "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x85\xa1\x00\xff7\xc4a\x8d[\xd8"
         << * recognized HTTP/1
         << * request 1 GET http://a.test/chat 5 fields
         << send server "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
         << * ended 1 Request
         >> data server "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n\x82\x03\x01\x02\x03"
         << * response 1 101 2 fields
         << send client "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"
         << * ended 1 Response
         << * over 1
         << * recognized WebSocket
         << * websocket client text "early" in 1
         << send server "\x81\x85\xa1\x00\xff7\xc4a\x8d[\xd8"
         << * websocket server binary "\x01\x02\x03" in 1
         << send client "\x82\x03\x01\x02\x03"
    "#);
}

#[test]
fn a_web_socket_may_be_asked_for_through_a_proxy() {
    let mut play = Play::proxy();
    play.client(REQUEST.replace("GET /chat", "GET http://a.test/chat"));
    play.open();
    play.skip();
    play.server(response(""));
    play.client(up(0x81, "hello"));
    play.server(down(0x81, "hi"));
    play.input(Input::Eof(Peer::Server(0)));
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play, @r#"
    >> data server "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    << * response 1 101 2 fields
    << send client "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    << * ended 1 Response
    << * over 1
    << * recognized WebSocket
    >> data client "\x81\x85\xa1\x00\xff7\xc9e\x93[\xce"
    << * websocket client text "hello" in 1
    << send server "\x81\x85\xa1\x00\xff7\xc9e\x93[\xce"
    >> data server "\x81\x02hi"
    << * websocket server text "hi" in 1
    << send client "\x81\x02hi"
    >> eof server
    << shutdown client
    >> eof client
    << shutdown server
    << * closed, 173 received, 81 sent
    << done
    "#);
}

#[test]
fn another_protocol_or_none_is_raw() {
    for upgrade in ["Connection: upgrade\r\nUpgrade: x-other\r\n", "Upgrade: websocket\r\n", ""] {
        let mut play = Play::opened();
        play.client(REQUEST);
        play.server(format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n"));
        let raw = Event::Recognized(Protocol::Raw);
        assert!(play.events().any(|event| *event == raw), "{upgrade}");
    }
}

#[test]
fn text_and_binary_come_masked_and_clear() {
    let mut play = opened("");
    play.client(up(0x81, "grüße"));
    play.server(down(0x81, "hello"));
    play.server(down(0x82, [0, 0xff]));
    play.server(down(0x81, ""));
    assert_snapshot!(play, @r#"
    >> data client "\x81\x87\xa1\x00\xff7\xc6r<\x8bb\x9f\x9a"
    << * websocket client text "gr\xc3\xbc\xc3\x9fe" in 1
    << send server "\x81\x87\xa1\x00\xff7\xc6r<\x8bb\x9f\x9a"
    >> data server "\x81\x05hello"
    << * websocket server text "hello" in 1
    << send client "\x81\x05hello"
    >> data server "\x82\x02\x00\xff"
    << * websocket server binary "\x00\xff" in 1
    << send client "\x82\x02\x00\xff"
    >> data server "\x81\x00"
    << * websocket server text "" in 1
    << send client "\x81\x00"
    "#);
}

#[test]
fn fragments_add_up_with_control_frames_between_them() {
    let mut play = opened("");
    play.client(up(0x01, "one "));
    play.client(up(0x89, "are you there"));
    play.client(up(0x00, "two \u{1f642}"));
    play.server(down(0x8a, "are you there"));
    play.client(up(0x80, " three"));
    assert_snapshot!(play, @r#"
    >> data client "\x01\x84\xa1\x00\xff7\xcen\x9a\x17"
    << send server "\x01\x84\xa1\x00\xff7\xcen\x9a\x17"
    >> data client "\x89\x8d\xa1\x00\xff7\xc0r\x9a\x17\xd8o\x8a\x17\xd5h\x9aE\xc4"
    << * websocket client ping "are you there" in 1
    << send server "\x89\x8d\xa1\x00\xff7\xc0r\x9a\x17\xd8o\x8a\x17\xd5h\x9aE\xc4"
    >> data client "\x00\x88\xa1\x00\xff7\xd5w\x90\x17Q\x9ff\xb5"
    << send server "\x00\x88\xa1\x00\xff7\xd5w\x90\x17Q\x9ff\xb5"
    >> data server "\x8a\rare you there"
    << * websocket server pong "are you there" in 1
    << send client "\x8a\rare you there"
    >> data client "\x80\x86\xa1\x00\xff7\x81t\x97E\xc4e"
    << * websocket client text "one two \xf0\x9f\x99\x82 three" in 3
    << send server "\x80\x86\xa1\x00\xff7\x81t\x97E\xc4e"
    "#);
}

#[test]
fn a_character_may_be_cut_between_fragments() {
    let mut play = opened("");
    let text = "🙂€".as_bytes();
    play.server(down(0x01, &text[..1]));
    play.server(down(0x00, &text[1..2]));
    play.server(down(0x00, &text[2..5]));
    play.server(down(0x80, &text[5..]));
    assert_snapshot!(play, @r#"
    >> data server "\x01\x01\xf0"
    << send client "\x01\x01\xf0"
    >> data server "\x00\x01\x9f"
    << send client "\x00\x01\x9f"
    >> data server "\x00\x03\x99\x82\xe2"
    << send client "\x00\x03\x99\x82\xe2"
    >> data server "\x80\x02\x82\xac"
    << * websocket server text "\xf0\x9f\x99\x82\xe2\x82\xac" in 4
    << send client "\x80\x02\x82\xac"
    "#);
}

#[test]
fn a_close_tells_its_code_and_its_reason() {
    let mut play = opened("");
    play.server(down(0x88, [&1001_u16.to_be_bytes()[..], b"going home"].concat()));
    play.client(up(0x88, 4999_u16.to_be_bytes()));
    assert_snapshot!(play, @r#"
    >> data server "\x88\x0c\x03\xe9going home"
    << * websocket server close 1001 going away "going home" in 1
    << send client "\x88\x0c\x03\xe9going home"
    >> data client "\x88\x82\xa1\x00\xff7\xb2\x87"
    << * websocket client close 4999 "" in 1
    << send server "\x88\x82\xa1\x00\xff7\xb2\x87"
    "#);
}

#[test]
fn a_close_may_be_silent() {
    let mut play = opened("");
    play.client(up(0x88, ""));
    play.server(down(0x88, ""));
    assert_snapshot!(play, @r#"
    >> data client "\x88\x80\xa1\x00\xff7"
    << * websocket client close "" in 1
    << send server "\x88\x80\xa1\x00\xff7"
    >> data server "\x88\x00"
    << * websocket server close "" in 1
    << send client "\x88\x00"
    "#);
}

#[test]
fn compressed_messages_build_on_each_other() {
    let mut play = opened("permessage-deflate");
    let (mut client, mut server) = (Deflater::new(), Deflater::new());
    let text = "the same text in each message";
    play.client(up(0xc1, client.message(text.as_bytes())));
    play.client(up(0xc1, client.message(text.as_bytes())));
    play.server(down(0xc2, server.message(text.as_bytes())));
    play.server(down(0x81, "plain between"));
    play.server(down(0xc1, server.message(text.as_bytes())));
    assert_snapshot!(play, @r#"
    >> data client "\xc1\x9f\xa1\x00\xff7\x8b\xc9\xb7b\x89N3z\xf4(\xb6\x9a\x89Q7\xfb\xf2H\xb2{oP7z\x8c.\xb1{\xee\x05\xff"
    << * websocket client text "the same text in each message" in 1 compressed
    << send server "\xc1\x9f\xa1\x00\xff7\x8b\xc9\xb7b\x89N3z\xf4(\xb6\x9a\x89Q7\xfb\xf2H\xb2{oP7z\x8c.\xb1{\xee\x05\xff"
    >> data client "\xc1\x85\xa1\x00\xff7\x8b\xc1\xd8>\xa1"
    << * websocket client text "the same text in each message" in 1 compressed
    << send server "\xc1\x85\xa1\x00\xff7\x8b\xc1\xd8>\xa1"
    >> data server "\xc2\x1f*\xc9HU(N\xccMU(I\xad(Q\xc8\xccSHML\xceP\xc8M-.NLO\x05\x00"
    << * websocket server binary "the same text in each message" in 1 compressed
    << send client "\xc2\x1f*\xc9HU(N\xccMU(I\xad(Q\xc8\xccSHML\xceP\xc8M-.NLO\x05\x00"
    >> data server "\x81\rplain between"
    << * websocket server text "plain between" in 1
    << send client "\x81\rplain between"
    >> data server "\xc1\x05*\xc1\'\t\x00"
    << * websocket server text "the same text in each message" in 1 compressed
    << send client "\xc1\x05*\xc1\'\t\x00"
    "#);
}

#[test]
fn compressed_messages_may_each_stand_alone() {
    let mut play =
        opened("permessage-deflate; server_no_context_takeover; client_max_window_bits=12");
    let mut client = Deflater::new();
    let text = "the same text in each message";
    for _ in 0..2 {
        play.client(up(0xc1, client.message(text.as_bytes())));
        play.server(down(0xc1, Deflater::new().message(text.as_bytes())));
    }
    assert_snapshot!(play, @r#"
    >> data client "\xc1\x9f\xa1\x00\xff7\x8b\xc9\xb7b\x89N3z\xf4(\xb6\x9a\x89Q7\xfb\xf2H\xb2{oP7z\x8c.\xb1{\xee\x05\xff"
    << * websocket client text "the same text in each message" in 1 compressed
    << send server "\xc1\x9f\xa1\x00\xff7\x8b\xc9\xb7b\x89N3z\xf4(\xb6\x9a\x89Q7\xfb\xf2H\xb2{oP7z\x8c.\xb1{\xee\x05\xff"
    >> data server "\xc1\x1f*\xc9HU(N\xccMU(I\xad(Q\xc8\xccSHML\xceP\xc8M-.NLO\x05\x00"
    << * websocket server text "the same text in each message" in 1 compressed
    << send client "\xc1\x1f*\xc9HU(N\xccMU(I\xad(Q\xc8\xccSHML\xceP\xc8M-.NLO\x05\x00"
    >> data client "\xc1\x85\xa1\x00\xff7\x8b\xc1\xd8>\xa1"
    << * websocket client text "the same text in each message" in 1 compressed
    << send server "\xc1\x85\xa1\x00\xff7\x8b\xc1\xd8>\xa1"
    >> data server "\xc1\x1f*\xc9HU(N\xccMU(I\xad(Q\xc8\xccSHML\xceP\xc8M-.NLO\x05\x00"
    << * websocket server text "the same text in each message" in 1 compressed
    << send client "\xc1\x1f*\xc9HU(N\xccMU(I\xad(Q\xc8\xccSHML\xceP\xc8M-.NLO\x05\x00"
    "#);
}

#[test]
fn a_compressed_message_may_be_fragmented_and_empty() {
    let mut play = opened("x-unknown=1, Permessage-Deflate;CLIENT_NO_CONTEXT_TAKEOVER");
    let payload = Deflater::new().message(b"some content to compress");
    let (first, second) = payload.split_at(5);
    play.client(up(0x41, first));
    play.client(up(0x89, "1"));
    play.client(up(0x80, second));
    play.client(up(0xc2, [0]));
    assert_snapshot!(play, @r#"
    >> data client "A\x85\xa1\x00\xff7\x8b\xce0z\xf4"
    << send server "A\x85\xa1\x00\xff7\x8b\xce0z\xf4"
    >> data client "\x89\x81\xa1\x00\xff7\x90"
    << * websocket client ping "1" in 1
    << send server "\x89\x81\xa1\x00\xff7\x90"
    >> data client "\x80\x94\xa1\x00\xff7\xe9\xce0\x1c\xe8\xcd\xd4f\x89\xc9\xf8\x05\xd2\x0bue*\x8b\xfe7"
    << * websocket client text "some content to compress" in 2 compressed
    << send server "\x80\x94\xa1\x00\xff7\xe9\xce0\x1c\xe8\xcd\xd4f\x89\xc9\xf8\x05\xd2\x0bue*\x8b\xfe7"
    >> data client "\xc2\x81\xa1\x00\xff7\xa1"
    << * websocket client binary "" in 1 compressed
    << send server "\xc2\x81\xa1\x00\xff7\xa1"
    "#);
}

#[test]
fn a_compressed_message_may_hold_its_last_block() {
    // RFC 7692 §7.2.3.4: a block with BFINAL, then an empty one.
    let mut play = opened("permessage-deflate");
    play.server(down(0xc1, [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]));
    play.server(down(0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
    assert_snapshot!(play, @r#"
    >> data server "\xc1\x08\xf3H\xcd\xc9\xc9\x07\x00\x00"
    << * websocket server text "Hello" in 1 compressed
    << send client "\xc1\x08\xf3H\xcd\xc9\xc9\x07\x00\x00"
    >> data server "\xc1\x07\xf2H\xcd\xc9\xc9\x07\x00"
    << * websocket server text "Hello" in 1 compressed
    << send client "\xc1\x07\xf2H\xcd\xc9\xc9\x07\x00"
    "#);
}

#[test]
fn content_of_an_unknown_extension_is_kept_as_it_was_sent() {
    let mut play = opened("x-scrambled");
    play.server(down(0xa1, [0xff, 0x00]));
    play.server(down(0x81, "plain"));
    assert_snapshot!(play, @r#"
    >> data server "\xa1\x02\xff\x00"
    << * websocket server text "\xff\x00" in 1 encoded
    << send client "\xa1\x02\xff\x00"
    >> data server "\x81\x05plain"
    << * websocket server text "plain" in 1
    << send client "\x81\x05plain"
    "#);
}
