//! Says whether a filter matches a GET of a URL: `cargo run --example filter -- '~d a.test' URL`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use sidestream_record::{Fields, RequestHead, Version};
use sidestream_rules::{Facts, Filter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let filter = words.next().unwrap_or_else(|| "~d example".into());
    let url = words.next().unwrap_or_else(|| "http://www.example/".into());
    let request = RequestHead {
        method: "GET".into(),
        target: "/".into(),
        version: Version::Http11,
        fields: Fields::default(),
    };
    let facts = Facts { url: &url, request: &request, response: None, message: None };
    println!("{}", Filter::parse(&filter)?.matches(&facts));
    Ok(())
}
