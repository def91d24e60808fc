//! A list while its recording keeps only the newest, beside one that is made anew each time.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sidestream_filter::Filter;
use sidestream_list::List;
use sidestream_record::{Recorded, Sink};
use sidestream_store::{Retention, Session};
use sidestream_testkit::sessions::{filter, session, start};

use crate::model::{Screen, expected, order};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_retention_takes_out_goes_in_order(
        entries in session(),
        // After so many entries, so many exchanges are kept, if there is a bound.
        steps in vec(
            (1..40_usize, option::of(0..4_u64), option::of(option::of(filter())), order()),
            2..6,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.session");
        Session::create(&path).unwrap().close().unwrap();
        let mut list = List::open(&path).unwrap();
        let mut screen = Screen::default();
        let now = start() + Duration::from_secs(15);
        let mut filter = None;
        let mut left = entries.iter();
        for (count, exchanges, text, order) in steps {
            // It is taken out when the recording is closed, at the latest.
            let retention = Retention { exchanges, ..Retention::ALL };
            let session = Session::create_keeping(&path, retention).unwrap();
            for entry in left.by_ref().take(count) {
                prop_assert_eq!(session.writer().record(entry), Recorded::Accepted);
            }
            session.close().unwrap();
            if let Some(text) = text {
                filter = text.map(|text| Filter::parse(&text, now).unwrap());
                list.set_filter(filter.clone()).unwrap();
            }
            list.order_by(order);
            screen.draw(&list);
            let mut changes = Vec::new();
            while !list.update(1000, &mut changes).unwrap() {}
            screen.apply(&changes, &list);
            prop_assert_eq!(
                screen.lines(),
                expected(&path, filter.as_ref(), list.order()),
                "{:?}", filter.map(|filter| filter.to_string())
            );
        }
    }
}
