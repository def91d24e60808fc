//! Real programs, unmodified, under `sidestream run`: each sees its server, and is seen.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chromium;
mod conformance;
mod curl;
mod ends;
mod git;
mod go;
mod harness;
mod http2;
mod java;
mod local;
mod modern;
mod node;
mod outputs;
mod python;
mod raw;
mod regular;
mod websocket;
mod wget;
