//! A list that follows a session, beside one that is filtered and sorted anew each time.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sidestream_filter::Filter;
use sidestream_list::{Change, Column, Line, LineId, List, Order, Step, selects};
use sidestream_record::{Book, Closed, Entry, Event, Finished, Recorded, Sink};
use sidestream_store::{Listed, Reader, Session, TEXT_BYTES};
use sidestream_testkit::sessions::{filter, session, start};

/// What of a line is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) id: LineId,
    started: SystemTime,
    ended: Option<SystemTime>,
    process: Option<(String, u32)>,
    method: Option<String>,
    url: Option<String>,
    status: Option<u16>,
    bytes: [u64; 2],
    failure: Option<String>,
}

impl Drawn {
    pub(crate) fn of(line: &Line<'_>) -> Self {
        Self {
            id: line.id,
            started: line.started,
            ended: line.ended,
            process: line.process.map(|process| (process.name.to_owned(), process.pid)),
            method: line.method.map(str::to_owned),
            url: line.url.map(str::to_owned),
            status: line.status,
            bytes: [line.request_bytes, line.response_bytes],
            failure: line.failure.map(str::to_owned),
        }
    }

    fn listed(line: &Listed) -> Self {
        let process = line.process.as_deref().map(|process| {
            let (name, pid) = process.strip_suffix(']').unwrap().rsplit_once('[').unwrap();
            (name.to_owned(), pid.parse().unwrap())
        });
        Self {
            id: LineId { flow: line.flow, exchange: line.exchange },
            started: line.started,
            ended: line.ended,
            process,
            method: line.method.clone(),
            url: line.url.clone(),
            status: line.status,
            bytes: [line.request_bytes, line.response_bytes],
            failure: line.failure.clone(),
        }
    }

    fn compare(&self, other: &Self, by: Column) -> Ordering {
        fn last<T: Ord>(a: Option<&T>, b: Option<&T>) -> Ordering {
            a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
        }
        let took =
            |it: &Self| it.ended.map(|end| end.duration_since(it.started).unwrap_or_default());
        let sum = |it: &Self| it.bytes[0] + it.bytes[1];
        let first = match by {
            Column::Duration => last(took(self).as_ref(), took(other).as_ref()),
            Column::Method => last(self.method.as_ref(), other.method.as_ref()),
            Column::Process => last(self.process.as_ref(), other.process.as_ref()),
            Column::Size => sum(self).cmp(&sum(other)),
            Column::Status => last(self.status.as_ref(), other.status.as_ref()),
            Column::Time => self.started.cmp(&other.started),
            Column::Url => last(self.url.as_ref(), other.url.as_ref()),
            _ => unreachable!(),
        };
        first.then_with(|| self.id.cmp(&other.id))
    }
}

/// Lists a session as it is now, by its records and nothing that is remembered.
pub(crate) fn expected(path: &Path, filter: Option<&Filter>, order: Order) -> Vec<Drawn> {
    let reader = Reader::open(path).unwrap();
    let mut selected = HashSet::new();
    let mut see = |mut finished: Finished| {
        reader.note(&mut finished).unwrap();
        if filter.is_none_or(|filter| selects(filter, &finished)) {
            match finished {
                Finished::Exchange(flow, exchange) => {
                    selected.insert(LineId { flow: flow.id, exchange: Some(exchange.id) });
                }
                Finished::Flow(flow) => {
                    selected.insert(LineId { flow: flow.id, exchange: None });
                }
                _ => {}
            }
        }
    };
    let mut book = Book::keeping(TEXT_BYTES);
    let mut last = SystemTime::UNIX_EPOCH;
    for entry in reader.entries(..).map(Result::unwrap) {
        last = entry.at;
        book.apply(&entry).into_iter().for_each(&mut see);
    }
    let open: Vec<_> = book.open_flows().map(|flow| (flow.id, flow.data_bytes)).collect();
    for (flow, [received, sent]) in open {
        let event = Event::Closed(Closed { received, sent, failure: None });
        book.apply(&Entry { at: last, flow, event }).into_iter().for_each(&mut see);
    }
    let all = Filter::parse("~all", start()).unwrap();
    let mut lines = Vec::new();
    reader
        .list(&all.selection(), |line| {
            lines.push(Drawn::listed(&line));
            true
        })
        .unwrap();
    lines.retain(|line| selected.contains(&line.id));
    lines.sort_by(|a, b| a.compare(b, order.by));
    if order.descending {
        lines.reverse();
    }
    lines
}

/// What a user interface keeps: lines as they were drawn, and gaps where they are to be.
#[derive(Debug, Default)]
pub(crate) struct Screen(pub(crate) Vec<Option<Drawn>>);

impl Screen {
    /// Draws all anew.
    pub(crate) fn draw(&mut self, list: &List) {
        self.0 = list.window(0..usize::MAX).map(|line| Some(Drawn::of(&line))).collect();
    }

    /// Takes changes up, and checks that what was not told of is as it was drawn.
    #[track_caller]
    pub(crate) fn apply(&mut self, changes: &[Change], list: &List) {
        for change in changes {
            if let Step::Removed { at } = change.step
                && let Some(drawn) = &self.0[at]
            {
                assert_eq!(drawn.id, change.id);
            }
            match change.step {
                Step::Changed { at } => self.0[at] = None,
                Step::Inserted { at } => self.0.insert(at, None),
                Step::Moved { from, to } => {
                    self.0.remove(from);
                    self.0.insert(to, None);
                }
                Step::Removed { at } => _ = self.0.remove(at),
            }
        }
        assert_eq!(self.0.len(), list.len(), "{changes:?}");
        for (place, drawn) in self.0.iter().enumerate() {
            let line = list.get(place).unwrap();
            assert_eq!(list.place_of(line.id), Some(place));
            if let Some(drawn) = drawn {
                assert_eq!(drawn, &Drawn::of(&line), "{place}: {changes:?}");
            }
        }
        self.draw(list);
    }

    pub(crate) fn lines(&self) -> Vec<Drawn> {
        self.0.iter().flatten().cloned().collect()
    }
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    (select(Column::ALL.to_vec()), any::<bool>())
        .prop_map(|(by, descending)| Order { by, descending })
}

/// Waits until so many entries are committed.
pub(crate) fn settle(path: &Path, entries: u64) {
    let reader = Reader::open(path).unwrap();
    while reader.last().unwrap().map_or(0, |seq| seq.0) < entries {
        std::thread::sleep(Duration::from_millis(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_that_follows_is_as_one_made_anew(
        entries in session(),
        // After so many entries a look, and perhaps another filter or order.
        steps in vec((1..30_usize, option::of(option::of(filter())), option::of(order())), 1..6),
        most in 1..40_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.session");
        let session = Session::create(&path).unwrap();
        let mut list = List::open(&path).unwrap();
        let (mut screen, mut changes) = (Screen::default(), Vec::new());
        let now = start() + Duration::from_secs(15);
        let mut filter = None;
        let mut recorded = 0;
        let mut left = entries.iter().peekable();
        for (count, text, order) in steps {
            for entry in left.by_ref().take(count) {
                prop_assert_eq!(session.writer().record(entry), Recorded::Accepted);
                recorded += 1;
            }
            settle(&path, recorded);
            if let Some(text) = text {
                filter = text.map(|text| Filter::parse(&text, now).unwrap());
                list.set_filter(filter.clone()).unwrap();
                screen.draw(&list);
            }
            if let Some(order) = order {
                list.order_by(order);
                screen.draw(&list);
            }
            changes.clear();
            while !list.update(most, &mut changes).unwrap() {}
            prop_assert!(!list.is_behind().unwrap());
            screen.apply(&changes, &list);
            prop_assert_eq!(
                screen.lines(),
                expected(&path, filter.as_ref(), list.order()),
                "{:?}", filter.map(|filter| filter.to_string())
            );
        }
        drop(list);
        session.close().unwrap();
    }
}
