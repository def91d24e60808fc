//! The tests of the spec language, in one binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decide;
mod error;
mod explain;
mod facts;
mod glob;
mod language;
mod net;
mod properties;
mod residual;
