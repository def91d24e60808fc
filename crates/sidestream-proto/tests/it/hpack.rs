//! The HPACK codec: what it reads, what it writes, and that both ends keep the same table.

mod bounds;
mod errors;
mod examples;
mod peers;
mod round_trips;
mod tables;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_proto::hpack::{Encoder, Indexing, Table};
use sidestream_record::Fields;

/// Reads bytes as they are usually printed.
fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let octets = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    octets.map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect()
}

fn fields(of: &[(&'static str, &'static str)]) -> Fields {
    let mut fields = Fields::default();
    for &(name, value) in of {
        fields.push(name, value);
    }
    fields
}

fn encode(encoder: &mut Encoder, fields: &Fields, indexing: &[Indexing]) -> Bytes {
    let mut out = BytesMut::new();
    encoder.encode(fields, indexing, &mut out);
    out.freeze()
}

/// Each byte alone, between others, and among so many short codes that the text is worth coding.
fn every_byte() -> Fields {
    let mut fields = Fields::default();
    for byte in 0..=255 {
        fields.push(vec![byte], vec![b'a', byte, b'a']);
        fields.push("x", [&[b'0'; 40][..], &[byte], &[b'0'; 41]].concat());
    }
    fields
}

/// Asserts that two ends hold the same.
fn assert_same(left: &Table, right: &Table) {
    assert_eq!(left.iter().collect::<Vec<_>>(), right.iter().collect::<Vec<_>>());
    assert_eq!(left.size_bytes(), right.size_bytes());
    assert_eq!(left.max_bytes(), right.max_bytes());
}

/// A block to be, and the sizes that the table is given before it.
#[derive(Clone, Debug)]
struct Block {
    sizes: Vec<usize>,
    fields: Fields,
    indexing: Vec<Indexing>,
}

/// The blocks of a connection whose tables never become larger than that.
fn blocks(max_table_bytes: usize) -> impl Strategy<Value = Vec<Block>> {
    let sizes = prop_oneof![3 => Just(Vec::new()), 1 => vec(0..max_table_bytes, 1..4)];
    let block = (sizes, vec(field(), 0..20)).prop_map(|(sizes, list)| {
        let (mut fields, mut indexing) = (Fields::default(), Vec::new());
        for (name, value, how) in list {
            fields.push(name, value);
            indexing.push(how);
        }
        Block { sizes, fields, indexing }
    });
    vec(block, 1..8)
}

/// Fields that often come again, and fit into a table more or less.
fn field() -> impl Strategy<Value = (Bytes, Bytes, Indexing)> {
    let name = prop_oneof![
        Just(Bytes::from(":method")),
        Just(Bytes::from(":status")),
        Just(Bytes::from("accept-encoding")),
        Just(Bytes::from("cookie")),
        Just(Bytes::from("x-name-of-our-own")),
        "[a-z-]{0,12}".prop_map(Bytes::from),
        vec(any::<u8>(), 0..200).prop_map(Bytes::from),
    ];
    let value = prop_oneof![
        Just(Bytes::from("GET")),
        Just(Bytes::from("404")),
        Just(Bytes::from("gzip, deflate")),
        "[a-c]{0,2}".prop_map(Bytes::from),
        "[ -~]{0,80}".prop_map(Bytes::from),
        vec(any::<u8>(), 0..80).prop_map(Bytes::from),
        (any::<u8>(), 1000..5000usize).prop_map(|(byte, len)| Bytes::from(vec![byte; len])),
    ];
    let indexing = prop_oneof![
        4 => Just(Indexing::Incremental),
        1 => Just(Indexing::Without),
        1 => Just(Indexing::Never),
    ];
    (name, value, indexing)
}
