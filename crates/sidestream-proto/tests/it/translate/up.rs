//! A client that speaks HTTP/1, and a server that speaks HTTP/2.

use std::time::Instant;

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::http2::ErrorCode;
use sidestream_record::Point;

use crate::endpoint::wire::{event, fields};
use crate::translate::stage::{Stage, up};

const S0: Peer = Peer::Server(0);

/// A server of HTTP/2, and what is between it and its client.
pub(crate) struct Up {
    pub(crate) stage: Stage,
    pub(crate) server: Endpoint,
}

impl Up {
    pub(crate) fn new(stage: Stage) -> Self {
        Self::speaking(stage, Endpoint::server(Limits::default()))
    }

    pub(crate) fn speaking(stage: Stage, server: Endpoint) -> Self {
        let mut this = Self { stage, server };
        this.settle();
        this
    }

    /// Lets the server say what it has to say, and returns what it heard.
    pub(crate) fn settle(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        self.stage.settle();
        loop {
            let wire = self.server.take_wire().concat();
            let came = self.stage.heard(S0);
            if wire.is_empty() && came.is_empty() {
                return heard;
            }
            self.stage.say(S0, wire);
            self.server.feed(came, Instant::now());
            while let Some(it) = self.server.poll_event() {
                if let Event::Data { stream, bytes, .. } = &it {
                    self.server.consumed(*stream, bytes.len());
                }
                heard.push(event(&it));
            }
        }
    }

    pub(crate) fn ask(&mut self, text: &str) -> Vec<String> {
        self.stage.say(Peer::Client, text);
        self.settle()
    }

    /// Answers a stream, and returns what the client heard.
    fn answer(&mut self, stream: u32, head: &[(&str, &str)], body: Option<&str>) -> String {
        self.server.send_head(stream, &fields(head), body.is_none());
        if let Some(body) = body {
            self.server.send_data(stream, Bytes::from(body.to_owned()), true);
        }
        self.settle();
        self.stage.text(Peer::Client)
    }
}

const OK: (&str, &str) = (":status", "200");

#[test]
fn a_request_and_its_response_change_their_form_and_nothing_else() {
    let mut up = Up::new(up());
    let heard = up.ask("GET /x?y HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nCookie: a=1; b=2\r\nTE: gzip, trailers;q=0.5\r\nX-A: 1\r\nX-a: 2\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n");
    assert_snapshot!(heard.join("\n"), @"1 head :method=GET :scheme=https :authority=a.test :path=/x?y cookie=a=1; b=2 x-a=1 x-a=2 te=trailers end");
    let text = up.answer(
        1,
        &[OK, ("server", "S"), ("set-cookie", "a"), ("set-cookie", "b"), ("content-length", "2")],
        Some("hi"),
    );
    assert_snapshot!(text, @r"
    HTTP/1.1 200 OK
    server: S
    set-cookie: a
    set-cookie: b
    content-length: 2

    hi
    ");
    assert_snapshot!(up.stage.transcript());
}

#[test]
fn bodies_become_chunks_or_keep_their_length() {
    let mut up = Up::new(up());
    let heard = up.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n5;x=y\r\nhello\r\n0\r\nSum: 1\r\nHost: b\r\n\r\n");
    assert_snapshot!(heard.join("\n"), @r"
    1 head :method=POST :scheme=https :authority=a :path=/ trailer=Sum
    1 data 5
    1 trailers sum=1
    ");
    up.server.send_head(1, &fields(&[OK]), false);
    up.server.send_data(1, Bytes::from_static(b"hi"), false);
    up.server.send_trailers(1, fields(&[("sum", "2"), ("content-length", "5")]));
    up.settle();
    assert_snapshot!(up.stage.text(Peer::Client), @r"
    HTTP/1.1 200 OK
    transfer-encoding: chunked

    2
    hi
    0
    sum: 2

    ");
    let heard = up.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello");
    assert_snapshot!(heard.join("\n"), @r"
    3 head :method=POST :scheme=https :authority=a :path=/ content-length=5
    3 data 5
    3 data 0 end
    ");
    assert_snapshot!(up.answer(3, &[OK], None), @r"
    HTTP/1.1 200 OK
    content-length: 0

    ");
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let mut up = Up::new(up());
    up.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(up.answer(1, &[(":status", "100")], None), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(
        up.answer(1, &[(":status", "103"), ("link", "</x>")], None),
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    );
    assert_eq!(up.ask("hi"), ["1 data 2", "1 data 0 end"]);
    assert!(up.answer(1, &[OK], None).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn responses_without_content_stay_so() {
    let mut up = Up::new(up());
    up.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        up.answer(1, &[OK, ("content-length", "9")], None),
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
    );
    assert_eq!(up.answer(3, &[OK], None), "HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(
        up.answer(5, &[(":status", "204"), ("content-length", "0")], None),
        "HTTP/1.1 204 No Content\r\n\r\n"
    );
    assert_eq!(
        up.answer(7, &[(":status", "304"), ("content-length", "9")], None),
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"
    );
}

#[test]
fn pipelined_requests_are_streams_at_once_and_answered_in_order() {
    let mut up = Up::new(up());
    let heard = up.ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(heard.len(), 3);
    assert_eq!(up.answer(5, &[OK, ("x", "3")], Some("three")), "");
    assert_eq!(up.answer(3, &[OK, ("x", "2")], None), "");
    assert_snapshot!(up.answer(1, &[OK, ("x", "1")], Some("one")), @r"
    HTTP/1.1 200 OK
    x: 1
    transfer-encoding: chunked

    3
    one
    0

    HTTP/1.1 200 OK
    x: 2
    content-length: 0

    HTTP/1.1 200 OK
    x: 3
    transfer-encoding: chunked

    5
    three
    0

    ");
    assert_snapshot!(up.stage.transcript());
}

#[test]
fn a_response_out_of_turn_waits_no_further_than_its_window() {
    let mut up = Up::new(up());
    up.ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    up.server.send_head(3, &fields(&[OK]), false);
    up.server.send_data(3, Bytes::from(vec![b'x'; 1 << 20]), true);
    up.settle();
    assert_eq!(up.server.queued(3), (1 << 20) - 65_535);
    assert!(up.answer(1, &[OK], None).starts_with("HTTP/1.1 200 OK"));
    assert_eq!(up.server.queued(3), 0);
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks_and_no_interim_responses() {
    let mut up = Up::new(up());
    let heard = up.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(heard, ["1 head :method=GET :scheme=https :path=/ end"]);
    assert_eq!(up.answer(1, &[(":status", "103")], None), "");
    assert_eq!(up.answer(1, &[OK], Some("all")), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall");
    assert!(up.stage.play.done);
}

#[test]
fn a_connection_that_is_to_close_closes_behind_its_response() {
    let mut up = Up::new(up());
    up.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\n\r\n");
    let text = up.answer(1, &[OK], None);
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert!(up.stage.play.done);
}

#[test]
fn an_absolute_target_is_taken_apart() {
    let mut up = Up::new(up());
    let heard = up.ask("GET http://b.test:8080?q HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS https://a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_snapshot!(heard.join("\n"), @r"
    1 head :method=GET :scheme=http :authority=b.test:8080 :path=/?q end
    3 head :method=OPTIONS :scheme=https :authority=a :path=* end
    5 head :method=OPTIONS :scheme=https :authority=a :path=* end
    ");
}

#[test]
fn a_websocket_is_asked_for_as_if_it_were_no_upgrade() {
    let mut up = Up::new(up());
    let heard = up.ask("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n");
    assert_snapshot!(heard.join("\n"), @"1 head :method=GET :scheme=https :authority=a :path=/ws sec-websocket-key=x sec-websocket-version=13 end");
    assert!(up.answer(1, &[(":status", "426")], None).starts_with("HTTP/1.1 426 Upgrade Required"));
    // And the connection goes on.
    assert_eq!(up.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").len(), 1);
}

#[test]
fn a_stream_that_the_server_resets_cuts_the_connection() {
    let mut up = Up::new(up());
    up.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    up.server.send_head(1, &fields(&[OK]), false);
    up.server.send_data(1, Bytes::from_static(b"some"), false);
    up.settle();
    up.server.reset(1, ErrorCode::CANCEL);
    up.settle();
    assert!(up.stage.text(Peer::Client).ends_with("4\r\nsome\r\n"));
    assert!(up.stage.play.done);
    assert_snapshot!(up.stage.transcript());
}

#[test]
fn a_request_that_is_cut_short_is_a_reset() {
    let mut up = Up::new(up());
    up.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfour");
    up.stage.close(Peer::Client);
    assert_eq!(up.settle(), ["1 reset CANCEL"]);
    assert!(up.stage.transcript().contains("over 1: cut short by the client, 5 bytes missing"));
}

#[test]
fn a_server_that_goes_away_ends_what_it_took_and_then_the_connection() {
    let mut up = Up::new(up());
    up.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    up.server.go_away(ErrorCode::NO_ERROR);
    up.settle();
    let text = up.answer(1, &[OK], None);
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert!(up.stage.play.done);

    let mut up = Up::new(crate::translate::stage::up());
    up.stage.say(Peer::Client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    up.server.go_away(ErrorCode::NO_ERROR);
    up.settle();
    let transcript = up.stage.transcript();
    assert!(transcript.contains("over 1: not taken by the server"), "{transcript}");
}

#[test]
fn requests_and_responses_are_held() {
    let http = sidestream_proto::HttpVersions {
        client: sidestream_proto::HttpChoice::Http1,
        server: sidestream_proto::HttpChoice::Http2,
    };
    let stage = Stage::new(&["http/1.1"], &["h2"], |config| {
        config.http = http;
        config.hold = vec![Point::Request, Point::Response];
    });
    let mut up = Up::new(stage);
    assert!(up.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").is_empty());
    up.stage.play.resume(1);
    assert_eq!(up.settle().len(), 3);
    assert_eq!(up.answer(1, &[OK], Some("ok")), "");
    up.stage.play.resume(1);
    up.settle();
    assert!(up.stage.text(Peer::Client).ends_with("2\r\nok\r\n0\r\n\r\n"));
}

#[test]
fn a_server_that_does_not_read_holds_the_client_back() {
    let mut up = Up::new(up());
    up.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for _ in 0..6 {
        assert!(up.stage.play.conn.wants(Peer::Client));
        up.stage.say(Peer::Client, vec![b'x'; 32 * 1024]);
        // The window takes two of them, the queue two more, and two wait unread.
    }
    assert!(!up.stage.play.conn.wants(Peer::Client));
    up.settle();
    assert!(up.stage.play.conn.wants(Peer::Client));
}

#[test]
fn stopping_lets_what_is_under_way_end() {
    let mut up = Up::new(up());
    up.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    up.stage.play.input(Input::Stop);
    let text = up.answer(1, &[OK], None);
    assert!(text.contains("connection: close"));
    assert!(up.stage.play.done);
}
