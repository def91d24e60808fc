//! However content is cut into pieces, the same is written; and nothing is left out.

use proptest::prelude::*;
use sidestream_view::NAMES;

use crate::run;
use crate::samples::all;

#[test]
fn samples_read_the_same_byte_by_byte_and_cut_in_two() {
    for sample in all() {
        let whole = run(sample.view, sample.kind, [&sample.content[..]]);
        let bytes = run(sample.view, sample.kind, sample.content.chunks(1));
        assert_eq!(bytes, whole, "{}", sample.name);
        for at in 0..sample.content.len() {
            let (a, b) = sample.content.split_at(at);
            assert_eq!(run(sample.view, sample.kind, [a, b]), whole, "{} {at}", sample.name);
        }
    }
}

#[test]
fn every_beginning_of_a_sample_is_read_by_every_view() {
    for sample in all() {
        for end in 0..sample.content.len() {
            run(sample.view, sample.kind, [&sample.content[..end]]);
        }
        for name in NAMES {
            run(name, sample.kind, [&sample.content[..]]);
        }
    }
}

/// Takes white space outside of strings away.
fn tokens(json: &str) -> String {
    let (mut string, mut escaped) = (false, false);
    let keep = |char: &char| {
        let within = string;
        if *char == '"' && !escaped {
            string = !string;
        }
        escaped = within && *char == '\\' && !escaped;
        within || !char.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        "(true|false|null)",
        "\"([a-zé{}\\[\\]:, ]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-f]{2}){0,12}\"",
    ];
    let space = "[ \t\r\n]{0,2}";
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..4), space).prop_map(
                |(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))
            ),
            (proptest::collection::vec(inner, 0..4), space).prop_map(|(items, space)| {
                let member = |item| format!("\"k\\\"\"{space}:{space}{item}");
                format!("{{{space}{}}}", items.iter().map(member).collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn json_keeps_its_tokens(json in json()) {
        let shown = run("json", None, [json.as_bytes()]);
        prop_assert_eq!(tokens(&shown), tokens(&json));
    }

    #[test]
    fn any_split_of_anything_reads_the_same(
        which in 0..NAMES.len(),
        sample in any::<prop::sample::Index>(),
        harm in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        noise in proptest::collection::vec(any::<u8>(), 0..60),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let samples = all();
        let sample = sample.get(&samples);
        let mut content = sample.content.clone();
        for (at, byte) in harm {
            let at = at.index(content.len());
            content[at] = byte;
        }
        content.extend_from_slice(&noise);
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(content.len())).collect();
        at.extend([0, content.len()]);
        at.sort_unstable();
        for name in [sample.view, NAMES[which]] {
            let whole = run(name, sample.kind, [&content[..]]);
            let pieces = at.windows(2).map(|pair| &content[pair[0]..pair[1]]);
            prop_assert_eq!(run(name, sample.kind, pieces), whole, "{}", name);
        }
    }
}
