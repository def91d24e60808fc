//! The published description of a session's messages says what is written.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value,
};
use sidestream_record::{Entry, Event, Part, Recorded, Sink};
use sidestream_store::Session;

use crate::{generate, play};

/// What only sessions before 3.0 have, and what stands for an event that is not described yet.
const NEVER_WRITTEN: [&str; 3] = [
    "sidestream.session.v1.Entry.kind",
    "sidestream.session.v1.Entry.other",
    "sidestream.session.v1.Entry.payload",
];

fn pool() -> DescriptorPool {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let file = "sidestream/session/v1/session.proto";
    let mut pool = DescriptorPool::new();
    let set = protox::compile([file], [folder]).unwrap();
    pool.add_file_descriptor_set(set).unwrap();
    pool
}

/// The payloads of blocks, processes and certificates of a recording of these entries.
fn recorded(entries: &[Entry]) -> [Vec<Vec<u8>>; 3] {
    let (_folder, path) = play::place();
    let session = Session::create(&path).unwrap();
    for entry in entries {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    session.close().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let mut blocks = connection.prepare("SELECT payload, size FROM block ORDER BY first").unwrap();
    let blocks = blocks.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let unpack = |(payload, size): (Vec<u8>, u32)| {
        if payload.len() == size as usize {
            payload
        } else {
            zstd::bulk::decompress(&payload, size as usize).unwrap()
        }
    };
    let blocks = blocks.map(Result::unwrap).map(unpack).collect();
    let payloads = |table| {
        let mut rows = connection.prepare(&format!("SELECT payload FROM {table}")).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    [blocks, payloads("process"), payloads("certificate")]
}

/// Goes through a message: nothing in it is unknown, and what is set is noted.
fn check(message: &DynamicMessage, seen: &mut BTreeSet<String>) {
    let unknown: Vec<_> = message.unknown_fields().collect();
    assert!(unknown.is_empty(), "{}: {unknown:?}", message.descriptor().full_name());
    for (field, value) in message.fields() {
        seen.insert(field.full_name().to_owned());
        let values = match value {
            Value::List(values) => values.iter().collect(),
            value => vec![value],
        };
        for value in values {
            match (value, field.kind()) {
                (Value::Message(message), _) => check(message, seen),
                (Value::EnumNumber(number), Kind::Enum(of)) => {
                    let value = of.get_value(*number);
                    let value = value.unwrap_or_else(|| panic!("{}: {number}", of.full_name()));
                    seen.insert(value.full_name().to_owned());
                }
                _ => {}
            }
        }
    }
}

/// All fields and values that the description has.
fn described(pool: &DescriptorPool) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for message in pool.all_messages() {
        names.extend(message.fields().map(|field| field.full_name().to_owned()));
    }
    for of in pool.all_enums() {
        let values = of.values().filter(|value| value.number() != 0);
        names.extend(values.map(|value| value.full_name().to_owned()));
    }
    names
}

fn decode(descriptor: &MessageDescriptor, payload: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(descriptor.clone(), payload).unwrap()
}

#[test]
fn what_is_written_is_what_is_described_and_all_of_it() {
    let pool = pool();
    let message = |name| pool.get_message_by_name(name).unwrap();
    let block = message("sidestream.session.v1.Block");
    let process = message("sidestream.session.v1.Process");
    let certificate = message("sidestream.session.v1.Certificate");
    let mut runner = TestRunner::deterministic();
    let strategy = generate::entries();
    let mut seen = BTreeSet::new();
    let described = described(&pool);
    // Some values are rare.
    for round in 0..2000 {
        if described.difference(&seen).count() <= NEVER_WRITTEN.len() {
            break;
        }
        let mut entries = strategy.new_tree(&mut runner).unwrap().current();
        if round == 0 {
            // Content that does not stand in blocks.
            let (exchange, part) = (play::EXCHANGE, Part::Response);
            entries.push(play::entry(0, play::body(exchange, vec![1; 20_000])));
            entries.push(play::entry(0, Event::BodyDropped { exchange, part, bytes: 1 }));
            let mut closed = || generate::closed().new_tree(&mut runner).unwrap().current();
            entries.extend((0..3000).map(|_| play::entry(0, closed())));
        }
        let [blocks, processes, certificates] = recorded(&entries);
        let mut count = 0;
        for payload in blocks {
            let read = decode(&block, &payload);
            check(&read, &mut seen);
            count += read.get_field_by_name("entries").unwrap().as_list().unwrap().len();
        }
        assert_eq!(count, entries.len());
        processes.iter().for_each(|payload| check(&decode(&process, payload), &mut seen));
        certificates.iter().for_each(|payload| check(&decode(&certificate, payload), &mut seen));
    }
    let unseen: Vec<_> = described.difference(&seen).collect();
    assert_eq!(unseen, NEVER_WRITTEN);
}
