//! What hostile blocks cost.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_proto::hpack::{DecodeError, Decoder, Encoder, Limits};
use sidestream_record::Fields;

use super::{assert_same, encode, hex};

/// A decoder whose table holds one value of 4,000 bytes.
fn loaded(limits: Limits) -> Decoder {
    let mut fields = Fields::default();
    fields.push("bomb", vec![0xff; 4000]);
    let mut decoder = Decoder::new(limits);
    decoder.decode(&encode(&mut Encoder::new(4096), &fields, &[])).unwrap();
    assert_eq!(decoder.table().len(), 1);
    decoder
}

#[test]
fn a_block_of_references_to_one_large_entry_is_too_large() {
    let block = Bytes::from(vec![0xbe; 200 * 1024]);
    let limits = Limits::default();
    let error = DecodeError::TooLarge { limit: limits.max_bytes };
    assert_eq!(loaded(limits).decode(&block), Err(error));
    assert!(error.is_limit());
    // Sizes aside, it is the number of fields that ends it.
    let limits = Limits { max_bytes: usize::MAX, ..limits };
    assert_eq!(loaded(limits).decode(&block), Err(DecodeError::TooMany { limit: 1024 }));
}

#[test]
fn a_refused_block_costs_little_memory() {
    let cost = |decoder: &mut Decoder, block: Bytes| {
        let measured = allocation_counter::measure(|| {
            decoder.decode(&block).unwrap_err();
        });
        measured.bytes_max
    };
    let limits = Limits::default();
    // References; strings of four gigabytes; strings that are coded, and decode to too much.
    let bytes = cost(&mut loaded(limits), Bytes::from(vec![0xbe; 200 * 1024]));
    assert!(bytes < 32 * 1024, "{bytes} bytes for references");
    let bytes = cost(&mut loaded(limits), hex("41 ff 80 ff ff ff 0f 00"));
    assert!(bytes < 4 * 1024, "{bytes} bytes for a length");
    let mut block = BytesMut::from(&hex("41 ff 81 ff 7f")[..]);
    block.put_bytes(0, 2 * 1024 * 1024);
    let bytes = cost(&mut loaded(limits), block.freeze());
    assert!(bytes < 300 * 1024, "{bytes} bytes for a coded string");
}

#[test]
fn references_to_one_entry_share_its_text() {
    let decoded = loaded(Limits::default()).decode(&Bytes::from(vec![0xbe; 64])).unwrap();
    assert_eq!(decoded.fields.len(), 64);
    let first = decoded.fields.0[0].value.as_ptr();
    assert!(decoded.fields.iter().all(|field| field.value.as_ptr() == first));
}

#[test]
fn fields_and_bytes_are_taken_up_to_the_limit() {
    let limits = Limits { max_fields: 3, ..Limits::default() };
    assert_eq!(Decoder::new(limits).decode(&hex("828282")).unwrap().fields.len(), 3);
    let error = Err(DecodeError::TooMany { limit: 3 });
    assert_eq!(Decoder::new(limits).decode(&hex("82828282")), error);

    // `:method: GET` is 42 bytes.
    let limits = Limits { max_bytes: 84, ..Limits::default() };
    assert_eq!(Decoder::new(limits).decode(&hex("8282")).unwrap().fields.len(), 2);
    assert_eq!(
        Decoder::new(limits).decode(&hex("828284")),
        Err(DecodeError::TooLarge { limit: 84 })
    );
}

#[test]
fn a_coded_string_is_decoded_no_further_than_the_limit() {
    let mut block = BytesMut::from(&hex("41 ff 80 80 04")[..]);
    // Symbols of five bits each: 64 KiB and 127 octets of them.
    block.put_bytes(0, 65_536 + 127);
    let block = block.freeze();
    let limits = Limits { max_bytes: 100_000, ..Limits::default() };
    let error = DecodeError::TooLarge { limit: limits.max_bytes };
    assert_eq!(Decoder::new(limits).decode(&block), Err(error));
    let decoded =
        Decoder::new(Limits::default()).decode(&block).map(|it| it.fields.0[0].value.len());
    // Bits to spare that are zeros are no padding, unless there are none.
    assert_eq!((65_536 + 127) * 8 % 5, 4);
    assert_eq!(decoded, Err(DecodeError::HuffmanPadding));
}

#[test]
fn a_table_larger_than_the_limit_is_not_held_whatever_was_announced() {
    let limits = Limits { max_table_bytes: 4096, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    decoder.announce(u32::MAX);
    assert_eq!(decoder.decode(&hex("3f e1 1f")).unwrap().table_size, Some(4096));
    let error = DecodeError::TableTooLarge { limit: 4096 };
    assert_eq!(decoder.decode(&hex("3f e2 1f")), Err(error));
    assert!(error.is_limit());

    let mut encoder = Encoder::with_table(decoder.table().clone());
    encoder.resize(usize::MAX);
    assert_eq!(encoder.table().max_bytes(), 1024 * 1024);
}

#[test]
fn a_table_holds_no_more_entries_than_bytes_by_32() {
    let mut decoder = Decoder::new(Limits::default());
    // Fields without name and value.
    for _ in 0..10 {
        decoder.decode(&Bytes::from([0x40, 0, 0].repeat(100))).unwrap();
    }
    assert_eq!(decoder.table().len(), 4096 / 32);
}

#[test]
fn a_large_table_full_of_one_name_is_kept_alike_by_both_ends() {
    // The entries share the hash of their name.
    let mut encoder = Encoder::new(1024 * 1024);
    encoder.resize(1024 * 1024);
    let mut decoder = Decoder::new(Limits { max_fields: 50_000, ..Limits::default() });
    decoder.announce(1024 * 1024);
    for round in 0..10 {
        let mut fields = Fields::default();
        for number in 0..2500 {
            fields.push("x", format!("{}", round * 2500 + number));
        }
        let decoded = decoder.decode(&encode(&mut encoder, &fields, &[])).unwrap();
        assert_eq!(decoded.fields, fields);
        assert_same(encoder.table(), decoder.table());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_within_the_limits_or_refused(
        blocks in vec(vec(any::<u8>(), 0..300), 1..6),
        announced: u16,
    ) {
        let limits = Limits { max_fields: 20, max_bytes: 3000, max_table_bytes: 8192 };
        let mut decoder = Decoder::new(limits);
        decoder.announce(announced.into());
        for block in blocks {
            let Ok(decoded) = decoder.decode(&Bytes::from(block)) else { return Ok(()) };
            let sizes = decoded.fields.iter().map(|it| it.name.len() + it.value.len() + 32);
            prop_assert!(sizes.sum::<usize>() <= limits.max_bytes);
            prop_assert!(decoded.fields.len() <= limits.max_fields);
            prop_assert_eq!(decoded.indexing.len(), decoded.fields.len());
            prop_assert!(decoder.table().size_bytes() <= decoder.table().max_bytes());
            prop_assert!(decoder.table().max_bytes() <= limits.max_table_bytes);
        }
    }
}
