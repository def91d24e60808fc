//! How losses are found and repaired, segment by segment.

use std::time::Duration;

use sidestream_netstack::Config;

use crate::hand::{Hand, ROUND_TRIP};

/// A stream of which ten segments of 1,000 bytes are under way.
fn under_way(config: Config, knows_options: bool) -> Hand {
    let mut hand = Hand::open(config, knows_options);
    hand.write(10_000);
    assert_eq!(hand.sent().len(), 10);
    hand.now += ROUND_TRIP;
    hand
}

fn ten() -> Hand {
    under_way(Config::default(), true)
}

const NOTHING: [&str; 0] = [];

#[test]
fn all_that_is_missing_is_sent_again_at_once_and_nothing_else() {
    let mut hand = ten();
    hand.acknowledge(1000, &[(6000, 10_000), (4000, 5000), (2000, 3000)]);
    assert_eq!(hand.sent(), ["1000..2000", "3000..4000", "5000..6000"]);
    assert_eq!(hand.stack.counters().repeated_out, 3);
}

#[test]
fn what_is_missing_is_sent_again_once_a_round_trip() {
    let mut hand = ten();
    for to in [5000, 6000, 7000, 8000, 9000, 10_000] {
        hand.acknowledge(1000, &[(2000, to)]);
        let expected: &[&str] = if to == 5000 { &["1000..2000"] } else { &[] };
        assert_eq!(hand.sent(), expected);
    }
}

#[test]
fn what_was_sent_again_and_lost_again_is_sent_again() {
    let mut hand = ten();
    hand.acknowledge(0, &[(1000, 10_000)]);
    assert_eq!(hand.sent(), ["0..1000"]);
    hand.write(3000);
    assert_eq!(hand.sent(), ["10000..11000", "11000..12000", "12000..13000"]);
    hand.now += ROUND_TRIP * 2;
    hand.acknowledge(0, &[(1000, 13_000)]);
    assert_eq!(hand.sent(), ["0..1000"]);
}

#[test]
fn a_segment_that_is_only_overtaken_is_waited_for() {
    let mut hand = ten();
    hand.acknowledge(0, &[(1000, 2000)]);
    assert_eq!(hand.sent(), NOTHING);
    hand.acknowledge(10_000, &[]);
    assert_eq!(hand.pass(Duration::from_secs(1)), NOTHING);
    assert_eq!(hand.stack.counters().repeated_out, 0);
}

#[test]
fn who_has_overtaken_once_is_waited_for_later() {
    let mut hand = ten();
    hand.acknowledge(0, &[(2000, 3000)]);
    hand.acknowledge(0, &[(2000, 3000), (1000, 2000)]);
    // The second came after the third: others may too.
    hand.acknowledge(0, &[(1000, 9000)]);
    assert_eq!(hand.sent(), NOTHING);
    assert_eq!(hand.pass(ROUND_TRIP), ["0..1000"]);
}

#[test]
fn the_end_of_what_was_sent_is_asked_for_before_all_is_taken_for_lost() {
    let mut hand = ten();
    hand.acknowledge(8000, &[]);
    assert_eq!(hand.pass(Duration::from_millis(69)), NOTHING);
    assert_eq!(hand.pass(Duration::from_millis(2)), ["9000..10000"]);
    assert_eq!(hand.stack.counters().tail_probes, 1);
    hand.now += ROUND_TRIP;
    hand.acknowledge(8000, &[(9000, 10_000)]);
    assert_eq!(hand.pass(ROUND_TRIP), ["8000..9000"]);
    assert_eq!(hand.stack.counters().silences, 0);
}

#[test]
fn in_silence_one_segment_is_sent_ever_more_rarely() {
    let mut hand = ten();
    let sent = hand.pass(Duration::from_secs(60));
    assert_eq!(sent[0], "9000..10000");
    assert!(sent[1..].iter().all(|line| line == "0..1000"), "{sent:?}");
    assert!((8..=10).contains(&sent.len()), "{sent:?}");
    // As soon as the way is open again, the rest follows, and faster and faster.
    hand.acknowledge(1000, &[]);
    assert_eq!(hand.sent(), ["1000..2000", "2000..3000"]);
    hand.now += ROUND_TRIP;
    hand.acknowledge(3000, &[]);
    assert_eq!(hand.sent(), ["3000..4000", "4000..5000", "5000..6000", "6000..7000"]);
}

#[test]
fn a_client_that_acknowledges_in_order_only_gets_one_segment_a_round_trip() {
    let mut hand = under_way(Config::default(), false);
    hand.acknowledge(1000, &[]);
    for expected in [&[][..], &[], &["1000..2000"], &[], &[]] {
        hand.acknowledge(1000, &[]);
        assert_eq!(hand.sent(), expected);
    }
    hand.now += ROUND_TRIP;
    hand.acknowledge(4000, &[]);
    assert_eq!(hand.sent(), ["4000..5000"]);
    hand.now += ROUND_TRIP;
    hand.acknowledge(10_000, &[]);
    assert_eq!(hand.pass(Duration::from_secs(5)), NOTHING);
}

#[test]
fn a_lost_end_of_a_half_is_sent_again() {
    let mut hand = Hand::open(Config::default(), true);
    hand.write(1000);
    hand.stack.shutdown(hand.id, hand.now);
    assert_eq!(hand.sent(), ["0..1001 fin"]);
    assert_eq!(hand.pass(Duration::from_millis(400)), ["1..1001 fin", "0..1000"]);
    hand.acknowledge(1000, &[]);
    assert_eq!(hand.sent(), ["1000..1001 fin"]);
    assert_eq!(hand.pass(Duration::from_millis(250)), ["1000..1001 fin"]);
}

#[test]
fn a_client_is_told_what_came_out_of_order_the_last_first() {
    let mut hand = Hand::open(Config::default(), true);
    let mut told = Vec::new();
    for from in [1000, 3000, 5000, 7000, 9000] {
        hand.send(from, from + 1000);
        told.extend(hand.sent());
    }
    assert_eq!(told[0], "ack 0 1000..2000");
    assert_eq!(told[4], "ack 0 9000..10000 7000..8000 5000..6000 3000..4000");
    hand.send(2000, 3000);
    assert_eq!(hand.sent(), ["ack 0 1000..4000 9000..10000 7000..8000 5000..6000"]);
    hand.send(0, 1000);
    assert_eq!(hand.sent(), ["ack 4000 9000..10000 7000..8000 5000..6000"]);
}

#[test]
fn a_client_is_told_what_came_twice() {
    let mut hand = Hand::open(Config::default(), true);
    hand.send(0, 1000);
    assert_eq!(hand.sent(), ["ack 1000"]);
    hand.send(0, 1000);
    assert_eq!(hand.sent(), ["ack 1000 0..1000"]);
    hand.send(3000, 4000);
    hand.send(3000, 4000);
    assert_eq!(hand.sent(), ["ack 1000 3000..4000", "ack 1000 3000..4000 3000..4000"]);
}

#[test]
fn no_more_out_of_order_is_kept_and_told_than_there_is_room_for() {
    let mut hand = Hand::open(Config::default(), true);
    for index in 0..40 {
        hand.send(1000 + index * 20, 1010 + index * 20);
    }
    let told = hand.sent();
    assert!(told[29].starts_with("ack 0 1580..1590 "), "{told:?}");
    assert_eq!(told.len(), 30);
    assert_eq!(hand.stack.counters().out_of_place, 10);
    // The rest of the way is repaired as for any loss.
    hand.send(0, 1810);
    assert_eq!(hand.sent(), ["ack 1810"]);
}

#[test]
fn with_congestion_control_sending_begins_slowly_and_slows_down_at_a_loss() {
    let mut hand = Hand::open(Config { congestion_control: true, ..Config::default() }, true);
    hand.write(30_000);
    assert_eq!(hand.sent().len(), 10, "the first window");
    hand.now += ROUND_TRIP;
    hand.acknowledge(2 * 992, &[]);
    let sent = hand.sent();
    assert_eq!(sent, ["9920..10912", "10912..11904", "11904..12896", "12896..13888"]);
    // Of fourteen one is lost: no more than seven tenths of the window are under way from then on.
    hand.acknowledge(2 * 992, &[(3 * 992, 14 * 992)]);
    assert_eq!(hand.sent()[0], "1984..2976");
    assert!(hand.stack.counters().repeated_out == 1);
}

#[test]
fn what_a_client_acknowledges_is_heard_though_its_own_data_has_no_room() {
    for is_announced in [false, true] {
        let mut hand = Hand::open(Config::default(), true);
        // The server does not read.
        let mut from = 0;
        while hand.send_and_tell(from, from + 1000) {
            from += 1000;
        }
        let len = hand.fill();
        assert_eq!(hand.sent().last().unwrap().split("..").nth(1), Some(&*len.to_string()));
        assert_eq!(hand.fill(), 0);
        hand.now += ROUND_TRIP;
        // What it acknowledges stands behind what had no room.
        hand.has_sent = from + 1000;
        if is_announced {
            hand.send(from, from + 1000);
        }
        hand.acknowledge(len, &[]);
        assert!(hand.fill() > 0, "there is room again");
        let sent = hand.sent();
        assert!(sent.iter().any(|line| line.starts_with(&format!("{len}.."))), "{sent:?}");
        assert_eq!(hand.stack.counters().repeated_out, 0);
    }
}
