//! The dynamic table: what goes in, what is evicted, and when its size is told.

use bytes::Bytes;
use sidestream_proto::hpack::{Decoder, Encoder, Indexing, Limits, Table};
use sidestream_record::Fields;

use super::{assert_same, encode, fields, hex};

/// Asserts how the sizes that a table is given stand in the next block.
#[track_caller]
fn check_resized(sizes: &[usize], block: &str, smallest: Option<usize>, last: Option<usize>) {
    let mut encoder = Encoder::new(8192);
    for &size in sizes {
        encoder.resize(size);
    }
    let bytes = encode(&mut encoder, &Fields::default(), &[]);
    assert_eq!(bytes, hex(block));
    assert_eq!(encode(&mut encoder, &Fields::default(), &[]), "", "it is told once");
    let mut decoder = Decoder::new(Limits::default());
    decoder.announce(8192);
    let decoded = decoder.decode(&bytes).unwrap();
    assert_eq!((decoded.smallest_table_size, decoded.table_size), (smallest, last));
    assert_same(encoder.table(), decoder.table());
}

#[test]
fn the_smallest_and_the_last_size_are_told() {
    check_resized(&[], "", None, None);
    check_resized(&[4096], "", None, None);
    check_resized(&[30], "3e", Some(30), Some(30));
    check_resized(&[30, 0, 20], "20 34", Some(0), Some(20));
    check_resized(&[30, 4096], "3e 3fe11f", Some(30), Some(4096));
    check_resized(&[5000, 4500], "3ff522", Some(4500), Some(4500));
    check_resized(&[1_000_000], "3fe13f", Some(8192), Some(8192));
}

#[test]
fn a_table_smaller_than_the_first_is_told_of_in_the_first_block() {
    assert_eq!(encode(&mut Encoder::new(0), &fields(&[(":method", "GET")]), &[]), hex("20 82"));
    assert_eq!(encode(&mut Encoder::new(65536), &fields(&[(":method", "GET")]), &[]), hex("82"));
}

#[test]
fn a_field_larger_than_the_table_is_kept_out_of_it() {
    let mut encoder = Encoder::with_table(Table::new(34));
    encode(&mut encoder, &fields(&[("a", "b")]), &[]);
    let block = encode(&mut encoder, &fields(&[("a", "bc")]), &[]);
    // Without indexing, the name from the entry that is still there.
    assert_eq!(block, hex("0f2f 02 6263"));
    assert_eq!(encoder.table().len(), 1);
}

#[test]
fn a_field_larger_than_the_table_empties_it_where_its_sender_put_it_in() {
    let mut decoder = Decoder::new(Limits::default());
    // A size of 34 bytes, a field of that size, and a larger one under its name.
    let decoded = decoder.decode(&hex("3f03 4001610162 7e026263")).unwrap();
    assert_eq!(decoded.fields, fields(&[("a", "b"), ("a", "bc")]));
    assert!(decoder.table().is_empty());
    assert_eq!(decoder.table().size_bytes(), 0);
}

#[test]
fn a_name_may_come_from_the_entry_that_its_own_field_evicts() {
    let mut encoder = Encoder::with_table(Table::new(40));
    let mut decoder = Decoder::new(Limits::default());
    decoder.decode(&hex("3f09")).unwrap();
    for value in ["1", "2", "3"] {
        let fields = fields(&[("name", value)]);
        let decoded = decoder.decode(&encode(&mut encoder, &fields, &[])).unwrap();
        assert_eq!(decoded.fields, fields);
        assert_same(encoder.table(), decoder.table());
    }
    assert_eq!(encoder.table().len(), 1);
}

#[test]
fn secrets_stay_out_of_tables() {
    let secret = fields(&[("cookie", "secret"), ("x-key", "secret"), (":method", "GET")]);
    for indexing in [Indexing::Never, Indexing::Without] {
        let mut encoder = Encoder::new(4096);
        // The same is already in the table.
        encode(&mut encoder, &secret, &[]);
        let before = encoder.table().len();
        let mut decoder = Decoder::new(Limits::default());
        decoder.decode(&encode(&mut Encoder::new(4096), &secret, &[])).unwrap();
        let block = encode(&mut encoder, &secret, &[indexing; 3]);
        assert_eq!(encoder.table().len(), before);
        let decoded = decoder.decode(&block).unwrap();
        assert_eq!(decoded.indexing, [indexing; 3]);
        assert_eq!(decoded.fields, secret);
    }
}

#[test]
fn what_is_still_in_the_table_is_referred_to() {
    let mut encoder = Encoder::new(1024 * 1024);
    encoder.resize(1024 * 1024);
    let field = |number: usize| {
        let mut fields = Fields::default();
        fields.push(format!("x-{}", number % 50), format!("value {number}"));
        fields
    };
    for number in 0..2000 {
        encode(&mut encoder, &field(number), &[]);
    }
    let len = encoder.table().len();
    assert_eq!(len, 2000);
    for number in 0..2000 {
        let block = encode(&mut encoder, &field(number), &[]);
        assert!(block[0] & 0x80 != 0 && block.len() <= 3, "{number}: {block:?}");
    }
    assert_eq!(encoder.table().len(), len);
    // The newest hundred survive a smaller table.
    let newest: usize =
        encoder.table().iter().take(100).map(|it| it.name.len() + it.value.len()).sum();
    encoder.resize(newest + 100 * 32);
    assert_eq!(encoder.table().len(), 100);
    encode(&mut encoder, &Fields::default(), &[]);
    for number in 1900..2000 {
        assert!(encode(&mut encoder, &field(number), &[]).len() <= 2, "{number}");
    }
}

#[test]
fn names_are_referred_to_also_when_values_differ() {
    let mut encoder = Encoder::new(4096);
    encode(&mut encoder, &fields(&[("x-own", "1"), ("x-other", "1")]), &[]);
    assert_eq!(encode(&mut encoder, &fields(&[("x-own", "2")]), &[]), hex("7f00 0132"));
    assert_eq!(encode(&mut encoder, &fields(&[("cookie", "2")]), &[]), hex("60 0132"));
    assert_eq!(encode(&mut encoder, &fields(&[(":status", "2")]), &[]), hex("48 0132"));
}

#[test]
fn entries_own_their_text_and_fields_are_slices_of_the_block() {
    let mut decoder = Decoder::new(Limits::default());
    let block = hex("40 03 61 62 63 03 64 65 66");
    let within = |bytes: &Bytes| block.as_ptr_range().contains(&bytes.as_ptr());
    let decoded = decoder.decode(&block).unwrap();
    assert!(within(&decoded.fields.0[0].name) && within(&decoded.fields.0[0].value));
    let entry = decoder.table().get(0).unwrap();
    assert!(!within(&entry.name) && !within(&entry.value));

    let mut encoder = Encoder::new(4096);
    encode(&mut encoder, &decoded.fields, &[]);
    let entry = encoder.table().get(0).unwrap();
    assert!(!within(&entry.name) && !within(&entry.value));
}
