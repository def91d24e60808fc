//! Makes a root, issues a leaf for the names given, and prints both as PEM.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{env, error::Error, time::SystemTime};

use rustls::crypto::aws_lc_rs::default_provider;
use sidestream_ca::{Authority, LeafRequest, Name};

fn main() -> Result<(), Box<dyn Error>> {
    let mut names: Vec<Name> =
        env::args().skip(1).map(|name| name.parse()).collect::<Result<_, _>>()?;
    if names.is_empty() {
        names.push("example.test".parse()?);
    }
    let now = now();
    let authority = Authority::generate("Example CA", now, &default_provider())?;
    let leaf = authority
        .issue(&LeafRequest { names: names.clone(), ..LeafRequest::new(names[0].clone(), now) })?;
    println!("{}", authority.certificate_pem());
    println!("{} bytes of leaf for {}", leaf.chain[0].len(), names.len());
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program owns its clock; the library takes the time as an argument"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
