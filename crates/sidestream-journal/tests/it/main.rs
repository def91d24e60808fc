//! Changes to a machine made of a temporary folder: undone, interfered with, and killed at every step.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod kills;
mod machine;
mod model;
mod settings;
mod undoing;
