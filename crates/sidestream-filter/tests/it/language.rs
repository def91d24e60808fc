//! The language: what binds how, and what is printed.

use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_filter::{Compare, Expr, Flag, Order, Pattern, Since, Term, Text, Who};

#[track_caller]
fn check(text: &str, printed: &str) {
    let expr: Expr = text.parse().unwrap();
    assert_eq!(expr.to_string(), printed, "{text}");
    assert_eq!(printed.parse::<Expr>().unwrap(), expr, "{text}");
}

#[test]
fn not_binds_closer_than_and_and_that_than_or() {
    check("!~q & ~s | ~e", "!~q & ~s | ~e");
    check("~e | ~s & !~q", "~e | ~s & !~q");
    check("(~e | ~s) & ~q", "(~e | ~s) & ~q");
    check("!(~e | ~s)", "!(~e | ~s)");
    check("!!~e", "!!~e");
    check("((~e))", "~e");
    check("~e&~s|~q", "~e & ~s | ~q");
    check("(~e & ~s) & ~q", "(~e & ~s) & ~q");
}

#[test]
fn what_stands_side_by_side_is_joined_last() {
    check("~q ~s", "~q & ~s");
    check("~q ~s | ~e", "~q & (~s | ~e)");
    check("~q | ~s ~e", "(~q | ~s) & ~e");
    check("~q & ~s ~e", "(~q & ~s) & ~e");
    check("(~q ~s) | ~e", "~q & ~s | ~e");
    check("!~q ~s", "!~q & ~s");
}

#[test]
fn a_word_alone_is_a_url() {
    check("example", "~u example");
    check("a|b", "~u a|b");
    check("a & b", "~u a & ~u b");
    check("'a b'", "~u \"a b\"");
    check("a'b'", "~u a & ~u b");
    check("!static", "!~u static");
    check("~u !x", "~u !x");
}

#[test]
fn quotes_of_both_kinds_take_backslashes() {
    check(r#"~b "a \"b\"""#, r#"~b "a \"b\"""#);
    check(r"~b 'it\'s'", r#"~b "it's""#);
    check(r#"~b 'say "x"'"#, r#"~b "say \"x\"""#);
    // What is neither a quote nor a backslash belongs to the expression.
    check(r#"~b "\d \\d""#, r#"~b "\\d \\d""#);
    check(r"~u \.js", r"~u \.js");
    check("~u ''", "~u \"\"");
    check("~u '~x'", "~u \"~x\"");
    check("~u '&'", "~u \"&\"");
}

#[test]
fn every_operator_is_read_and_printed() {
    for flag in Flag::ALL {
        let text = format!("~{}", flag.name());
        assert_eq!(text.parse::<Expr>().unwrap(), Term::Flag(flag).into());
        check(&text, &text);
    }
    for text in Text::ALL {
        let printed = format!("~{} x", text.name());
        check(&format!("~{}  'x'", text.name()), &printed);
    }
    for text in ["~c 404", "~pid 1", "~user 1000", "~user root", "~tree 42", "~tree make"] {
        check(text, text);
    }
}

#[test]
fn sizes_durations_and_times_have_units() {
    check("~size>1M", "~size>1M");
    check("~size >= 2048", "~size>=2K");
    check("~size<1g", "~size<1G");
    check("~size=0", "~size=0");
    check("~time<=1500ms", "~time<=1500ms");
    check("~time > 60s", "~time>1m");
    check("~time>2s&~q|~time<1h", "~time>2s & ~q | ~time<1h");
    check("~since 10m", "~since 10m");
    check("~since 48h", "~since 2d");
    check("~since 2026-01-31T12:00:00+02:00", "~since 2026-01-31T10:00:00Z");
    check("~since '2026-01-31 12:00:00Z'", "~since 2026-01-31T12:00:00Z");
    check("~c 200|~c 404", "~c 200 | ~c 404");
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Equal),
        Just(Order::Greater),
        Just(Order::GreaterOrEqual),
        Just(Order::Less),
        Just(Order::LessOrEqual),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    // Any text can be looked for, once it is escaped or is none of an expression's signs.
    prop_oneof![
        any::<String>().prop_map(|text| regex_escaped(&text)),
        "[a-z ~\"'|&!\\\\.é]{0,8}".prop_map(|text| regex_escaped(&text)),
        Just("a|b".to_owned()),
        Just("\\d+ ?".to_owned()),
    ]
}

fn regex_escaped(text: &str) -> String {
    let signs = "\\.+*?()|[]{}^$#&-~";
    text.chars().flat_map(|it| signs.contains(it).then_some('\\').into_iter().chain([it])).collect()
}

fn term() -> impl Strategy<Value = Term> {
    let named = pattern()
        .prop_filter("a number is an id", |it| !it.bytes().all(|it| it.is_ascii_digit()))
        .prop_map(|it| Who::Named(Pattern::new(&it, false).unwrap()));
    let who = prop_oneof![any::<u32>().prop_map(Who::Id), named];
    let millis = || any::<u32>().prop_map(|it| Duration::from_millis(it.into()));
    let since = prop_oneof![
        millis().prop_map(Since::Ago),
        (0..4_000_000_000_u64, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
            Since::At(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
        }),
    ];
    let text = (proptest::sample::select(Text::ALL.to_vec()), pattern());
    let size = prop_oneof![any::<u64>(), any::<u32>().prop_map(|it| u64::from(it) << 20)];
    prop_oneof![
        3 => proptest::sample::select(Flag::ALL.to_vec()).prop_map(Term::Flag),
        3 => text.prop_map(|(text, it)| Term::Text(text, Pattern::new(&it, false).unwrap())),
        1 => any::<u16>().prop_map(Term::Code),
        1 => any::<u32>().prop_map(Term::Pid),
        1 => since.prop_map(Term::Since),
        1 => (order(), size).prop_map(|(order, with)| Term::Size(Compare { order, with })),
        1 => (order(), millis()).prop_map(|(order, with)| Term::Time(Compare { order, with })),
        1 => who.clone().prop_map(Term::Tree),
        1 => who.prop_map(Term::User),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    term().prop_map(Expr::Term).prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expr::And),
            vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|it| Expr::Not(Box::new(it))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(expr in expr()) {
        let printed = expr.to_string();
        prop_assert_eq!(printed.parse::<Expr>(), Ok(expr), "{}", printed);
    }

    #[test]
    fn no_text_is_too_odd_to_be_read(
        text in "(~[a-z]{1,6}|[!&|() ]|[a-z0-9>=<]{1,3}|'|\"|\\\\|é){0,24}",
    ) {
        match text.parse::<Expr>() {
            Ok(expr) => {
                let printed = expr.to_string();
                prop_assert_eq!(printed.parse::<Expr>(), Ok(expr), "{}", printed);
            }
            Err(error) => {
                prop_assert!(text.get(error.span()).is_some(), "{}", error);
                prop_assert!(error.render(&text).contains('^'));
            }
        }
    }
}
