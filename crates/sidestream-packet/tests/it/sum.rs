//! Checksums.

use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_packet::{Checksum, Defect, Packet, Sum, complete};

use crate::arbitrary;
use crate::hand::{make_partial, udp};

/// The sum as RFC 1071 tells it, a word after the other.
fn plain(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for word in bytes.chunks(2) {
        sum += u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

proptest! {
    #[test]
    fn the_sum_is_the_plain_one(bytes in vec(any::<u8>(), 0..5000)) {
        prop_assert_eq!(Sum::default().bytes(&bytes).fold(), plain(&bytes));
    }

    #[test]
    fn the_sum_of_full_words_is_the_plain_one(len in 0usize..70_000) {
        let bytes = vec![0xff; len];
        prop_assert_eq!(Sum::default().bytes(&bytes).fold(), plain(&bytes));
    }

    #[test]
    fn what_is_taken_out_is_as_if_it_had_never_been(words in vec(any::<u16>(), 1..20), word: u16) {
        let sum = words.iter().fold(Sum::default(), |sum, word| sum.word(*word));
        let (with, without) = (sum.word(word).without(word).fold(), sum.fold());
        prop_assert_eq!(with % 0xffff, without % 0xffff);
    }

    #[test]
    fn a_partial_checksum_is_completed_to_the_one_that_was_built(
        packet in prop_oneof![arbitrary::tcp(), arbitrary::udp()],
    ) {
        let mut bytes = packet.clone();
        let partial = make_partial(&mut bytes);
        prop_assert!(Packet::parse(&bytes, partial).is_ok());
        complete(&mut bytes, partial).unwrap();
        prop_assert_eq!(bytes, packet);
    }
}

#[test]
fn a_partial_checksum_outside_the_packet_is_refused() {
    let len = u16::try_from(udp(true, b"").len()).unwrap();
    for (start, offset) in [(len, 0), (len + 1, 0), (u16::MAX, u16::MAX), (20, 7), (20, u16::MAX)] {
        let mut bytes = udp(true, b"");
        let partial = Checksum::Partial { start, offset };
        assert_eq!(complete(&mut bytes, partial), Err(Defect::BadOffload), "{start}+{offset}");
        assert_eq!(Packet::parse(&bytes, partial), Err(Defect::BadOffload), "{start}+{offset}");
        assert_eq!(bytes, udp(true, b""));
    }
}
