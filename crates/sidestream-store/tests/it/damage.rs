//! A session that was cut or changed anywhere: what is read is what was recorded, or an error.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use sidestream_filter::Filter;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Annotation, Entry, Event, Part, Recorded, Sink};
use sidestream_store::{Listed, OpenError, ReadError, Reader, Seq, Session, append, index};

use crate::play::{EXCHANGE, body, closed, ended, entry, opened, place, request, response};

const SECOND: ExchangeId = ExchangeId(2);

/// A body, and where it has gaps.
type Body = (Vec<u8>, Vec<Range<usize>>);

/// What a session has, as far as it can be read.
#[derive(Debug, Default, PartialEq)]
struct Held {
    entries: BTreeMap<Seq, Entry>,
    bodies: BTreeMap<(ExchangeId, bool), Body>,
    list: Vec<Listed>,
    finds: bool,
}

/// Text that zstd makes short, but not the same everywhere.
fn text(len: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|number: u32| format!("line {} of it\n", number / 50).into_bytes());
    lines.take(len).collect()
}

/// Makes a small session with one of each: a body in a block, one in chunks and beside them, a
/// message, notes and noted text.
fn record(path: &Path) {
    let session = Session::create(path).unwrap();
    let upload = Event::Body { exchange: SECOND, part: Part::Request, data: "a needle".into() };
    let events = [
        opened(),
        request(EXCHANGE),
        response(EXCHANGE, 200),
        body(EXCHANGE, text(2 * 64 * 1024 + 100)),
        ended(EXCHANGE),
        request(SECOND),
        upload,
        response(SECOND, 404),
        body(SECOND, "not found"),
        ended(SECOND),
        Event::Data { message: MessageId(1), from: Peer::Client, data: text(20_000).into() },
        closed(),
    ];
    for (at, event) in (0..).zip(events) {
        assert_eq!(session.writer().record(&entry(at, event)), Recorded::Accepted);
    }
    session.close().unwrap();
    let annotation = Box::new(Annotation::Comment("look at this".into()));
    append(path, &[entry(99, Event::Annotated { exchange: Some(SECOND), annotation })]).unwrap();
    index(path).unwrap();
}

/// Reads a body over its gaps, which are zeros in what is returned, and where they are.
fn read_body(reader: &Reader, exchange: ExchangeId, part: Part) -> Body {
    let (mut whole, mut gaps) = (Vec::new(), Vec::new());
    let mut body = reader.body(exchange, part);
    for _ in 0..100 {
        let Err(error) = body.read_to_end(&mut whole) else { return (whole, gaps) };
        let error = error.get_ref().and_then(|error| error.downcast_ref::<ReadError>());
        match error {
            Some(ReadError::Missing { bytes, .. } | ReadError::Dropped { bytes, .. })
                if (1..10_000_000).contains(bytes) =>
            {
                let begin = whole.len();
                whole.resize(begin + usize::try_from(*bytes).unwrap(), 0);
                gaps.push(begin..whole.len());
            }
            _ => {
                gaps.push(whole.len()..usize::MAX);
                return (whole, gaps);
            }
        }
    }
    panic!("the body has no end")
}

/// What is wrong, where it is told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    errors: Vec<String>,
    problems: Vec<String>,
}

/// Reads all there is, by all ways.
fn read(reader: &Reader) -> (Held, Told) {
    let (mut held, mut told) = (Held::default(), Told::default());
    let mut entries = reader.entries(..);
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => _ = held.entries.insert(entries.seq().unwrap(), entry),
            Err(error) => told.errors.push(error.to_string()),
        }
        assert!(told.errors.len() < 5000, "the entries have no end");
    }
    for exchange in [EXCHANGE, SECOND] {
        for (part, is_request) in [(Part::Request, true), (Part::Response, false)] {
            let body = read_body(reader, exchange, part);
            told.errors.extend(body.1.iter().map(|gap| format!("missing {gap:?}")));
            held.bodies.insert((exchange, is_request), body);
        }
    }
    let filter = |text| Filter::parse(text, SystemTime::UNIX_EPOCH).unwrap();
    let listed = reader.list(&filter("~all").selection(), |line| {
        held.list.push(line);
        held.list.len() < 1000
    });
    told.errors.extend(listed.err().map(|error| error.to_string()));
    match reader.wanted(&filter("~b needle")) {
        Ok(wanted) => {
            held.finds = wanted.is_none_or(|wanted| wanted.contains(SECOND));
        }
        Err(error) => told.errors.push(error.to_string()),
    }
    match reader.verify() {
        Ok(verified) => told.problems = verified.problems,
        Err(error) => told.problems.push(error.to_string()),
    }
    (held, told)
}

/// Which process a flow is of stands in the list alone, and has no check.
fn without_process(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Event::Opened(opened) = &mut entry.event {
        opened.process = None;
    }
    entry
}

fn of_no_process(line: &Listed) -> Listed {
    let mut line = line.clone();
    line.process = None;
    line
}

/// Says what is read that was not recorded, and what is wrong or missing without a word.
fn defects(path: &Path, whole: &Held) -> Vec<String> {
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(OpenError::Io { source, .. }) => return vec![format!("an error of files: {source}")],
        Err(_) => return Vec::new(),
    };
    let (held, told) = read(&reader);
    let mut defects = Vec::new();
    for (seq, entry) in &held.entries {
        let expected = whole.entries.get(seq);
        if expected.map(without_process) != Some(without_process(entry)) {
            defects.push(format!("entry {seq} is {entry:?} for {expected:?}"));
        }
    }
    let is_whole = held.bodies == whole.bodies
        && held.entries.keys().eq(whole.entries.keys())
        && held.list.iter().map(of_no_process).eq(whole.list.iter().map(of_no_process))
        && held.finds == whole.finds;
    if told.problems.is_empty() && !(is_whole && told.errors.is_empty()) {
        defects.push(format!("it is said to be sound: {held:.200?}\n{:?}", told.errors));
    }
    defects
}

/// Makes a session, and returns its bytes with what it has.
fn made(path: &Path) -> (Vec<u8>, Held) {
    record(path);
    let (whole, told) = read(&Reader::open(path).unwrap());
    assert_eq!(told, Told::default());
    (fs::read(path).unwrap(), whole)
}

/// How many bytes of those that are looked at are passed over: none where SIDESTREAM_DAMAGE is set,
/// which takes minutes.
fn step(usual: usize) -> usize {
    if std::env::var_os("SIDESTREAM_DAMAGE").is_some() { 1 } else { usual }
}

/// Where something stands: what is zero among zeros is room that is not used.
fn used(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let around = |at: usize| &bytes[at.saturating_sub(1)..(at + 2).min(bytes.len())];
    (0..bytes.len()).filter(move |at| around(*at).iter().any(|byte| *byte != 0))
}

fn flipped(at: usize, byte: u8) -> u8 {
    byte ^ if at.is_multiple_of(3) { 0xff } else { 1 << (at % 8) }
}

#[test]
fn of_a_session_with_a_byte_changed_nothing_is_read_that_was_not_recorded() {
    let (_folder, path) = place();
    let (bytes, whole) = made(&path);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for at in used(&bytes).step_by(step(23)) {
        file.write_all_at(&[flipped(at, bytes[at])], at as u64).unwrap();
        let found = defects(&path, &whole);
        assert!(found.is_empty(), "byte {at}: {found:#?}");
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
}

#[test]
fn a_session_cut_at_any_byte_is_an_error() {
    let (_folder, path) = place();
    let (bytes, _) = made(&path);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    // Every byte near the ends of pages, where SQLite looks, and a sample of the others.
    let is_near = |len: usize| (len + 4) % 8192 < 9;
    let step = step(13);
    for len in (0..bytes.len()).rev().filter(|len| is_near(*len) || len.is_multiple_of(step)) {
        file.set_len(len as u64).unwrap();
        let error = Reader::open(&path).unwrap_err();
        let fits = matches!(error, OpenError::NotASession { .. } | OpenError::Corrupt { .. });
        assert!(fits, "{len}: {error}");
    }
}

#[test]
fn a_damaged_session_that_is_not_continued_is_left_as_it_was() {
    let (folder, path) = place();
    let (bytes, whole) = made(&path);
    let later = entry(1000, opened());
    for at in used(&bytes).step_by(step(401)) {
        let mut damaged = bytes.clone();
        damaged[at] = flipped(at, bytes[at]);
        fs::write(&path, &damaged).unwrap();
        match Session::create(&path) {
            Err(error) => {
                assert!(fs::read(&path).unwrap() == damaged, "{at}: changed, and {error}");
            }
            Ok(session) => {
                assert_eq!(session.writer().record(&later), Recorded::Accepted);
                // What cannot be written is told; what was read before still is.
                let is_written = session.close().is_ok();
                let Ok(reader) = Reader::open(&path) else { continue };
                let read: Vec<_> = reader.entries(..).take(5000).collect();
                // Behind what SQLite cannot read nothing is read.
                let is_cut = matches!(read.last(), Some(Err(ReadError::Storage(_))));
                let read: Vec<_> = read.into_iter().flatten().collect();
                let mut expected = whole.entries.values().map(without_process).collect::<Vec<_>>();
                expected.push(without_process(&later));
                let read: Vec<_> = read.iter().map(without_process).collect();
                let is_known = |entry: &Entry| expected.contains(entry);
                assert!(read.iter().all(is_known), "{at}: {read:?}");
                let is_whole = read.last() == expected.last();
                assert!(!is_written || is_cut || is_whole, "{at}: {read:?}");
            }
        }
        for left in folder.path().read_dir().unwrap() {
            drop(fs::remove_file(left.unwrap().path()));
        }
    }
}

#[test]
fn a_flow_that_its_list_lacks_is_damaged_and_not_of_no_process() {
    let (_folder, path) = place();
    record(&path);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("DELETE FROM flow", []).unwrap();
    drop(connection);
    let entries: Vec<_> = Reader::open(&path).unwrap().entries(..).collect();
    let damaged = entries.iter().filter_map(|entry| entry.as_ref().err()).collect::<Vec<_>>();
    let [ReadError::Damaged { seq: Seq(1), .. }] = damaged[..] else { panic!("{damaged:?}") };
}
