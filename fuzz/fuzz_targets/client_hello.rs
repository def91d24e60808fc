//! Feeds any bytes to the ClientHello reader; where they are cut must not matter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_proto::tls::hello::{ClientHello, HelloError, HelloReader, Sniff, sniff};
use sidestream_proto::tls::ja4::{Transport, ja4};

fuzz_target!(|input: (u8, &[u8])| {
    let (segment, bytes) = input;
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, usize::from(segment).max(1)), whole);
    if let Ok(Some(hello)) = whole {
        assert_eq!(sniff(bytes), Sniff::Tls);
        assert_eq!(ja4(&hello, Transport::Tcp).chars().count(), 36);
    }
});

fn read(bytes: &[u8], segment: usize) -> Result<Option<ClientHello>, HelloError> {
    let mut reader = HelloReader::new();
    let mut outcomes = bytes.chunks(segment).map(|segment| reader.push(segment));
    outcomes.find(|outcome| *outcome != Ok(None)).unwrap_or(Ok(None))
}
