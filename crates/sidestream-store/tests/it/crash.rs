//! A recording that is killed loses no commit.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::LazyLock;

use sidestream_flow::ExchangeId;
use sidestream_record::{Recorded, Sink};
use sidestream_store::{Reader, Session};

use crate::play::{
    body, child, child_argument, closed, entry, opened, place, read_all, request, wait_until,
};

const TEST: &str = "crash::a_killed_recording_is_readable_up_to_its_last_commit";

const LARGE: &str = "crash::a_recording_of_large_bodies_that_is_killed_at_any_time_is_whole";

/// A body that makes chunks which do not shrink, and a piece beside them.
fn large(number: u64) -> Vec<u8> {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let words = (0..17_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        words.flat_map(|word| (word ^ word >> 32).wrapping_mul(word | 1).to_le_bytes()).collect()
    });
    let mut body = NOISE.clone();
    body.chunks_mut(4096).for_each(|page| page[..8].copy_from_slice(&number.to_le_bytes()));
    body
}

/// Records bodies as fast as they are taken, without end: some transactions are under way at any
/// time.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn record_large_until_killed(path: &std::path::Path) {
    let session = Session::create(path).unwrap();
    let recorder = session.writer();
    assert_eq!(recorder.record(&entry(0, opened())), Recorded::Accepted);
    for number in 1.. {
        wait_until("room", || recorder.backlog_bytes() < 40 * 1024 * 1024);
        let recorded = recorder.record(&entry(number, body(ExchangeId(number), large(number))));
        assert_eq!(recorded, Recorded::Accepted);
        if number % 50 == 0 {
            println!("recorded {number}");
        }
    }
}

/// Records without end, and says what was committed, read back over the file.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn record_until_killed(path: &std::path::Path) {
    let session = Session::create(path).unwrap();
    let recorder = session.writer();
    assert_eq!(recorder.record(&entry(0, opened())), Recorded::Accepted);
    for number in 1.. {
        let exchange = ExchangeId(number);
        assert_eq!(recorder.record(&entry(number, request(exchange))), Recorded::Accepted);
        assert_eq!(
            recorder.record(&entry(number, body(exchange, vec![9; 999]))),
            Recorded::Accepted
        );
        if number % 1000 == 0 {
            wait_until("written", || recorder.backlog_bytes() == 0);
            println!("committed {}", 1 + 2 * number);
        }
    }
}

#[test]
fn a_killed_recording_is_readable_up_to_its_last_commit() {
    if let Some(path) = child_argument() {
        return record_until_killed(&path);
    }
    let (_folder, path) = place();
    let mut recording = child(TEST, &path).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(recording.stdout.take().unwrap()).lines().map(Result::unwrap);
    let committed = lines.filter_map(|line| line.strip_prefix("committed ")?.parse::<usize>().ok());
    let committed = committed.take(5).last().unwrap();
    recording.kill().unwrap();
    recording.wait().unwrap();

    let reader = Reader::open(&path).unwrap();
    let entries = read_all(&reader);
    assert!(entries.len() >= committed, "{} of {committed}", entries.len());
    assert_eq!(entries[0], entry(0, opened()));
    for (number, pair) in (1..).zip(entries[1..].chunks(2)) {
        assert_eq!(pair[0], entry(number, request(ExchangeId(number))));
        if let Some(second) = pair.get(1) {
            assert_eq!(*second, entry(number, body(ExchangeId(number), vec![9; 999])));
        }
    }
    assert!(!reader.contents().unwrap().closed);
    drop(reader);

    // It can be continued, and is one file again afterwards.
    let session = Session::create(&path).unwrap();
    assert_eq!(session.writer().record(&entry(1, closed())), Recorded::Accepted);
    assert!(session.close().unwrap().one_file);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.entries(..).count(), entries.len() + 1);
    assert!(!reader.contents().unwrap().closed, "the killed recording stays marked");
}

#[test]
fn a_recording_of_large_bodies_that_is_killed_at_any_time_is_whole() {
    if let Some(path) = child_argument() {
        return record_large_until_killed(&path);
    }
    for lines in [8, 11] {
        let (_folder, path) = place();
        let mut recording = child(LARGE, &path).stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(recording.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(told.filter(|line| line.starts_with("recorded")).take(lines).count(), lines);
        recording.kill().unwrap();
        recording.wait().unwrap();

        let reader = Reader::open(&path).unwrap();
        let verified = reader.verify().unwrap();
        assert!(verified.is_sound(), "{:?}", verified.problems);
        let entries = reader.entries(..).map(Result::unwrap);
        let mut count = 0;
        for (number, read) in (0..).zip(entries) {
            match number {
                0 => assert_eq!(read, entry(0, opened())),
                _ => assert!(read == entry(number, body(ExchangeId(number), large(number)))),
            }
            count += 1;
        }
        // Of what was recorded 40 MiB may have waited.
        assert!(count + 350 > 50 * lines, "{count} of {}", 50 * lines);
    }
}

#[test]
fn what_is_recorded_can_be_read_without_a_close_or_more_entries() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    for count in 1..20 {
        assert_eq!(session.writer().record(&entry(count, opened())), Recorded::Accepted);
        wait_until("read", || reader.last().unwrap().is_some_and(|last| last.0 == count));
    }
}

#[test]
fn a_reader_in_the_way_of_the_close_does_no_harm() {
    let (folder, path) = place();
    let session = Session::create(&path).unwrap();
    let entries = [entry(0, opened()), entry(1, closed())];
    entries.iter().for_each(|entry| assert_eq!(session.writer().record(entry), Recorded::Accepted));
    let reader = Reader::open(&path).unwrap();
    assert!(!session.close().unwrap().one_file);
    assert_eq!(read_all(&reader), entries);
    assert!(reader.contents().unwrap().closed);
    drop(reader);
    assert_eq!(read_all(&Reader::open(&path).unwrap()), entries);

    assert!(Session::create(&path).unwrap().close().unwrap().one_file);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    assert_eq!(read_all(&Reader::open(&path).unwrap()), entries);
}
