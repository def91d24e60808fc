//! Feeds any bytes to what recognizes protocols: cuts change nothing, and what was told stays so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_flow::Peer;
use sidestream_proto::detect::{Greetings, Sign, of_client, of_datagram};

fuzz_target!(|input: (u16, Vec<(bool, Vec<u8>)>)| {
    let (port, said) = input;
    let (mut whole, mut cut) = (Greetings::default(), Greetings::default());
    let (mut told, mut told_cut) = (None, None);
    for (client, bytes) in said {
        let from = if client { Peer::Client } else { Peer::Server(0) };
        told = told.or(whole.see(from, &bytes));
        for byte in &bytes {
            told_cut = told_cut.or(cut.see(from, &[*byte]));
        }
        let mut before = Sign::NeedMore;
        for len in 0..=bytes.len() {
            let sign = of_client(&bytes[..len], port);
            assert!(before == Sign::NeedMore || sign == before);
            before = sign;
        }
        of_datagram(&bytes);
    }
    assert_eq!(told, told_cut);
});
