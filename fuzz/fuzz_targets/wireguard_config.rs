//! Feeds any text to the reader of WireGuard's configurations; what is read is read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_wireguard::Config;

fuzz_target!(|text: &str| {
    let Ok(config) = text.parse::<Config>() else { return };
    assert_eq!(config.to_string().parse(), Ok(config));
});
