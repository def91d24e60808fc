//! Peers that say much before it is clear what they speak.

use super::{Attacked, KIB, SERVER, holds_at_most};
use sidestream_flow::Peer;

#[test]
fn a_greeting_without_end_passes_without_being_held() {
    for line in ["220-more to come\r\n", "220 ", "* ", "SSH-2.0-", "x"] {
        holds_at_most(256 * KIB, || {
            let mut attacked = Attacked::tunnel();
            for _ in 0..100_000 {
                attacked.pass(SERVER, line);
            }
            assert_eq!(attacked.held(SERVER), 0);
        });
    }
}

#[test]
fn a_client_that_begins_many_things_is_held_no_longer_than_they_fit() {
    for begin in ["SSH-2.0", "\0\x18\x12\x34\x01"] {
        let mut attacked = Attacked::tunnel();
        attacked.say(Peer::Client, begin);
        assert_eq!(attacked.held(Peer::Client), begin.len());
        attacked.say(Peer::Client, "\x07");
        assert_eq!(attacked.held(Peer::Client), 0);
    }
}
