//! Prints what a filter says, and which rows of a session it can match:
//! `cargo run --example select -- '~d example & ~c 404'`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::SystemTime;

use sidestream_filter::{Condition, Filter};

fn main() {
    let text = std::env::args().nth(1).unwrap_or_else(|| "~d example & ~c 404".into());
    let filter = match Filter::parse(&text, SystemTime::UNIX_EPOCH) {
        Ok(filter) => filter,
        Err(error) => return println!("{}", error.render(&text)),
    };
    println!("{filter}");
    let Condition { text, values, exact } = filter.selection().exchanges;
    println!("SELECT … WHERE {text}\n{values:?}, exact: {exact}");
}
