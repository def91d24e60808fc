//! Another implementation reads what is built here, and builds what is read.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use sidestream_packet::{Checksum, Packet, Transport};

use crate::arbitrary;

proptest! {
    #[test]
    fn what_is_built_says_the_same_to_another(bytes in arbitrary::packet()) {
        let own = Packet::parse(&bytes, Checksum::Complete).unwrap();
        let other = SlicedPacket::from_ip(&bytes).unwrap();
        let (source, destination) = match other.net.unwrap() {
            NetSlice::Ipv4(it) => {
                let header = it.header();
                prop_assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
                (header.source_addr().into(), header.destination_addr().into())
            }
            NetSlice::Ipv6(it) => {
                (it.header().source_addr().into(), it.header().destination_addr().into())
            }
            NetSlice::Arp(_) => unreachable!(),
        };
        prop_assert_eq!((own.source(), own.destination()), (source, destination));
        match (own.transport(), other.transport.unwrap()) {
            (Transport::Tcp(own), TransportSlice::Tcp(other)) => {
                prop_assert_eq!(own.sequence(), other.sequence_number());
                prop_assert_eq!(own.window(), other.window_size());
                prop_assert_eq!(own.payload(), other.payload());
                prop_assert_eq!(own.options().count(), other.options_iterator().filter(|it| {
                    !matches!(it, Ok(etherparse::TcpOptionElement::Noop))
                }).count());
            }
            (Transport::Udp(own), TransportSlice::Udp(other)) => {
                prop_assert_eq!(own.source_port(), other.source_port());
                prop_assert_eq!(own.payload(), other.payload());
            }
            (Transport::Icmp(_), TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_)) => {}
            (own, other) => prop_assert!(false, "{own:?} {other:?}"),
        }
    }

    #[test]
    fn what_another_builds_is_read(
        v4: bool, payload in arbitrary::payload(2000), sequence: u32, hop_limit: u8,
    ) {
        let mut bytes = Vec::new();
        let builder = if v4 {
            PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], hop_limit)
        } else {
            PacketBuilder::ipv6([1; 16], [2; 16], hop_limit)
        };
        let builder = builder.tcp(1, 2, sequence, 9).ack(77).psh();
        builder.write(&mut bytes, &payload).unwrap();
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        let Transport::Tcp(tcp) = packet.transport() else { panic!("{packet}") };
        prop_assert_eq!((tcp.sequence(), packet.hop_limit()), (sequence, hop_limit));
        prop_assert_eq!(tcp.payload(), payload);
    }
}
