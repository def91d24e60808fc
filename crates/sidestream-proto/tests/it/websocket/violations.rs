//! What breaks the standard is marked, once a kind, and passed as it was sent.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Event;

use super::peer::{Deflater, down, frame, opened, up};

/// Sends frames of one side, and returns what was recorded; nothing of it may be held or changed.
#[track_caller]
fn check(extensions: &str, from: Peer, frames: &[Vec<u8>]) -> String {
    let mut play = opened(extensions);
    for frame in frames {
        play.data(from, frame);
    }
    let to = if from == Peer::Client { Peer::Server(0) } else { Peer::Client };
    assert_eq!(play.take_sent(to), frames.concat());
    assert!(play.events().all(|event| !matches!(event, Event::Closed(_))));
    play.events().map(|event| format!("{}\n", crate::play::shown(event))).collect()
}

const SERVER: Peer = Peer::Server(0);

#[test]
fn frames_masked_the_wrong_way() {
    let frames = [frame(0x81, "clear", false), frame(0x81, "again", false)];
    assert_snapshot!(check("", Peer::Client, &frames), @r#"
    defect by the client: a frame from the client is not masked
    websocket client text "clear" in 1
    websocket client text "again" in 1
    "#);
    assert_snapshot!(check("", SERVER, &[frame(0x81, "masked", true)]), @r#"
    defect by the server: a frame from the server is masked
    websocket server text "masked" in 1
    "#);
}

#[test]
fn reserved_bits_and_opcodes() {
    let frames = [
        down(0xa1, "rsv2"),
        down(0xd1, "rsv1 and 3"),
        down(0x83, "data"),
        down(0x8b, "control"),
        down(0x81, "ok"),
    ];
    assert_snapshot!(check("", SERVER, &frames), @r#"
    defect by the server: a reserved bit is set that was not agreed on
    websocket server text "rsv2" in 1
    websocket server text "rsv1 and 3" in 1
    defect by the server: a frame has a reserved opcode
    websocket server opcode 3 "data" in 1
    websocket server opcode 11 "control" in 1
    websocket server text "ok" in 1
    "#);
}

#[test]
fn the_bit_of_compression_where_it_has_no_place() {
    let mut deflater = Deflater::new();
    let payload = deflater.message(b"content");
    let frames = [
        down(0x41, &payload[..3]),
        down(0xc9, "ping"),
        down(0xc0, &payload[3..]),
        down(0xc1, deflater.message(b"content")),
    ];
    assert_snapshot!(check("permessage-deflate", SERVER, &frames), @r#"
    defect by the server: a reserved bit is set that was not agreed on
    websocket server ping "ping" in 1
    websocket server text "content" in 2 compressed
    websocket server text "content" in 1 compressed
    "#);
}

#[test]
fn control_frames_in_fragments_or_too_long() {
    let frames = [up(0x09, "ping"), up(0x8a, "x".repeat(126)), up(0x81, "ok")];
    assert_snapshot!(check("", Peer::Client, &frames), @r#"
    defect by the client: a control frame is fragmented
    websocket client ping "ping" in 1
    defect by the client: a control frame has more than 125 bytes
    websocket client pong "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" in 1
    websocket client text "ok" in 1
    "#);
}

#[test]
fn fragments_out_of_order() {
    let frames = [
        down(0x00, "nothing "),
        down(0x80, "to continue"),
        down(0x01, "unfinished"),
        down(0x81, "whole"),
        down(0x80, "too late"),
    ];
    assert_snapshot!(check("", SERVER, &frames), @r#"
    defect by the server: a continuation frame continues no message
    websocket server continuation of nothing "nothing to continue" in 2
    defect by the server: a message begins within another
    websocket server text "unfinished" in 1 cut
    websocket server text "whole" in 1
    websocket server continuation of nothing "too late" in 1
    "#);
}

#[test]
fn text_that_is_none() {
    let frames = [down(0x81, [0xc3, 0x28]), down(0x82, [0xff]), down(0x81, "ok")];
    assert_snapshot!(check("", SERVER, &frames), @r#"
    defect by the server: a text message or the reason of a close is not UTF-8
    websocket server text "\xc3(" in 1
    websocket server binary "\xff" in 1
    websocket server text "ok" in 1
    "#);
    let cut = [down(0x01, [0xe2]), down(0x80, [0x82])];
    assert_snapshot!(check("", SERVER, &cut), @r#"
    defect by the server: a text message or the reason of a close is not UTF-8
    websocket server text "\xe2\x82" in 2
    "#);
    let surrogate = [down(0x01, [0xed]), down(0x00, [0xa0]), down(0x80, [0x80])];
    assert_snapshot!(check("", SERVER, &surrogate), @r#"
    defect by the server: a text message or the reason of a close is not UTF-8
    websocket server text "\xed\xa0\x80" in 3
    "#);
}

#[test]
fn closes_that_are_odd() {
    assert_snapshot!(check("", SERVER, &[down(0x88, [3])]), @r#"
    defect by the server: a close frame has half a code
    websocket server close "\x03" in 1
    "#);
    assert_snapshot!(check("", SERVER, &[down(0x88, b"\x03\xe8\xff")]), @r#"
    defect by the server: a text message or the reason of a close is not UTF-8
    websocket server close 1000 normal closure "\xff" in 1
    "#);
    let after = [down(0x88, 1000_u16.to_be_bytes()), down(0x81, "still here")];
    assert_snapshot!(check("", SERVER, &after), @r#"
    websocket server close 1000 normal closure "" in 1
    defect by the server: a frame comes after the close frame
    websocket server text "still here" in 1
    "#);
}

#[test]
fn close_codes_that_may_and_may_not_be_sent() {
    let marked = |code: u16| {
        check("", SERVER, &[down(0x88, code.to_be_bytes())]).contains("must not be sent")
    };
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1014, 3000, 3999, 4000, 4999] {
        assert!(!marked(code), "{code}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
        assert!(marked(code), "{code}");
    }
}

#[test]
fn lengths_in_more_bytes_than_they_need() {
    let frames = [b"\x81\x7e\x00\x02hi".to_vec(), b"\x81\x7f\0\0\0\0\0\0\x00\x02ho".to_vec()];
    assert_snapshot!(check("", SERVER, &frames), @r#"
    defect by the server: the length of a frame stands in more bytes than it needs
    websocket server text "hi" in 1
    websocket server text "ho" in 1
    "#);
}

#[test]
fn a_length_beyond_all_bounds_makes_the_flow_raw() {
    let mut play = opened("");
    play.client(up(0x01, "begun"));
    play.server(down(0x81, "ok"));
    play.server(b"\x82\x7f\x80\x00");
    play.server(b"\0\0\0\0\0\0what now");
    play.server(b"raw");
    play.client(b"raw too");
    play.input(sidestream_proto::Input::Eof(Peer::Client));
    play.input(sidestream_proto::Input::Eof(SERVER));
    assert_snapshot!(play, @r#"
    >> data client "\x01\x85\xa1\x00\xff7\xc3e\x98B\xcf"
    << send server "\x01\x85\xa1\x00\xff7\xc3e\x98B\xcf"
    >> data server "\x81\x02ok"
    << * websocket server text "ok" in 1
    << send client "\x81\x02ok"
    >> data server "\x82\x7f\x80\x00"
    << send client "\x82\x7f\x80\x00"
    >> data server "\x00\x00\x00\x00\x00\x00what now"
    << * defect by the server: the length of a frame is beyond 2⁶³
    << * message 2 server "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"
    << * message 3 server "what now"
    << send client "\x00\x00\x00\x00\x00\x00what now"
    << * websocket client text "begun" in 1 cut
    >> data server "raw"
    << * message 5 server "raw"
    << send client "raw"
    >> data client "raw too"
    << * message 6 client "raw too"
    << send server "raw too"
    >> eof client
    << shutdown server
    >> eof server
    << shutdown client
    << * closed, 167 received, 102 sent
    << done
    "#);
}

#[test]
fn compressed_content_that_cannot_be_inflated() {
    let mut deflater = Deflater::new();
    let frames = [
        down(0xc1, deflater.message(b"well")),
        down(0xc1, [0xff, 0xff, 0xff, 0xff]),
        down(0xc1, deflater.message(b"well")),
        down(0x81, "plain"),
    ];
    assert_snapshot!(check("permessage-deflate", SERVER, &frames), @r#"
    websocket server text "well" in 1 compressed
    defect by the server: a compressed message cannot be inflated
    websocket server text "\xff\xff\xff\xff" in 1 compressed encoded
    websocket server text "*\x07b\x00\x00" in 1 compressed encoded
    websocket server text "plain" in 1
    "#);
    let frames = [down(0xc1, [0xff; 4]), down(0xc1, Deflater::new().message(b"well"))];
    let alone = "permessage-deflate; server_no_context_takeover";
    assert_snapshot!(check(alone, SERVER, &frames), @r#"
    defect by the server: a compressed message cannot be inflated
    websocket server text "\xff\xff\xff\xff" in 1 compressed encoded
    websocket server text "well" in 1 compressed
    "#);
}

#[test]
fn a_compressed_message_that_is_left_unfinished_takes_its_successors_with_it() {
    let mut deflater = Deflater::new();
    let payload = deflater.message(b"the first message");
    let frames = [down(0x41, &payload[..6]), down(0xc1, deflater.message(b"the second"))];
    assert_snapshot!(check("permessage-deflate", SERVER, &frames), @r#"
    defect by the server: a message begins within another
    websocket server text "the f" in 1 compressed cut
    websocket server text "*\x01\n\x14\xa7&\xe7\xe7\xa5\x00\x00" in 1 compressed encoded
    "#);
}
