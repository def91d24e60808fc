//! Filters: what is one, what it matches, and what SQL makes of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod errors;
mod language;
mod records;
mod sample;
mod selection;
