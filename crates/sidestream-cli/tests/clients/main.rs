//! Real programs, unmodified, under `sidestream run`: each sees its server, and is seen.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod curl;
mod ends;
mod git;
mod go;
mod harness;
mod java;
mod node;
mod outputs;
mod python;
mod raw;
mod regular;
mod wget;
