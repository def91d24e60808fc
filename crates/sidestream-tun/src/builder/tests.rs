//! What is refused before any system is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Builder, check_name, masked};
use crate::NameError;

#[track_caller]
fn check(builder: Builder, expected: Result<(), &str>) {
    let said = builder.check().map_err(|error| error.to_string());
    assert_eq!(said.as_ref().map_err(String::as_str).copied(), expected);
}

#[test]
fn a_name_is_refused_as_the_kernel_would() {
    for name in ["a", "tun0", "side-stream.1", "fifteen-letters", "ä"] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
    assert_eq!(check_name(""), Err(NameError::Empty));
    assert_eq!(check_name(".."), Err(NameError::Folder));
    assert_eq!(check_name("sixteen--letters"), Err(NameError::TooLong(16)));
    for (name, character) in
        [("a b", ' '), ("a/b", '/'), ("a:1", ':'), ("tun%d", '%'), ("a\0", '\0')]
    {
        assert_eq!(check_name(name), Err(NameError::Character(character)));
    }
}

#[test]
fn what_no_device_can_be_is_refused_in_words() {
    let device = Builder::default;
    check(device(), Ok(()));
    check(device().name("a/b"), Err("\"a/b\" cannot be the name of a device, choose another one"));
    check(device().queues(0), Err("a TUN device cannot have 0 queues, choose 1 to 256"));
    check(device().queues(257), Err("a TUN device cannot have 257 queues, choose 1 to 256"));
    check(device().mtu(68), Ok(()));
    check(device().mtu(65_535), Ok(()));
    check(device().mtu(67), Err("no TUN device has an MTU of 67, choose one from 68 to 65535"));
    check(
        device().mtu(65_536),
        Err("no TUN device has an MTU of 65536, choose one from 68 to 65535"),
    );
    check(
        device().mtu(1279).route(Ipv6Addr::UNSPECIFIED, 0),
        Err("no TUN device has an MTU of 1279, choose one from 1280 to 65535"),
    );
    check(device().address(Ipv4Addr::LOCALHOST, 33), Err("127.0.0.1 has no prefix of 33 bits"));
    check(device().route(Ipv6Addr::LOCALHOST, 129), Err("::1 has no prefix of 129 bits"));
}

#[test]
fn a_route_keeps_the_bits_of_its_prefix_alone() {
    #[track_caller]
    fn check(address: &str, prefix_len: u8, expected: &str) {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(masked(address, prefix_len).to_string(), expected);
    }
    check("192.0.2.77", 24, "192.0.2.0");
    check("192.0.2.77", 32, "192.0.2.77");
    check("192.0.2.77", 0, "0.0.0.0");
    check("192.0.2.77", 255, "192.0.2.77");
    check("2001:db8::77", 32, "2001:db8::");
    check("2001:db8::77", 128, "2001:db8::77");
    check("2001:db8::77", 0, "::");
}
