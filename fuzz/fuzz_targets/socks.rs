//! Feeds any bytes to what reads clients of SOCKS, in any cuts: it comes to an end, takes no byte
//! beyond the request, and what it reads is the same when it is encoded anew.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sidestream_explicit::socks::{Address, Handshake, Step, decode_datagram, encode_header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((server, payload)) = decode_datagram(bytes) {
        check(&server);
        // A name that is an address in writing comes back as that address.
        let again = [&encode_header(&server)[..], payload].concat();
        assert_eq!(decode_datagram(&again), Ok((server, payload)));
    }
    let Some((&choice, sent)) = bytes.split_first() else { return };
    let credentials = (choice & 1 == 1).then(|| Arc::new("a:b".parse().expect("it is one")));
    let whole = listen(Handshake::new(credentials.clone()), sent, usize::MAX);
    let cut = listen(Handshake::new(credentials), sent, 1 + usize::from(choice >> 1));
    assert_eq!(whole, cut, "the cuts change nothing");
});

/// Returns what a client is told, how it ends, and how much is left.
fn listen(mut handshake: Handshake, mut sent: &[u8], cut: usize) -> (Vec<u8>, String, usize) {
    let mut told = Vec::new();
    while !sent.is_empty() {
        let wants = handshake.wants();
        assert!((1..=257).contains(&wants));
        let (now, later) = sent.split_at(wants.min(cut).min(sent.len()));
        sent = later;
        match handshake.handle(now) {
            Ok(Step::Judge { .. }) => unreachable!("no file of users is asked"),
            Ok(Step::More) => {}
            Ok(Step::Say(words)) => told.extend(words),
            Ok(Step::Serve(request)) => {
                check(&request.address);
                return (told, format!("{request:?}"), sent.len());
            }
            Err(refused) => {
                told.extend(refused.say);
                // How far a client was read that is refused is nobody's business.
                return (told, refused.error.to_string(), 0);
            }
        }
    }
    (told, String::new(), 0)
}

fn check(address: &Address) {
    let mut bytes = Vec::new();
    address.encode(&mut bytes);
    assert_eq!(Address::decode(&bytes).as_ref(), Ok(&(address.clone(), &[][..])));
}
