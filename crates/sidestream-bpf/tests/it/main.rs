//! The hooks on a real kernel, in network namespaces of the tests' own, as root.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod ground;
mod items;
mod life;
mod processes;
mod rules;
mod slots;
mod tcp;
mod udp;
mod verdicts;
