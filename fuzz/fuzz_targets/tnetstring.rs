//! Tnetstrings and dumps from anywhere: what is read comes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_dump::{Reader, Value, write};

fuzz_target!(|dump: &[u8]| {
    if let Ok(value) = Value::parse(dump) {
        let mut out = Vec::new();
        value.write(&mut out);
        // A number that is none is not equal to itself.
        let again = Value::parse(&out).expect("what is written is read");
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }
    let flows: Vec<_> = Reader::new(dump).filter_map(Result::ok).collect();
    let again: Vec<u8> = flows.iter().flat_map(write).collect();
    assert_eq!(Reader::new(&again[..]).filter(Result::is_ok).count(), flows.len());
});
