//! Feeds any bytes to the DNS decoder, as one message and as a stream of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_proto::dns::tcp::FrameReader;
use sidestream_proto::dns::{addresses, decode, looks_like};

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut reader = FrameReader::new();
    reader.push(bytes);
    while let Some(frame) = reader.poll_frame() {
        check(&frame);
    }
});

fn check(bytes: &[u8]) {
    let decoded = decode(bytes);
    for port in [53, 9953] {
        assert!(decoded.is_ok() || !looks_like(bytes, port));
    }
    let Ok(message) = decoded else { return };
    assert!(addresses(&message).count() <= message.answers.len());
    let sections = [&message.answers, &message.authorities, &message.additionals];
    for record in sections.into_iter().flatten() {
        assert!(
            record
                .name
                .bytes()
                .chain(record.data.bytes())
                .all(|byte| (b' '..=b'~').contains(&byte))
        );
    }
}
