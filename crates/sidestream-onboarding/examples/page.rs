//! Writes the page of a root that is made for it, as the browser whose User-Agent is given sees
//! it: `cargo run -p sidestream-onboarding --example page iPhone > page.html`.

#![expect(clippy::disallowed_methods, reason = "an example reads the clock")]

use std::error::Error;
use std::io::Write;
use std::time::SystemTime;

use sidestream_ca::Authority;
use sidestream_onboarding::{Request, Site};

fn main() -> Result<(), Box<dyn Error>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let authority = Authority::generate("Sidestream CA (example)", SystemTime::now(), &provider)?;
    let user_agent = std::env::args().nth(1);
    let request = Request {
        method: "GET",
        path: "/",
        user_agent: user_agent.as_deref(),
        accept: Some("text/html"),
    };
    std::io::stdout().write_all(&Site::new(&authority)?.answer(&request).body)?;
    Ok(())
}
