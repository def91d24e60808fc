//! Feeds any blocks to an HPACK decoder; whatever is decoded is encoded anew, and comes back equal.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use sidestream_proto::hpack::{Decoder, Encoder, Limits};

const LIMITS: Limits = Limits { max_fields: 64, max_bytes: 16 * 1024, max_table_bytes: 8192 };

// The announced size in two octets, and then blocks, each behind an octet with its length.
fuzz_target!(|input: &[u8]| {
    let Some((announced, mut rest)) = input.split_first_chunk() else { return };
    let mut decoder = Decoder::new(LIMITS);
    decoder.announce(u16::from_be_bytes(*announced).into());
    let mut encoder = Encoder::new(LIMITS.max_table_bytes);
    let mut receiver = Decoder::new(LIMITS);
    receiver.announce(u32::MAX);
    while let Some((&len, later)) = rest.split_first() {
        let (block, later) = later.split_at(usize::from(len).min(later.len()));
        rest = later;
        // An encoder may also go on from here, with the table as the blocks so far left it.
        let mut later = Encoder::with_table(decoder.table().clone());
        let mut at_later = decoder.clone();

        let Ok(decoded) = decoder.decode(&Bytes::copy_from_slice(block)) else { return };
        let sizes = decoded.fields.iter().map(|it| it.name.len() + it.value.len() + 32);
        assert!(sizes.sum::<usize>() <= LIMITS.max_bytes);
        assert!(decoded.fields.len() <= LIMITS.max_fields);
        assert_eq!(decoded.indexing.len(), decoded.fields.len());
        let table = decoder.table();
        assert!(table.size_bytes() <= table.max_bytes());
        assert!(table.max_bytes() <= LIMITS.max_table_bytes);

        for (encoder, receiver) in [(&mut encoder, &mut receiver), (&mut later, &mut at_later)] {
            for size in [decoded.smallest_table_size, decoded.table_size].into_iter().flatten() {
                encoder.resize(size);
            }
            let mut again = BytesMut::new();
            encoder.encode(&decoded.fields, &decoded.indexing, &mut again);
            let received = receiver.decode(&again.freeze());
            assert_eq!(received.map(|it| it.fields), Ok(decoded.fields.clone()));
            assert!(encoder.table().iter().eq(receiver.table().iter()));
            assert_eq!(encoder.table().max_bytes(), decoder.table().max_bytes());
        }
    }
});
