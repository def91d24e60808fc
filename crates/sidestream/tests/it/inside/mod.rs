//! What clients find inside: the page for the root, and DNS.

mod crl;
mod names;
mod page;
mod pipelining;
#[cfg(target_os = "linux")]
mod tunnel;

use std::sync::Arc;
use std::time::SystemTime;

use sidestream::ca::Authority;
use sidestream::onboarding::Site;

fn authority() -> Arc<Authority> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Arc::new(Authority::generate("Test", SystemTime::now(), &provider).unwrap())
}

fn site(authority: &Authority) -> Arc<Site> {
    Arc::new(Site::new(authority).unwrap())
}

/// A query with that number, recursion desired.
fn query(id: u16, name: &str) -> Vec<u8> {
    let header = [id, 0x0100, 1, 0, 0, 0].into_iter().flat_map(u16::to_be_bytes);
    let labels = name
        .split('.')
        .flat_map(|label| [u8::try_from(label.len()).unwrap()].into_iter().chain(label.bytes()));
    header.chain(labels).chain([0, 0, 1, 0, 1]).collect()
}
