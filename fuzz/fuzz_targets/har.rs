//! HTTP archives from anywhere: what is read bounds itself, and what is written is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_har::{Creator, Reader, Writer};

fuzz_target!(|archive: &[u8]| {
    let entries: Vec<_> = Reader::new(archive).filter_map(Result::ok).collect();
    let creator = Creator { name: "fuzz", version: "1" };
    let mut writer = Writer::new(Vec::new(), creator).expect("memory takes all");
    for entry in &entries {
        writer.write(entry).expect("memory takes all");
    }
    let archive = writer.finish().expect("memory takes all");
    let again = Reader::new(&archive[..]).filter(Result::is_ok).count();
    assert_eq!(again, entries.len());
});
