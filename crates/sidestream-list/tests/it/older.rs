//! A list of rows that tell less, as older versions wrote them.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;
use sidestream_filter::Filter;
use sidestream_list::{List, Order};
use sidestream_record::{Recorded, Sink};
use sidestream_store::Session;
use sidestream_testkit::sessions::{filter, session, start};

use crate::model::{Screen, expected};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_rows_do_not_tell_is_read(
        entries in session(),
        texts in vec(filter(), 8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.session");
        let session = Session::create(&path).unwrap();
        for entry in &entries {
            prop_assert_eq!(session.writer().record(entry), Recorded::Accepted);
        }
        session.close().unwrap();
        let older = Connection::open(&path).unwrap();
        older
            .execute_batch(
                "UPDATE exchange
                 SET version = NULL, request_type = NULL, answered = NULL, response_type = NULL;
                 UPDATE flow
                 SET servers = NULL, sni = NULL, alpn = NULL, ja4 = NULL, told_seq = NULL",
            )
            .unwrap();
        older.close().unwrap();
        let mut list = List::open(&path).unwrap();
        for text in texts {
            let filter = Filter::parse(&text, start() + Duration::from_secs(15)).unwrap();
            list.set_filter(Some(filter.clone())).unwrap();
            while !list.update(1000, &mut Vec::new()).unwrap() {}
            let mut screen = Screen::default();
            screen.draw(&list);
            prop_assert_eq!(screen.lines(), expected(&path, Some(&filter), Order::default()), "{}", text);
        }
    }
}
