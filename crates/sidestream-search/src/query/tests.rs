use std::convert::Infallible;

use proptest::prelude::*;
use regex::bytes::RegexBuilder;

use super::*;
use crate::{Column, Group};

/// Returns which of the texts an expression can be found in, by their place.
fn named(texts: &[impl AsRef<[u8]>], expression: &str) -> Vec<usize> {
    let mut group = Group::default();
    for text in texts {
        let mut column = Column::default();
        column.add(text.as_ref());
        group.push(&column);
    }
    let pages = group.into_pages();
    let query = Query::new(expression).unwrap();
    let found = query.columns(|page| Ok::<_, Infallible>(pages[page].clone())).unwrap();
    found.iter().filter(|column| *column < texts.len()).collect()
}

/// Returns whether an expression can be found in a text, without the cost of a group.
fn names(text: &[u8], expression: &str) -> bool {
    let mut column = Column::default();
    column.add(text);
    let rows: BTreeSet<_> = column.rows().collect();
    let mut bit = |row| Ok(if rows.contains(&row) { Columns::ALL } else { Columns::NONE });
    let found = Query::new(expression).unwrap().0.columns::<Infallible>(&mut bit);
    found.unwrap() != Columns::NONE
}

/// Returns which of the texts an expression is found in.
fn matching(texts: &[impl AsRef<[u8]>], expression: &str) -> Vec<usize> {
    let regex = RegexBuilder::new(expression)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .build()
        .unwrap();
    (0..texts.len()).filter(|place| regex.is_match(texts[*place].as_ref())).collect()
}

#[test]
fn what_has_none_of_it_is_left_out() {
    let texts = [
        "connection refused by peer",
        "Connection reset by peer",
        "out of memory",
        "OUT OF MEMORY: killed 4711",
        "Stra\u{df}e, \u{17f}pass",
        "",
        "pe",
    ];
    for (expression, expected) in [
        ("refused", &[0][..]),
        ("connection", &[0, 1]),
        ("Out Of Memory", &[2, 3]),
        ("refused|memory", &[0, 2, 3]),
        ("conn.*reset", &[1]),
        ("reset.*conn", &[1]),
        ("(refused|reset) by", &[0, 1]),
        ("kill(ed|ing)", &[3]),
        ("memory(: killed)? 4711", &[3]),
        ("memory(: killed)? 4712", &[]),
        ("memory(: killed)?", &[2, 3]),
        ("(con)+nection", &[0, 1]),
        ("[a-z]{3}fused", &[0]),
        ("stra\u{df}e", &[4]),
        ("STRA\u{df}E", &[4]),
        ("spass", &[4]),
        ("^out", &[2, 3]),
        (r"\bpeer\b", &[0, 1]),
        (r"(?-i)Connection", &[0, 1]),
    ] {
        assert_eq!(named(&texts, expression), expected, "{expression}");
    }
}

#[test]
fn what_trigrams_cannot_tell_names_all() {
    let texts = ["one", "two", ""];
    for expression in ["", ".*", "ab", "[a-z]+", r"\d", "a?b?c?", "abc|x", "(abc)*", "(?-u)\\xc5"] {
        assert_eq!(named(&texts, expression), [0, 1, 2], "{expression}");
        assert!(Query::new(expression).unwrap().is_any(), "{expression}");
    }
}

#[test]
fn queries_are_put_together() {
    let query = |text: &str| Query::new(text).unwrap();
    let mut group = Group::default();
    for text in ["alpha beta", "alpha gamma", "beta gamma"] {
        let mut column = Column::default();
        column.add(text.as_bytes());
        group.push(&column);
    }
    let pages = group.into_pages();
    let found = |query: &Query| -> Vec<_> {
        let columns = query.columns(|page| Ok::<_, Infallible>(pages[page].clone())).unwrap();
        columns.iter().filter(|column| *column < 3).collect()
    };
    assert_eq!(found(&Query::all([query("alpha"), query("beta")])), [0]);
    assert_eq!(found(&Query::any([query("alpha beta"), query("beta gamma")])), [0, 2]);
    assert_eq!(found(&Query::all([query("alpha"), Query::ANY])), [0, 1]);
    assert!(Query::any([query("alpha"), Query::ANY]).is_any());
    assert!(Query::all([]).is_any());
}

#[test]
fn what_is_no_expression_is_refused() {
    let error = Query::new("(").unwrap_err().to_string();
    assert!(error.starts_with("not a regular expression: "), "{error}");
}

#[test]
fn a_missing_page_names_nothing_and_a_short_one_what_it_has() {
    let query = Query::new("alpha").unwrap();
    let none = query.columns(|_| Ok::<_, Infallible>(Page::default())).unwrap();
    assert_eq!(none, Columns::NONE);
    let failed = query.columns(|_| Err("no page"));
    assert_eq!(failed, Err("no page"));
}

#[test]
fn a_group_holds_as_many_columns_as_it_says() {
    let mut group = Group::default();
    for number in 0..crate::GROUP_COLUMNS {
        assert!(!group.is_full());
        let mut column = Column::default();
        column.add(format!("number {number:04}").as_bytes());
        assert_eq!(group.push(&column), number);
    }
    assert!(group.is_full());
    let pages = group.into_pages();
    let query = Query::new("number 0507").unwrap();
    let found = query.columns(|page| Ok::<_, Infallible>(pages[page].clone())).unwrap();
    assert!(found.contains(507));
    assert!(found.iter().count() < 20, "{found:?}");
}

/// Texts of few letters, so that much is found, with what is odd about case and bytes.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => "[abksAKS ]{1,4}".prop_map(String::into_bytes),
        1 => Just("\u{17f}".as_bytes().to_vec()),
        1 => Just("\u{212a}".as_bytes().to_vec()),
        1 => Just("\u{e4}\u{c4}".as_bytes().to_vec()),
        1 => prop::sample::select(vec![0xc5_u8, 0xbf, 0xe2, 0x84, 0xaa]).prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => "[abks\u{17f}\u{212a}\u{e4} ]{1,5}",
        1 => Just(".".to_owned()),
        1 => Just("[ak]".to_owned()),
        1 => Just("[^a]".to_owned()),
        1 => Just(r"(?-u:\xc5)".to_owned()),
        1 => Just(r"(?-u:\xbf)".to_owned()),
        1 => Just(r"(?-u:[\x80-\xff])".to_owned()),
        1 => Just(r"(?-u:\xe2\x84)".to_owned()),
        1 => Just(r"\b".to_owned()),
        1 => Just("(?-i:K)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|any| format!("(?:{})", any.join("|"))),
            2 => (inner, prop::sample::select(vec!["?", "*", "+", "{2}", "{2,}", "{5}", "{0}"]))
                .prop_map(|(it, times)| format!("(?:{it}){times}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_found_is_named(
        texts in prop::collection::vec(text(), 1..6),
        expression in expression(),
    ) {
        for place in matching(&texts, &expression) {
            let text = &texts[place];
            prop_assert!(names(text, &expression), "{expression:?} in {text:?}");
        }
    }

    #[test]
    fn a_piece_of_a_text_is_found_in_it(text in text(), from in 0..40_usize, len in 0..20_usize) {
        let piece: String = text
            .iter()
            .skip(from)
            .take(len)
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        let expression = format!("(?-u:{piece})");
        prop_assert_eq!(matching(&[&text], &expression), [0]);
        prop_assert!(names(&text, &expression));
    }
}
