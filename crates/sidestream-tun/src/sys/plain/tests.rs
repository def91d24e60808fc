//! What a device without offloads refuses.

use std::net::Ipv4Addr;

use sidestream_packet::{Checksum, Offload};

use super::{LARGEST, check, check_packet, properties};
use crate::Builder;

#[test]
fn what_another_system_has_alone_is_refused_in_words() {
    #[track_caller]
    fn refused(builder: Builder, expected: &str) {
        assert_eq!(check(&builder).unwrap_err().to_string(), expected);
    }
    check(&Builder::default().name("utun3").mtu(1400)).unwrap();
    refused(
        Builder::default().queues(2),
        "a device has one queue on this system, ask for one and not for 2",
    );
    refused(
        Builder::default().address(Ipv4Addr::new(192, 0, 2, 1), 24),
        "the driver does not set the address 192.0.2.1/24 on this system, leave it out and set it \
         once the device is open, with ifconfig, route or netsh",
    );
    refused(
        Builder::default().route(Ipv4Addr::new(192, 0, 2, 1), 24),
        "the driver does not set the route 192.0.2.0/24 on this system, leave it out and set it \
         once the device is open, with ifconfig, route or netsh",
    );
}

#[test]
fn only_a_whole_and_finished_packet_is_sent() {
    #[track_caller]
    fn check(len: usize, offload: Offload, expected: Result<(), &str>) {
        let said = check_packet(&vec![0x45; len], offload).map_err(|error| error.to_string());
        assert_eq!(said.as_ref().map_err(String::as_str).copied(), expected);
    }
    let finished = Offload::default();
    check(20, finished, Ok(()));
    check(LARGEST, finished, Ok(()));
    check(20, Offload { checksum: Checksum::Verified, ..finished }, Ok(()));
    check(0, finished, Err("neither IPv4 nor IPv6"));
    assert!(check_packet(&[0x50; 20], finished).is_err());
    check(LARGEST + 1, finished, Err("longer than any packet"));
    let partial = Checksum::Partial { start: 20, offset: 16 };
    check(40, Offload { checksum: partial, ..finished }, Err("the device makes no checksums"));
    let segmented = Offload { segment_size: Some(1448), ..finished };
    check(40, segmented, Err("the device makes no segments"));
}

#[test]
fn no_offload_is_promised() {
    let properties = properties(1500);
    assert_eq!(properties.buffer_len(), 1500);
    assert!(!properties.checksums && !properties.segmented_udp);
    assert_eq!(properties.segmented, 0);
}
