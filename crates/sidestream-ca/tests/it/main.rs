//! What the authority promises, seen by those who verify: webpki, OpenSSL and a rustls client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "a test runs other programs")]
#![expect(clippy::disallowed_methods, reason = "a test writes the files that other programs read")]

mod cache;
mod crl;
mod import;
mod issue;
mod openssl;
mod request;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls::crypto::{CryptoProvider, aws_lc_rs::default_provider};
use sidestream_ca::{Authority, Name};

/// 2026-01-01, the present of all tests that no clock decides.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn authority() -> Authority {
    Authority::generate("Test CA (ada@laptop)", now(), &provider()).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}
