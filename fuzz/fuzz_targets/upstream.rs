//! Feeds any bytes to what reads the answers of proxies: it comes to an end, what it reads of an
//! answer does not depend on what comes behind, and a datagram is the same when it is encoded anew.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_capture::Target;
use sidestream_upstream::Server;
use sidestream_upstream::http::{Answer, encode_connect};
use sidestream_upstream::socks5::{
    Command, Handshake, Step, decode_datagram, encode_datagram_header,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(answer)) = Answer::decode(bytes) {
        assert!(answer.len <= bytes.len());
        assert_eq!(Answer::decode(&bytes[..answer.len]), Ok(Some(answer)));
    }
    if let Ok((server, payload)) = decode_datagram(bytes) {
        let header = encode_datagram_header(&server).expect("it was read");
        let again = [&header[..], payload].concat();
        assert_eq!(decode_datagram(&again), Ok((server, payload)));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(server) = text.parse::<Server>() {
            let plain: Server = server.to_string().parse().expect("it is written as it is read");
            assert_eq!((plain.scheme, plain.host, plain.port), (server.scheme, server.host, server.port));
        }
        if let Some(request) = encode_connect(&Target::Name(text.to_owned(), 1), None) {
            assert_eq!(request.iter().filter(|byte| **byte == b'\n').count(), 3, "no words but ours");
        }
    }
    hear(bytes);
});

fn hear(mut said: &[u8]) {
    let login = "a:b".parse().ok();
    let server = Target::Name("a.test".into(), 80);
    let mut handshake =
        Handshake::new(Command::Connect, &server, login.as_ref()).expect("it can be said");
    loop {
        let wants = handshake.wants();
        assert!((1..=262).contains(&wants));
        let Some((now, later)) = said.split_at_checked(wants) else { return };
        said = later;
        match handshake.handle(now) {
            Ok(Step::Done(_)) | Err(_) => return,
            Ok(Step::More | Step::Say(_)) => {}
        }
    }
}
