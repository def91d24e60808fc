//! What our encoder writes, our decoder reads.

use proptest::prelude::*;
use sidestream_proto::hpack::{Decoder, Encoder, Indexing, Limits};

use super::{Block, assert_same, blocks, encode, every_byte};

const MAX_TABLE_BYTES: usize = 6000;

#[test]
fn every_byte_survives() {
    let fields = every_byte();
    let block = encode(&mut Encoder::new(4096), &fields, &[]);
    assert_eq!(Decoder::new(Limits::default()).decode(&block).unwrap().fields, fields);
}

proptest! {
    #[test]
    fn blocks_come_back_as_they_were(blocks in blocks(MAX_TABLE_BYTES)) {
        let mut encoder = Encoder::new(MAX_TABLE_BYTES);
        let mut decoder = decoder();
        for Block { sizes, fields, indexing } in &blocks {
            sizes.iter().for_each(|&size| encoder.resize(size));
            let max_bytes = encoder.table().max_bytes();
            let decoded = decoder.decode(&encode(&mut encoder, fields, indexing)).unwrap();
            prop_assert_eq!(&decoded.fields, fields);
            prop_assert_eq!(decoded.table_size.unwrap_or(max_bytes), max_bytes);
            prop_assert!(decoded.smallest_table_size <= decoded.table_size);
            assert_same(encoder.table(), decoder.table());
            for ((field, asked), got) in fields.iter().zip(indexing).zip(&decoded.indexing) {
                let too_large = field.name.len() + field.value.len() + 32 > max_bytes;
                let kept_out = too_large && *got == Indexing::Without;
                prop_assert!(got == asked || kept_out && *asked == Indexing::Incremental);
            }
        }
    }

    /// Some blocks go by as they are, and then the encoder takes over in the middle.
    #[test]
    fn an_encoder_goes_on_with_a_table_that_others_filled(
        before in blocks(MAX_TABLE_BYTES),
        after in blocks(MAX_TABLE_BYTES),
    ) {
        let mut peer = Encoder::new(MAX_TABLE_BYTES);
        let (mut ours, mut receiver) = (decoder(), decoder());
        for Block { sizes, fields, indexing } in &before {
            sizes.iter().for_each(|&size| peer.resize(size));
            let block = encode(&mut peer, fields, indexing);
            prop_assert_eq!(ours.decode(&block).unwrap(), receiver.decode(&block).unwrap());
        }
        let mut encoder = Encoder::with_table(ours.table().clone());
        for Block { sizes, fields, indexing } in &after {
            sizes.iter().for_each(|&size| encoder.resize(size));
            let decoded = receiver.decode(&encode(&mut encoder, fields, indexing)).unwrap();
            prop_assert_eq!(&decoded.fields, fields);
            assert_same(encoder.table(), receiver.table());
        }
    }
}

fn decoder() -> Decoder {
    let mut decoder = Decoder::new(Limits::default());
    decoder.announce(u32::try_from(MAX_TABLE_BYTES).unwrap());
    decoder
}
