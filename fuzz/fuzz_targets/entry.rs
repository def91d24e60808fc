//! Blocks of a session from anywhere: what is read of an entry is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_store::recode;

fuzz_target!(|block: &[u8]| {
    for (event, again) in recode(block) {
        // Numbers that are none are not equal to themselves.
        assert_eq!(format!("{:?}", Some(event)), format!("{again:?}"));
    }
});
