//! What SQL makes of filters.

use std::fmt::Write;

use insta::assert_snapshot;
use sidestream_filter::{Condition, Filter};

use crate::sample::new_year;

fn shown(name: &str, condition: &Condition) -> String {
    let Condition { text, values, exact } = condition;
    format!("{name} {}: {text} {values:?}\n", if *exact { "=" } else { "<" })
}

#[test]
fn conditions_are_bound_and_say_whether_they_are_exact() {
    let mut all = String::new();
    for text in [
        "~all",
        "~m POST & ~c 404",
        "!~e",
        "~tcp",
        "~u example.com/api | ~d '^b$'",
        "~process curl ~pid 42",
        "!~h cookie",
        "~time>2s",
        "~since 10m ~size>1K",
        "~b needle",
        "~t json",
        "~tq '^(a|b)'",
        "~a",
        "~websocket | ~s",
    ] {
        let selection = Filter::parse(text, new_year()).unwrap().selection();
        writeln!(all, "{text}").unwrap();
        all.push_str(&shown("  exchanges", &selection.exchanges));
        all.push_str(&shown("  flows    ", &selection.flows));
        all.push_str(&shown("  messages ", &selection.messages));
    }
    assert_snapshot!(all);
}

#[test]
fn what_cannot_be_is_never_looked_for() {
    let selection = Filter::parse("~c 200 ~tcp", new_year()).unwrap().selection();
    assert!(selection.exchanges.is_never() && selection.flows.is_never());
    assert!(selection.messages.is_never());
}
