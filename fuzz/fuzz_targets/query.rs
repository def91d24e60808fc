//! Expressions over texts: what is looked up leaves no text out in which one is found.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regex::bytes::RegexBuilder;
use sidestream_search::{Column, Group, Page, Query};

fuzz_target!(|input: (&str, Vec<&[u8]>)| {
    let (expression, texts) = input;
    let regex = RegexBuilder::new(expression)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .multi_line(true)
        .size_limit(1 << 16)
        .build();
    let (Ok(regex), Ok(query)) = (regex, Query::new(expression)) else { return };
    let mut group = Group::default();
    let texts: Vec<_> = texts.into_iter().take(16).collect();
    let places: Vec<_> = texts
        .iter()
        .map(|text| {
            let mut column = Column::default();
            column.add(text);
            group.push(&column)
        })
        .collect();
    let pages = group.into_pages();
    let page = |number: usize| Ok::<_, ()>(Page(pages[number].0.clone()));
    let columns = query.columns(page).expect("pages are at hand");
    for (text, place) in texts.iter().zip(places) {
        assert!(!regex.is_match(text) || columns.contains(place), "{expression:?} in {text:?}");
    }
});
