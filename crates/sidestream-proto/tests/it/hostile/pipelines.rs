//! Clients that ask without end, and servers that answer without end.

use sidestream_flow::Peer;
use sidestream_proto::Input;

use super::{Attacked, MIB, SERVER, holds_at_most};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";

#[test]
fn a_client_that_pipelines_without_end_is_not_read_any_more() {
    holds_at_most(MIB, || {
        let mut attacked = Attacked::tunnel();
        let mut asked = 0;
        while attacked.conn.wants(Peer::Client) {
            attacked.say(Peer::Client, GET);
            asked += 1;
        }
        assert_eq!(attacked.held(Peer::Client), (asked - 64) * GET.len());
        assert!(attacked.held(Peer::Client) < 65 * 1024);
        // It is read again as soon as some are answered, and all are.
        for _ in 0..asked {
            attacked.pass(SERVER, OK);
        }
        assert!(attacked.conn.wants(Peer::Client));
        assert_eq!((attacked.ended as usize, attacked.held(Peer::Client)), (asked, 0));
    });
}

#[test]
fn of_endless_interim_responses_a_hundred_are_told_and_all_pass() {
    holds_at_most(2 * MIB, || {
        let mut attacked = Attacked::tunnel();
        attacked.pass(Peer::Client, GET);
        for _ in 0..100_000 {
            attacked.pass(SERVER, INTERIM);
        }
        assert!(attacked.events < 200, "{} events", attacked.events);
        attacked.pass(SERVER, OK);
        let exchange = attacked.last();
        assert_eq!(exchange.interim.len(), 100);
        assert_eq!(exchange.defects, ["more interim responses than are told"]);
        assert_eq!(exchange.response.as_ref().unwrap().status, 200);
        assert_eq!(exchange.failure, None);
    });
}

#[test]
fn long_interim_responses_are_told_as_long_as_they_fit_into_a_head() {
    holds_at_most(4 * MIB, || {
        let mut attacked = Attacked::tunnel();
        attacked.pass(Peer::Client, GET);
        let long = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(100_000));
        for _ in 0..100 {
            attacked.pass(SERVER, long.clone());
        }
        attacked.pass(SERVER, OK);
        assert_eq!(attacked.last().interim.len(), 2);
    });
}

#[test]
fn a_server_that_answers_unasked_passes_raw() {
    holds_at_most(MIB, || {
        let mut attacked = Attacked::tunnel();
        attacked.pass(Peer::Client, GET);
        for _ in 0..100_000 {
            attacked.pass(SERVER, OK);
        }
        assert_eq!(attacked.defects(), ["a response to no request"]);
        attacked.input(Input::Eof(SERVER));
    });
}
