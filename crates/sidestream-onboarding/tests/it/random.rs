//! Whatever is asked.

use hickory_proto::op::Message;
use proptest::prelude::*;
use sidestream_onboarding::{Answer, failure};

use crate::dns::{Query, names};

/// Says what must hold of any answer to any bytes.
fn sound(query: &[u8]) -> Result<(), TestCaseError> {
    let replies = match names().answer(query) {
        Answer::Drop => {
            prop_assert!(query.len() < 12 || query[2] & 0x80 != 0);
            None
        }
        Answer::Forward => None,
        Answer::Reply(reply) => Some(reply),
    };
    for reply in replies.into_iter().chain(failure(query)) {
        prop_assert!(reply.len() <= 512.max(query.len()));
        prop_assert_eq!(&reply[..2], &query[..2]);
        let message = Message::from_vec(&reply);
        prop_assert!(message.is_ok(), "{:?}: {:?}", message, reply);
        // Two of us would never answer each other.
        prop_assert_eq!(names().answer(&reply), Answer::Drop);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_answered_soundly(query in proptest::collection::vec(any::<u8>(), 0..600)) {
        sound(&query)?;
    }

    #[test]
    fn any_change_of_a_query_is_answered_soundly(
        at in 0_usize..60,
        octet: u8,
        kind: u16,
        cut in 0_usize..80,
    ) {
        let mut query = Query::new("sidestream.internal", kind).edns(0, 0).bytes();
        if let Some(changed) = query.get_mut(at) {
            *changed = octet;
        }
        sound(&query)?;
        query.truncate(cut);
        sound(&query)?;
    }
}
