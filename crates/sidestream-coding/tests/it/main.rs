//! What decoders make of whole, cut, broken and hostile bodies.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod bombs;
mod broken;
mod encoders;
mod splits;
