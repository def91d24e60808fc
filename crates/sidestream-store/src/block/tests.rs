//! What is put into a block can be cut out of it, and damage stays where it is.

use proptest::prelude::*;

use super::*;
use crate::row::Update;

fn row() -> impl Strategy<Value = Row> {
    let numbers = (any::<i64>(), any::<i64>(), any::<Option<i64>>(), any::<u32>());
    (numbers, prop::collection::vec(any::<u8>(), 0..300)).prop_map(
        |((at, flow, exchange, kind), payload)| Row {
            at,
            flow,
            exchange,
            kind,
            payload,
            update: Update::Nothing,
        },
    )
}

fn block(rows: &[Row]) -> Block {
    let mut block = Block::new(1, rows[0].at);
    rows.iter().for_each(|row| block.push(row));
    block
}

fn check(row: &Row, at: i64, entry: &BlockEntry) {
    assert_eq!(entry.kind, row.kind);
    assert_eq!(at.wrapping_add(entry.at), row.at);
    assert_eq!(entry.flow.cast_signed(), row.flow);
    assert_eq!(entry.exchange.map(u64::cast_signed), row.exchange);
    assert_eq!(entry.payload, row.payload);
}

proptest! {
    #[test]
    fn entries_come_out_as_they_went_in(rows in prop::collection::vec(row(), 1..20)) {
        let block = block(&rows);
        let entries = cut(block.payload.into());
        prop_assert_eq!((entries.len(), block.count), (rows.len(), rows.len()));
        for (row, entry) in rows.iter().zip(entries) {
            check(row, block.at, &entry.unwrap());
        }
    }

    #[test]
    fn what_stands_before_a_cut_is_whole(
        rows in prop::collection::vec(row(), 1..20),
        place in any::<prop::sample::Index>(),
    ) {
        let block = block(&rows);
        let payload = Bytes::from(block.payload);
        let whole = cut(payload.slice(..place.index(payload.len())));
        prop_assert!(whole.len() < rows.len());
        for (row, entry) in rows.iter().zip(whole) {
            check(row, block.at, &entry.unwrap());
        }
    }

    #[test]
    fn any_bytes_are_cut_or_left(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(cut(bytes.into()).len() <= BLOCK_ENTRIES);
    }
}
