//! Feeds any text to the filter parser; what parses must print to the same, and be judged and compiled.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use sidestream_filter::{Expr, Filter, Kind, Subject};

/// Something of which nothing is known.
struct Nothing;

impl Subject for Nothing {
    fn kind(&self) -> Kind {
        Kind::Tcp
    }
}

fuzz_target!(|text: &str| {
    let expr: Expr = match text.parse() {
        Ok(expr) => expr,
        Err(error) => {
            assert!(text.get(error.span()).is_some(), "the place lies in the text");
            assert!(error.render(text).contains('^'));
            return;
        }
    };
    let printed = expr.to_string();
    // Printing may add quotes and parentheses, and so pass the limit of the length.
    if printed.len() <= Expr::MAX_BYTES {
        assert_eq!(printed.parse().as_ref(), Ok(&expr), "{printed}");
    }
    let filter = Filter::new(expr, SystemTime::UNIX_EPOCH);
    filter.matches(&Nothing);
    let selection = filter.selection();
    for condition in [&selection.exchanges, &selection.flows, &selection.messages] {
        let places = condition.text.matches('?').count();
        assert_eq!(places, condition.values.len(), "each value has its place");
    }
});
