//! What each message is on the wire, so that it cannot change unseen.

use std::fmt::Write as _;

use sidestream_ipc::encode;

use crate::samples::samples;

#[test]
fn every_message_has_these_bytes() {
    let mut table = String::new();
    for (name, message) in samples() {
        let mut frame = Vec::new();
        encode(&message, &mut frame).unwrap();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let (len, body) = hex.split_at(8);
        writeln!(table, "{name}\n  {len} {body}").unwrap();
    }
    insta::assert_snapshot!(table);
}
