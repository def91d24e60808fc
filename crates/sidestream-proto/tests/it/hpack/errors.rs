//! What is not a block.

use bytes::Bytes;
use sidestream_proto::hpack::{DecodeError, Decoder, Limits};

use super::{fields, hex};

#[track_caller]
fn check(block: &str, error: DecodeError) {
    let decoded = Decoder::new(Limits::default()).decode(&hex(block));
    assert_eq!(decoded, Err(error));
    assert!(!error.is_limit());
}

/// What stands right beside an error, and is none.
#[track_caller]
fn check_sound(block: &str, value: &'static str) {
    let decoded = Decoder::new(Limits::default()).decode(&hex(block)).unwrap();
    assert_eq!(decoded.fields, fields(&[(":authority", value)]));
}

#[test]
fn an_index_beyond_the_tables_is_an_error() {
    check("80", DecodeError::IndexZero);
    check("be", DecodeError::IndexOutOfRange { index: 62, last: 61 });
    check("7e 00", DecodeError::IndexOutOfRange { index: 62, last: 61 });
    check("0f 2f 00", DecodeError::IndexOutOfRange { index: 62, last: 61 });
    check("1f 2f 00", DecodeError::IndexOutOfRange { index: 62, last: 61 });
    check("40 01 61 01 62 bf", DecodeError::IndexOutOfRange { index: 63, last: 62 });
    // The entry is evicted.
    check("3f e1 1f 20 be", DecodeError::IndexOutOfRange { index: 62, last: 61 });
}

#[test]
fn an_integer_beyond_32_bits_is_an_error() {
    check("ff ff ff ff ff 10", DecodeError::IntegerTooLarge);
    check("ff 81 ff ff ff 0f", DecodeError::IntegerTooLarge);
    check("ff 80 80 80 80 80 00", DecodeError::IntegerTooLarge);
    check("ff ff ff ff ff ff ff ff ff ff ff ff 7f", DecodeError::IntegerTooLarge);
    check("41 ff ff ff ff ff 7f", DecodeError::IntegerTooLarge);
    // The largest, and the longest.
    let largest = usize::try_from(u32::MAX).unwrap();
    check("ff 80 ff ff ff 0f", DecodeError::IndexOutOfRange { index: largest, last: 61 });
    check("ff 80 80 80 80 00", DecodeError::IndexOutOfRange { index: 127, last: 61 });
}

#[test]
fn a_field_that_is_cut_short_is_an_error() {
    for block in ["ff", "ff80", "40", "4001", "4001 61", "4001 61 01", "41", "4105 61", "0f", "10"]
    {
        check(block, DecodeError::Truncated);
    }
    check("3f", DecodeError::Truncated);
    check("3f80", DecodeError::Truncated);
    // Four gigabytes that are not there.
    check("41 7f 80 ff ff ff 0f 61", DecodeError::Truncated);
    check("41 ff 80 ff ff ff 0f 61", DecodeError::Truncated);
}

#[test]
fn a_resize_after_a_field_is_an_error() {
    check("82 20", DecodeError::LateResize);
    check("20 82 20", DecodeError::LateResize);
    check("82 3f", DecodeError::LateResize);
}

#[test]
fn a_resize_beyond_what_was_announced_is_an_error() {
    check("3f e2 1f", DecodeError::ResizeBeyondAnnounced { bytes: 4097, announced: 4096 });
    let mut decoder = Decoder::new(Limits::default());
    decoder.announce(4097);
    decoder.announce(100);
    assert_eq!(decoder.decode(&hex("3f e2 1f")).unwrap().table_size, Some(4097));
    let error = DecodeError::ResizeBeyondAnnounced { bytes: 4098, announced: 4097 };
    assert_eq!(decoder.decode(&hex("3f e3 1f")), Err(error));
}

#[test]
fn the_end_of_string_symbol_in_a_string_is_an_error() {
    check("41 84 ff ff ff ff", DecodeError::HuffmanEos);
    // Behind an `a`, and with more behind it.
    check("41 85 1f ff ff ff ff", DecodeError::HuffmanEos);
    check("41 8a ff ff ff ff 00 00 00 00 00 00", DecodeError::HuffmanEos);
    check("41 8a 00 00 00 00 00 ff ff ff ff 00", DecodeError::HuffmanEos);
}

#[test]
fn padding_of_a_whole_octet_or_of_zeros_is_an_error() {
    check_sound("41 81 1f", "a");
    // Seven bits, the most there may be.
    check_sound("41 84 00 00 00 7f", "00000");
    check("41 81 18", DecodeError::HuffmanPadding);
    check("41 81 1e", DecodeError::HuffmanPadding);
    check("41 82 1f ff", DecodeError::HuffmanPadding);
    check("41 81 ff", DecodeError::HuffmanPadding);
    check("41 81 fe", DecodeError::HuffmanPadding);
    check("41 83 ff ff ff", DecodeError::HuffmanPadding);
    // 27 bits of the end-of-string symbol behind an `a` that takes five.
    check("41 84 1f ff ff ff", DecodeError::HuffmanPadding);
}

#[test]
fn no_byte_at_all_is_a_block_without_fields() {
    let decoded = Decoder::new(Limits::default()).decode(&Bytes::new()).unwrap();
    assert_eq!(decoded, Default::default());
}
