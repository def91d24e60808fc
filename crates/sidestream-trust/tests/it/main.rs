//! Plans for synthetic machines and for this one, read back by those who will read them.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad;
mod browsers;
mod hash;
mod java;
mod machine;
mod nss;
mod plans;
mod stores;
mod trusted;
mod user;

use machine::Machine;

/// A root whose subject hash is known to OpenSSL.
const ROOT: &str = include_str!("root.pem");

/// Another certificate, for what was there before.
const OTHER: &str = include_str!("other.pem");
