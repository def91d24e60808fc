//! Lists of what was recorded while the system's clock jumped.

use std::time::{Duration, SystemTime};

use sidestream_filter::Filter;
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_list::{List, Order};
use sidestream_record::{Closed, Entry, Event, Recorded, Sink};
use sidestream_store::Session;
use sidestream_testkit::sessions::start;

use crate::live::{answered, opened, place, request, update};
use crate::model::{Drawn, expected, settle};

const HOUR: i64 = 3600;

fn order(text: &str) -> Order {
    text.parse().unwrap()
}

fn at(seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { start() - span } else { start() + span }
}

/// Begins and ends of exchanges, each of a flow of its own, by a clock that was set back, forth,
/// to before 1970, and beyond what a session can tell.
fn jumps() -> Vec<(SystemTime, Option<SystemTime>)> {
    let zero = SystemTime::UNIX_EPOCH;
    let beyond = zero + Duration::from_secs(20_000_000_000);
    vec![
        (at(0), Some(at(1))),
        // Back within an exchange, and then on from there.
        (at(2), Some(at(-2 * HOUR))),
        (at(-2 * HOUR + 1), Some(at(-2 * HOUR + 2))),
        // Forth within one, and then back to the same second once more.
        (at(-2 * HOUR + 3), Some(at(0))),
        (at(0), Some(at(0))),
        (zero, Some(at(5))),
        (at(6), Some(zero)),
        (zero - Duration::from_secs(60), Some(zero)),
        (beyond, Some(beyond + Duration::from_secs(1))),
        (at(7), Some(beyond)),
        (at(8), None),
    ]
}

fn entries((number, (begun, ended)): (u64, (SystemTime, Option<SystemTime>))) -> Vec<Entry> {
    let flow = FlowId(number);
    let entry = |at, event| Entry { at, flow, event };
    let mut entries = vec![entry(begun, opened()), entry(begun, request(number))];
    if let Some(ended) = ended {
        entries.extend(answered(number, 200, "text").map(|event| entry(ended, event)));
        entries.push(entry(ended, Event::Closed(Closed::default())));
    }
    entries
}

#[test]
fn a_clock_that_jumps_loses_nothing_and_makes_nothing_negative() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let orders = ["time", "time:desc", "duration", "duration:desc", "size", "url:desc"].map(order);
    let filters = [
        "~all",
        "~since 2026-01-01T00:00:00Z",
        "!~since 2026-01-01T00:00:00Z",
        "~since 1h",
        "~since 1969-12-31T23:59:30Z",
        "~time>=0ms",
        "~time<1ms",
        "~time>1h",
        "~time>1h ~b text",
        "!~time>1h | ~since 2262-04-11T00:00:00Z",
    ];
    // What is followed, and what is opened anew, come to what a look at all records does.
    let mut followed: Vec<_> = filters
        .iter()
        .map(|text| {
            let mut list = List::open(&path).unwrap();
            list.set_filter(Some(Filter::parse(text, at(60)).unwrap())).unwrap();
            list
        })
        .collect();
    let mut recorded = 0;
    for jump in (1..).zip(jumps()) {
        for entry in entries(jump) {
            assert_eq!(session.writer().record(&entry), Recorded::Accepted);
            recorded += 1;
        }
        settle(&path, recorded);
        for (list, text) in followed.iter_mut().zip(filters) {
            update(list);
            let filter = Filter::parse(text, at(60)).unwrap();
            let mut anew = List::open(&path).unwrap();
            anew.set_filter(Some(filter.clone())).unwrap();
            update(&mut anew);
            for order in orders {
                let expected = expected(&path, Some(&filter), order);
                for list in [&mut *list, &mut anew] {
                    list.order_by(order);
                    let drawn: Vec<_> = list.window(0..99).map(|line| Drawn::of(&line)).collect();
                    assert_eq!(drawn, expected, "{text} by {order:?}");
                }
            }
        }
    }
    session.close().unwrap();
    let mut list = List::open(&path).unwrap();
    let numbers = |list: &List| -> Vec<_> {
        let line = list.window(0..99).map(|line| line.id.exchange.unwrap_or(ExchangeId(0)).0);
        line.collect()
    };
    assert_eq!(numbers(&list), [8, 6, 3, 4, 1, 5, 2, 7, 10, 11, 9]);
    list.order_by(order("duration"));
    // Where the clock was set back nothing is known but that it took no negative time; a time
    // beyond what a session can tell is the last that it can.
    assert_eq!(numbers(&list), [2, 5, 7, 9, 1, 3, 8, 4, 6, 10, 11]);
    let took: Vec<_> = list.window(0..99).map(|line| line.duration()).collect();
    assert_eq!(took[..4], [Some(Duration::ZERO); 4]);
    assert_eq!(took[10], None);
}
