//! Ours and an independent codec read what the other writes.

use bytes::Bytes;
use httlib_hpack as peer;
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_proto::hpack::{Decoder, Encoder, Indexing, Limits};
use sidestream_record::{Field, Fields};

use super::{Block, blocks, encode, every_byte};

const MAX_TABLE_BYTES: u16 = 6000;

proptest! {
    #[test]
    fn a_peer_reads_what_we_write(blocks in blocks(MAX_TABLE_BYTES.into())) {
        let mut encoder = Encoder::new(MAX_TABLE_BYTES.into());
        let mut decoder = peer::Decoder::default();
        decoder.set_max_dynamic_size(MAX_TABLE_BYTES.into());
        for Block { sizes, fields, indexing } in &blocks {
            sizes.iter().for_each(|&size| encoder.resize(size));
            let mut decoded = Vec::new();
            let mut block = encode(&mut encoder, fields, indexing).to_vec();
            decoder.decode(&mut block, &mut decoded).unwrap();
            prop_assert_eq!(decoded.len(), fields.len());
            for ((field, how), (name, value, flags)) in fields.iter().zip(indexing).zip(&decoded) {
                prop_assert_eq!((&field.name[..], &field.value[..]), (&name[..], &value[..]));
                let never = flags & peer::Decoder::NEVER_INDEXED != 0;
                prop_assert_eq!(never, *how == Indexing::Never);
            }
        }
    }

    #[test]
    fn we_read_what_a_peer_writes(
        blocks in blocks(MAX_TABLE_BYTES.into()),
        forms in vec(any::<u8>(), 20),
    ) {
        let mut encoder = peer::Encoder::default();
        let mut decoder = Decoder::new(Limits::default());
        decoder.announce(MAX_TABLE_BYTES.into());
        for Block { sizes, fields, indexing } in &blocks {
            let mut block = Vec::new();
            for &size in sizes {
                encoder.update_max_dynamic_size(u32::try_from(size).unwrap(), &mut block).unwrap();
            }
            for ((field, how), form) in fields.iter().zip(indexing).zip(&forms) {
                encoder.encode(input(field, *how, *form), &mut block).unwrap();
            }
            let decoded = decoder.decode(&Bytes::from(block)).unwrap();
            prop_assert_eq!(&decoded.fields, fields);
            prop_assert_eq!(decoded.table_size, sizes.last().copied());
            prop_assert_eq!(decoded.smallest_table_size, sizes.iter().min().copied());
            prop_assert_eq!(decoder.table().max_bytes(), encoder.max_dynamic_size() as usize);
        }
    }
}

#[test]
fn every_byte_has_the_same_code() {
    let fields = every_byte();
    let mut decoded = Vec::new();
    let mut block = encode(&mut Encoder::new(4096), &fields, &[]).to_vec();
    peer::Decoder::default().decode(&mut block, &mut decoded).unwrap();
    let decoded = decoded.into_iter().map(|(name, value, _)| Field::new(name, value));
    assert_eq!(decoded.collect::<Fields>(), fields);

    let (mut encoder, mut block) = (peer::Encoder::default(), Vec::new());
    let coded = peer::Encoder::HUFFMAN_NAME | peer::Encoder::HUFFMAN_VALUE;
    for field in &fields {
        encoder.encode(input(field, Indexing::Without, coded), &mut block).unwrap();
    }
    let decoded = Decoder::new(Limits::default()).decode(&Bytes::from(block)).unwrap();
    assert_eq!(decoded.fields, fields);
}

/// A field in some of the forms that it may have.
fn input(field: &Field, how: Indexing, form: u8) -> (Vec<u8>, Vec<u8>, u8) {
    let indexing = match how {
        Indexing::Incremental => peer::Encoder::WITH_INDEXING,
        Indexing::Without => 0,
        Indexing::Never => peer::Encoder::NEVER_INDEXED,
    };
    let any =
        peer::Encoder::HUFFMAN_NAME | peer::Encoder::HUFFMAN_VALUE | peer::Encoder::BEST_FORMAT;
    (field.name.to_vec(), field.value.to_vec(), indexing | form & any)
}

/// The static table, entry by entry, as the other knows it.
#[test]
fn the_static_tables_are_the_same() {
    let mut fields = Fields::default();
    let block: Vec<u8> = (1..=61).map(|index| 0x80 | index).collect();
    let mut decoded = Vec::new();
    peer::Decoder::default().decode(&mut block.clone(), &mut decoded).unwrap();
    for (name, value, _) in decoded {
        fields.push(name, value);
    }
    let block = Bytes::from(block);
    assert_eq!(Decoder::new(Limits::default()).decode(&block).unwrap().fields, fields);
    // And each is found.
    assert_eq!(encode(&mut Encoder::new(4096), &fields, &[]), block);
}
