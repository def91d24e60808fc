//! A list whose lines are marked by somebody else while it is open.

use std::time::SystemTime;

use sidestream_filter::Filter;
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_list::{LineId, List, Step};
use sidestream_record::{Annotation, Entry, Event};
use sidestream_store::append;

use crate::live::{Growing, answered, opened, place, request, update};
use crate::model::expected;

#[test]
fn lines_come_and_go_by_what_is_noted_of_them() {
    let (_folder, path) = place();
    let mut growing = Growing::begin(&path);
    growing.record(1, [opened(), request(1)].into_iter().chain(answered(1, 200, "a needle")));
    growing.record(1, [request(2)].into_iter().chain(answered(2, 200, "hay")));
    growing.record(2, [opened()]);
    growing.session.close().unwrap();
    let line = |flow, exchange: u64| LineId {
        flow: FlowId(flow),
        exchange: (exchange > 0).then_some(ExchangeId(exchange)),
    };
    let note = |id: LineId, annotation| {
        let event = Event::Annotated { exchange: id.exchange, annotation: Box::new(annotation) };
        append(&path, &[Entry { at: SystemTime::now(), flow: id.flow, event }]).unwrap();
    };
    let marked = |text: &str| Annotation::Marker(text.into());
    let mut list = List::open(&path).unwrap();
    let select = |list: &mut List, text: &str| {
        list.set_filter(Some(Filter::parse(text, SystemTime::now()).unwrap())).unwrap();
        update(list);
    };
    let lines = |list: &List| list.window(0..9).map(|line| line.id).collect::<Vec<_>>();
    let (first, second, bare) = (line(1, 1), line(1, 2), line(2, 0));

    select(&mut list, "~marked");
    assert!(list.is_empty());
    note(second, marked("red"));
    assert!(list.is_behind().unwrap());
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    note(first, marked("blue"));
    note(bare, marked("blue"));
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }, Step::Inserted { at: 2 }]);
    assert_eq!(lines(&list), [first, second, bare]);
    // It is drawn with the line.
    note(second, Annotation::Comment("look".into()));
    assert_eq!(update(&mut list), [Step::Changed { at: 1 }]);
    note(first, marked(""));
    assert_eq!(update(&mut list), [Step::Removed { at: 0 }]);

    select(&mut list, "!~marker red");
    assert_eq!(lines(&list), [first, bare]);
    note(bare, marked("red"));
    assert_eq!(update(&mut list), [Step::Removed { at: 1 }]);

    // What the records tell is asked once the notes want it.
    let text = "~comment look & ~bs hay | ~meta ^owner & ~bs needle";
    select(&mut list, text);
    assert_eq!(lines(&list), [second]);
    let owner = |value: Option<&str>| Annotation::Metadata {
        key: "owner".into(),
        value: value.map(Into::into),
    };
    note(first, owner(Some("ann")));
    assert_eq!(update(&mut list), [Step::Inserted { at: 0 }]);
    let filter = Filter::parse(text, SystemTime::now()).unwrap();
    assert_eq!(expected(&path, Some(&filter), list.order()).len(), 2);
    note(first, owner(None));
    note(second, Annotation::Comment("away".into()));
    assert_eq!(update(&mut list), [Step::Removed { at: 0 }, Step::Removed { at: 0 }]);
    assert!(!list.is_behind().unwrap());
}
