//! What is no filter, where it is not, and how that is shown.

use std::fmt::Write;
use std::ops::Range;

use insta::assert_snapshot;
use sidestream_filter::{Expr, ParseFilterError};

#[track_caller]
fn check(text: &str, span: Range<usize>) {
    let error = text.parse::<Expr>().unwrap_err();
    assert_eq!(error.span(), span, "{text:?}: {error}");
}

#[test]
fn every_error_shows_its_place() {
    let mut shown = String::new();
    for text in [
        "",
        "~q & ",
        "~q | | ~s",
        "~foo bar",
        "~q & ~x",
        "~c many",
        "~pid -1",
        "~u",
        "~u & ~q",
        "~u [a",
        "~d example & (~q",
        "~q)",
        "~b 'open",
        "~size 1M",
        "~size>1X",
        "~time>2",
        "~since yesterday",
        "~u \\w{1000}",
    ] {
        let error = text.parse::<Expr>().unwrap_err();
        writeln!(shown, "{}\n", error.render(text)).unwrap();
    }
    assert_snapshot!(shown);
}

#[test]
fn places_are_bytes_of_the_text() {
    check("é & ~é", 5..6);
    check("é & 'ü", 5..6);
    check("~b é & )", 8..9);
}

#[test]
fn length_depth_and_number_are_bounded() {
    check(&"(".repeat(10_000), 64..65);
    check(&"!".repeat(10_000), 64..65);
    // Each level takes two where it is printed.
    let nested =
        |levels: usize| format!("{}~q{}", "~s ~e & (".repeat(levels), ") | ~a".repeat(levels));
    assert!(nested(32).parse::<Expr>().is_ok());
    check(&nested(33), 0..0);
    let limit = Expr::MAX_BYTES;
    let error = "x".repeat(limit + 1).parse::<Expr>().unwrap_err();
    assert_eq!(error, ParseFilterError::TooLong { limit });
    let limit = Expr::MAX_TERMS;
    let error = "~q ".repeat(limit + 1).parse::<Expr>().unwrap_err();
    assert_eq!(error, ParseFilterError::TooMany { limit, span: 3 * limit..3 * limit + 1 });
    assert!("~q ".repeat(limit).parse::<Expr>().is_ok());
}

#[test]
fn a_long_text_is_cut_around_the_place() {
    let text = format!("{} ~x {}", "a ".repeat(40), " b".repeat(60));
    let error = text.parse::<Expr>().unwrap_err();
    assert_snapshot!(error.render(&text), @"
    … a a a a a a a a a a a a a a a a a  ~x  b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b …
                                         ^^ ~x is not known: see docs/filter.md for all operators
    ");
}
