//! Bytes in are bytes out, however they are cut.

use proptest::prelude::*;
use sidestream_flow::Peer;
use sidestream_proto::{Event, Input};

use crate::http::talk::talk;
use crate::play::Play;

/// Conversations whose every byte must arrive: what the client sends, what the server answers.
const CONVERSATIONS: [(&str, &str); 4] = [
    (
        "GET / HTTP/1.1\r\nhOsT:a\r\nb: 1\r\na: 2\r\nB:   3  \r\n\r\n",
        "HTTP/1.1 200 \r\nDate: x\r\ncontent-length: 3\r\nDATE: y\r\n\r\nabc",
    ),
    (
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n00A\r\n0123456789\r\n0;z\r\nTrAiLeR: v\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 404 Nope nope\r\nTransfer-Encoding: chunked\r\n\r\n0000\r\n\r\n",
    ),
    (
        "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ),
    ("\x16not tls after all", "SSH-2.0-anything"),
];

/// Sends a conversation in pieces of these sizes, and returns what came out on either side.
fn relayed(client: &[u8], server: &[u8], sizes: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let mut play = Play::opened();
    let mut sizes = sizes.iter().copied().cycle();
    for (peer, mut bytes) in [(Peer::Client, client), (Peer::Server(0), server)] {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(sizes.next().unwrap_or(1).clamp(1, bytes.len()));
            play.data(peer, piece);
            bytes = rest;
        }
    }
    (play.take_sent(Peer::Server(0)), play.take_sent(Peer::Client))
}

proptest! {
    #[test]
    fn nothing_that_is_unchanged_is_changed(
        which in 0..CONVERSATIONS.len(),
        sizes in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let (client, server) = CONVERSATIONS[which];
        let (up, down) = relayed(client.as_bytes(), server.as_bytes(), &sizes);
        prop_assert_eq!(String::from_utf8_lossy(&up), client);
        prop_assert_eq!(String::from_utf8_lossy(&down), server);
    }

    #[test]
    fn every_conversation_passes_as_sent_and_is_read_wherever_it_is_cut(
        talk in talk(),
        sizes in prop::collection::vec(1..60_usize, 1..20),
    ) {
        let mut play = Play::opened();
        let mut sizes = sizes.iter().copied().cycle();
        for (peer, bytes) in [(Peer::Client, &talk.client), (Peer::Server(0), &talk.server)] {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(sizes.next().unwrap().min(rest.len()));
                play.quiet_input(Input::Data(peer, bytes::Bytes::copy_from_slice(piece)));
                rest = later;
            }
        }
        play.quiet_input(Input::Eof(Peer::Client));
        play.quiet_input(Input::Eof(Peer::Server(0)));
        let ended = |event: &&Event| matches!(event, Event::ExchangeEnded { failure: None, .. });
        prop_assert_eq!(play.events().filter(ended).count(), talk.exchanges);
        let (up, down) = (play.take_sent(Peer::Server(0)), play.take_sent(Peer::Client));
        prop_assert_eq!(up.escape_ascii().to_string(), talk.client.escape_ascii().to_string());
        prop_assert_eq!(down.escape_ascii().to_string(), talk.server.escape_ascii().to_string());
        prop_assert!(play.done);
    }

    #[test]
    fn garbage_ends_no_process(
        client in prop::collection::vec(any::<u8>(), 1..300),
        server in prop::collection::vec(any::<u8>(), 1..300),
        sizes in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let (up, down) = relayed(&client, &server, &sizes);
        prop_assert!(up.len() <= client.len());
        prop_assert!(down.len() <= server.len() + 512);
    }
}
