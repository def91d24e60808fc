//! Feeds any bytes to what answers for the page's name: an answer fits in a datagram, belongs to
//! its query, and is itself never answered.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sidestream_onboarding::{Answer, Names, failure};
use sidestream_proto::dns::decode;

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    Names::new(&[IpAddr::from([10, 11, 0, 1]), IpAddr::from([0xfd00, 0x11, 0, 0, 0, 0, 0, 1])])
});

fuzz_target!(|query: &[u8]| {
    let reply = match NAMES.answer(query) {
        Answer::Drop | Answer::Forward => None,
        Answer::Reply(reply) => Some(reply),
    };
    for reply in reply.into_iter().chain(failure(query)) {
        assert!(reply.len() <= query.len().max(512));
        assert_eq!(reply[..2], query[..2]);
        assert!(decode(&reply).is_ok());
        assert_eq!(NAMES.answer(&reply), Answer::Drop);
    }
});
