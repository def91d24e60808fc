//! What visitors and resolvers are answered.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "a test runs other programs")]
#![expect(clippy::disallowed_methods, reason = "a test writes the files that other programs read")]

mod dns;
mod files;
mod page;
mod random;
mod site;

use std::time::{Duration, UNIX_EPOCH};

use sidestream_ca::Authority;
use sidestream_onboarding::{Request, Response, Site};

/// A root of 2026-01-01, the present of all tests.
fn authority(name: &str) -> Authority {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Authority::generate(name, now, &provider).unwrap()
}

fn site() -> Site {
    Site::new(&authority("Sidestream CA (ada@laptop)")).unwrap()
}

/// Asks as a browser does.
fn browse(site: &Site, path: &str, user_agent: &str) -> Response {
    let user_agent = Some(user_agent);
    site.answer(&Request { method: "GET", path, user_agent, accept: Some("text/html,*/*;q=0.8") })
}

/// Asks as a program in a terminal does.
fn get(site: &Site, path: &str) -> Response {
    let user_agent = Some("curl/8.5.0");
    site.answer(&Request { method: "GET", path, user_agent, accept: Some("*/*") })
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}
