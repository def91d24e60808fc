//! A client that speaks HTTP/2, and servers that speak HTTP/1.

use std::time::Instant;

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_proto::endpoint::{Endpoint, Limits};
use sidestream_proto::http2::ErrorCode;
use sidestream_record::Point;

use crate::endpoint::wire::{GET, event, fields};
use crate::translate::stage::{Stage, down};

/// A client of HTTP/2, and what is between it and its servers.
pub(crate) struct Down {
    pub(crate) stage: Stage,
    pub(crate) client: Endpoint,
}

const S0: Peer = Peer::Server(0);

impl Down {
    pub(crate) fn new(stage: Stage) -> Self {
        let mut this = Self { stage, client: Endpoint::client(Limits::default()) };
        this.settle();
        this
    }

    /// Lets the client say what it has to say, and returns what it heard.
    pub(crate) fn settle(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        self.stage.settle();
        loop {
            let wire = self.client.take_wire().concat();
            let came = self.stage.heard(Peer::Client);
            if wire.is_empty() && came.is_empty() {
                return heard;
            }
            self.stage.say(Peer::Client, wire);
            self.client.feed(came, Instant::now());
            while let Some(it) = self.client.poll_event() {
                if let sidestream_proto::endpoint::Event::Data { stream, bytes, .. } = &it {
                    self.client.consumed(*stream, bytes.len());
                }
                heard.push(event(&it));
            }
        }
    }

    fn get(&mut self, path: &str) -> u32 {
        self.ask(&[("x-path", path)])
    }

    fn ask(&mut self, more: &[(&str, &str)]) -> u32 {
        let stream = self.client.open(&fields(&[&GET[..], more].concat()), true).unwrap();
        self.settle();
        stream
    }

    pub(crate) fn post(&mut self, more: &[(&str, &str)]) -> u32 {
        let list = [&[(":method", "POST")], &GET[1..], more].concat();
        let stream = self.client.open(&fields(&list), false).unwrap();
        self.settle();
        stream
    }

    pub(crate) fn answer(&mut self, server: u32, text: &str) -> Vec<String> {
        self.stage.say(Peer::Server(server), text);
        self.settle()
    }
}

#[test]
fn a_request_and_its_response_change_their_form_and_nothing_else() {
    let mut down = Down::new(down());
    down.ask(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("te", "trailers"), ("x", "z")]);
    assert_snapshot!(down.stage.text(S0), @r"
    GET / HTTP/1.1
    host: a.test
    cookie: a=1; b=2
    x: y
    x: z
    te: trailers
    connection: te

    ");
    let heard = down.answer(
        0,
        "HTTP/1.1 200 Fine\r\nServer: S\r\nConnection: keep-alive, x-hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nhi",
    );
    assert_snapshot!(heard.join("\n"), @r"
    1 head :status=200 server=S set-cookie=a set-cookie=b content-length=2
    1 data 2 end
    ");
    assert_snapshot!(down.stage.transcript());
}

#[test]
fn bodies_become_chunks_or_keep_their_length() {
    let mut down = Down::new(down());
    let stream = down.post(&[]);
    down.client.send_data(stream, Bytes::from_static(b"hello"), false);
    down.client.send_trailers(stream, fields(&[("sum", "1")]));
    down.settle();
    assert_snapshot!(down.stage.text(S0), @r"
    POST / HTTP/1.1
    host: a.test
    transfer-encoding: chunked

    5
    hello
    0
    sum: 1

    ");
    let heard = down.answer(
        0,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nSum: 2\r\nContent-Length: 9\r\n\r\n",
    );
    assert_snapshot!(heard.join("\n"), @r"
    1 head :status=200
    1 data 3
    1 trailers sum=2
    ");
    let stream = down.post(&[("content-length", "5")]);
    down.client.send_data(stream, Bytes::from_static(b"hello"), true);
    down.settle();
    assert_snapshot!(down.stage.text(S0), @r"
    POST / HTTP/1.1
    host: a.test
    content-length: 5

    hello
    ");
    let heard = down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_snapshot!(heard.join("\n"), @"3 head :status=204 end");
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let mut down = Down::new(down());
    let stream = down.post(&[("expect", "100-continue"), ("content-length", "2")]);
    let heard = down
        .answer(0, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    assert_eq!(heard, ["1 head :status=100", "1 head :status=103 link=</x>"]);
    down.client.send_data(stream, Bytes::from_static(b"hi"), true);
    let heard = down.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(heard, ["1 head :status=200 content-length=0 end"]);
}

#[test]
fn responses_without_content_name_the_length_that_they_would_have() {
    let mut down = Down::new(down());
    let head = [&[(":method", "HEAD")], &GET[1..]].concat();
    down.client.open(&fields(&head), true).unwrap();
    down.settle();
    let heard = down.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    assert_eq!(heard, ["1 head :status=200 content-length=99 end"]);
    down.ask(&[("if-none-match", "*")]);
    let heard = down.answer(0, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
    assert_eq!(heard, ["3 head :status=304 content-length=99 end"]);
}

#[test]
fn a_response_that_lasts_until_its_connection_ends_is_whole_then() {
    let mut down = Down::new(down());
    down.get("/");
    let heard = down.answer(0, "HTTP/1.0 200 OK\r\n\r\nsome");
    assert_eq!(heard, ["1 head :status=200", "1 data 4"]);
    down.stage.close(S0);
    assert_eq!(down.settle(), ["1 data 0 end"]);
    // The next stream gets a new connection.
    down.get("/");
    assert_eq!(down.stage.servers.len(), 2);
    let heard = down.answer(1, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(heard, ["3 head :status=204 end"]);
}

#[test]
fn a_response_that_is_cut_short_is_a_reset() {
    let mut down = Down::new(down());
    down.get("/");
    down.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
    down.stage.close(S0);
    assert_eq!(down.settle(), ["1 reset INTERNAL_ERROR"]);
    assert!(down.stage.transcript().contains("over 1: cut short by the server, 5 bytes missing"));
}

#[test]
fn an_idle_connection_that_its_server_closes_is_missed_by_nobody() {
    let mut down = Down::new(down());
    down.get("/");
    down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    down.stage.close(S0);
    assert!(down.settle().is_empty());
    down.get("/");
    let heard = down.answer(1, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(heard, ["3 head :status=204 end"]);
}

#[test]
fn a_request_that_met_a_closing_connection_can_be_sent_again() {
    let mut down = Down::new(down());
    down.get("/");
    down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    down.get("/");
    down.stage.close(S0);
    assert_eq!(down.settle(), ["3 reset REFUSED_STREAM"]);
    // One that may have had its effect cannot.
    down.get("/");
    down.answer(1, "HTTP/1.1 204 No Content\r\n\r\n");
    let stream = down.post(&[]);
    down.client.send_data(stream, Bytes::new(), true);
    down.settle();
    down.stage.close(Peer::Server(1));
    assert_eq!(down.settle(), ["7 reset INTERNAL_ERROR"]);
}

#[test]
fn streams_share_six_connections_and_wait_for_them() {
    let mut down = Down::new(down());
    for _ in 0..20 {
        down.get("/");
    }
    assert_eq!(down.stage.servers.len(), 6);
    let mut heard = Vec::new();
    for round in 0..4 {
        for server in 0..6 {
            if round == 3 && server >= 2 {
                continue;
            }
            heard.extend(down.answer(server, "HTTP/1.1 204 No Content\r\n\r\n"));
        }
    }
    assert_eq!(heard.len(), 20);
    assert!(heard.iter().all(|line| line.ends_with("head :status=204 end")));
    assert_eq!(down.stage.servers.len(), 6);
}

#[test]
fn a_server_that_takes_no_more_connections_gets_one_stream_after_another() {
    let mut stage = down();
    stage.reachable = 1;
    let mut down = Down::new(stage);
    down.get("/");
    down.get("/");
    let heard = down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(heard, ["1 head :status=204 end"]);
    let heard = down.answer(0, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(heard, ["3 head :status=200 content-length=0 end"]);
    // And once it takes none at all, a stream is refused before it begins.
    down.client.open(&fields(&GET), true).unwrap();
    assert_eq!(down.settle(), ["5 reset REFUSED_STREAM"]);
    assert!(down.stage.transcript().contains("over 3: the server refused the connection"));
}

#[test]
fn a_client_that_resets_a_stream_ends_its_connection_and_no_other() {
    let mut down = Down::new(down());
    let first = down.get("/");
    down.get("/");
    down.client.reset(first, ErrorCode::CANCEL);
    down.settle();
    assert_eq!(down.stage.aborted, [S0]);
    let heard = down.answer(1, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(heard, ["3 head :status=204 end"]);
    assert!(down.stage.transcript().contains("over 1: stream reset by the client: CANCEL"));
}

#[test]
fn streams_are_held_one_by_one() {
    let http = sidestream_proto::HttpVersions {
        client: sidestream_proto::HttpChoice::Http2,
        server: sidestream_proto::HttpChoice::Http1,
    };
    let stage = Stage::new(&["h2"], &["http/1.1"], |config| {
        config.http = http;
        config.hold = vec![Point::Request, Point::Response];
    });
    let mut down = Down::new(stage);
    let first = down.post(&[]);
    down.client.send_data(first, Bytes::from_static(b"x"), true);
    down.get("/");
    assert_eq!(down.stage.text(S0), "");
    down.stage.play.resume(2);
    down.settle();
    assert!(down.stage.text(S0).starts_with("GET / "));
    assert!(down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n").is_empty());
    down.stage.play.resume(1);
    down.settle();
    assert!(down.stage.text(Peer::Server(1)).ends_with("\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
    down.stage.play.resume(2);
    assert_eq!(down.settle(), ["3 head :status=204 end"]);
    down.answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    down.stage.play.resume(1);
    assert_eq!(down.settle(), ["1 head :status=200 content-length=2", "1 data 2 end"]);
}

#[test]
fn an_early_response_does_not_end_the_request() {
    let mut down = Down::new(down());
    let stream = down.post(&[("content-length", "4")]);
    let heard = down.answer(0, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(heard, ["1 head :status=413 content-length=0 end"]);
    down.client.send_data(stream, Bytes::from_static(b"body"), true);
    down.settle();
    assert!(down.stage.text(S0).ends_with("body"));
    // The connection serves the next one.
    down.get("/");
    assert_eq!(down.stage.servers.len(), 1);

    // A server that closes behind it wants no more of the request.
    let mut down = Down::new(crate::translate::stage::down());
    down.post(&[("content-length", "4")]);
    down.answer(0, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    down.stage.close(S0);
    assert_eq!(down.settle(), ["1 reset NO_ERROR"]);
}

#[test]
fn stopping_lets_what_is_under_way_end() {
    let mut down = Down::new(down());
    down.get("/");
    down.stage.play.input(Input::Stop);
    // What was on its way when it heard of that is taken as well.
    let farewells = ["going away after 2147483647, NO_ERROR", "going away after 1, NO_ERROR"];
    assert_eq!(down.settle(), farewells);
    let heard = down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(heard, ["1 head :status=204 end"]);
    assert!(down.stage.play.done);
}

#[test]
fn a_client_that_ends_well_ends_its_servers() {
    let mut down = Down::new(down());
    down.get("/");
    down.answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    down.stage.close(Peer::Client);
    assert!(down.stage.play.done);
    assert!(down.stage.transcript().contains("shutdown server"));
}

#[test]
fn a_server_that_ends_behind_its_response_lets_a_slow_client_read_it_all() {
    let mut down = Down::new(down());
    let stream = down.client.open(&fields(&GET), true).unwrap();
    down.settle();
    let body = vec![b'x'; 200_000];
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n";
    down.stage.say(S0, [head.as_bytes(), &body].concat());
    down.stage.close(S0);
    // It reads as slowly as its window lets it.
    let heard = down.settle();
    let end = heard.last().unwrap();
    assert!(end.starts_with("1 data ") && end.ends_with(" end"), "{stream}: {heard:?}");
}

#[test]
fn a_response_to_half_a_request_comes_whole() {
    let mut down = Down::new(down());
    let stream = down.post(&[("content-length", "10")]);
    let body = vec![b'x'; 200_000];
    let head =
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n";
    down.stage.say(S0, [head.as_bytes(), &body].concat());
    down.stage.close(S0);
    let heard = down.settle();
    assert!(heard[heard.len() - 2].ends_with(" end"), "{heard:?}");
    assert_eq!(heard.last().unwrap(), &format!("{stream} reset NO_ERROR"));
}
