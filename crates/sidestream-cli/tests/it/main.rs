//! The parts of the command, and the command itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod exchange;
mod feed;
mod json;
mod mode;
mod pcapng;
mod print;
mod ps;
mod root;
mod sample;
mod sessions;
mod settings;
mod spec_file;
mod style;
mod wireguard;
