//! What is put into a block can be cut out of it, and damage stays where it is.

use proptest::prelude::*;

use super::*;
use crate::row::Update;

fn row() -> impl Strategy<Value = Row> {
    let numbers = (any::<i64>(), any::<i64>(), any::<Option<i64>>(), 0..1_u32 << 20);
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
    rows.iter().for_each(|row| block.push(row, Added::NOTHING));
    block
}

fn check(row: &Row, at: i64, entry: &BlockEntry) {
    // What has no kind stands nowhere.
    if row.kind == 0 {
        assert_eq!((entry.kind, entry.payload.len()), (0, 0));
        return;
    }
    assert_eq!((entry.kind, entry.is_old), (row.kind, false));
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
    fn what_the_writer_adds_stands_behind_the_event(
        row in row(),
        data in prop::collection::vec(any::<u8>(), 1..100),
    ) {
        let mut block = Block::new(1, row.at);
        let mut head = Head::new();
        head.number(4, 5);
        head.bytes(3, data.len());
        block.push(&row, Added { head, data: &data });
        let entry = cut(block.payload.into()).remove(0).unwrap();
        let mut event = row.payload.clone();
        event.extend_from_slice(head.as_bytes());
        event.extend_from_slice(&data);
        if row.kind > 0 {
            prop_assert_eq!(&entry.payload[..], &event[..]);
        }
        let added = FieldReader::new(entry.payload.slice(entry.payload.len().min(row.payload.len())..));
        let added: Vec<_> = added.map(Result::unwrap).collect();
        if row.kind > 0 {
            prop_assert_eq!(added, [(4, Value::Number(5)), (3, Value::Bytes(data.into()))]);
        }
    }

    #[test]
    fn an_entry_of_a_session_before_3_0_is_read(kind in 1..30_u32, at in any::<i64>()) {
        let mut head = Head::new();
        head.number(1, kind.into());
        head.number(2, zigzag(at));
        head.number(3, 7);
        head.bytes(5, 2);
        let mut payload = vec![ENTRIES, head.len() as u8 + 2];
        payload.extend_from_slice(head.as_bytes());
        payload.extend_from_slice(b"hi");
        let entry = cut(payload.into()).remove(0).unwrap();
        let payload = Bytes::from_static(b"hi");
        let is_old = true;
        prop_assert_eq!(entry, BlockEntry { kind, at, flow: 7, exchange: None, payload, is_old });
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
