//! What no writer of this version writes.

use proptest::prelude::*;
use sidestream_flow::{ExchangeId, Process, User};
use sidestream_record::{Closed, Event, Failure};

use super::*;
use crate::kind::NAMES;

fn context() -> Context {
    Context { exchange: Some(ExchangeId(1)), ..Context::default() }
}

proptest! {
    #[test]
    fn any_payload_is_decoded_or_refused(
        kind in prop::sample::select(&NAMES[..]),
        payload in prop::collection::vec(any::<u8>(), 0..64),
        exchange in any::<bool>(),
    ) {
        let exchange = exchange.then_some(ExchangeId(1));
        let cx = Context { exchange, ..Context::default() };
        if let Ok(event) = decode(kind, payload.into(), cx) {
            prop_assert_eq!(encode(&event).0, kind);
        }
    }

    #[test]
    fn what_is_decoded_is_the_same_when_it_is_written_again(
        kind in 1..=NAMES.len() as u8,
        payload in prop::collection::vec(prop_oneof![0..24_u8, any::<u8>()], 0..24),
    ) {
        let mut event = Head::new();
        event.bytes(u32::from(kind) + 10, payload.len());
        let event = [event.as_bytes(), &payload].concat();
        let mut entry = Head::new();
        entry.bytes(1, event.len());
        for (event, again) in crate::recode(&[entry.as_bytes(), &event].concat()) {
            prop_assert_eq!(format!("{:?}", Some(event)), format!("{again:?}"));
        }
    }

    #[test]
    fn times_survive(at in any::<i64>()) {
        // The one number that has no opposite is given up.
        prop_assume!(at != i64::MIN);
        prop_assert_eq!(nanoseconds(time(at)), at);
    }
}

#[test]
fn a_failure_of_an_unknown_kind_is_still_told() {
    // closed { failure { kind: 99, text: "eaten" }, received: 1 }
    let payload = b"\x0a\x09\x08\x63\x2a\x05eaten\x10\x01";
    let event = decode("closed", Bytes::from_static(payload), context()).unwrap();
    let Event::Closed(Closed { received: 1, sent: 0, failure: Some(failure) }) = event else {
        panic!("{event:?}")
    };
    assert!(matches!(&failure, Failure::Unsupported { what } if what.ends_with("eaten")));
}

#[test]
fn what_has_no_word_here_is_unknown_and_not_damaged() {
    let unknown = |kind, payload: &'static [u8]| {
        let decoded = decode(kind, Bytes::from_static(payload), context());
        assert!(matches!(decoded, Err(DecodeError::Unknown)), "{kind}: {decoded:?}");
    };
    unknown("teleported", b"");
    unknown("recognized", b"\x0a\x03h77");
    unknown("held", b"\x0a\x03end");
    unknown("altered", b"\x08\x63");
    unknown("response", b"\x08\x63");
}

#[test]
fn a_process_of_an_older_version_lacks_what_was_added() {
    // pid: 7, name: "sh", uid: 0, user: "root", and tag 99 of a version to come
    let payload = b"\x08\x07\x1a\x02sh\x38\x00\x42\x04root\x98\x06\x01";
    let process = ProcessFields::decode(payload.to_vec(), None).unwrap();
    let user = Some(User { uid: 0, name: Some("root".into()) });
    assert_eq!(process, Process { pid: 7, name: "sh".into(), user, ..Process::default() });
}
