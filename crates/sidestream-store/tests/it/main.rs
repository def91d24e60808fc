//! Sessions on disk: what is recorded comes back, also after crashes and full disks.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addition;
mod bounds;
mod certificates;
mod content;
mod copying;
mod crash;
#[cfg(unix)]
mod damage;
mod filters;
mod generate;
mod lines;
mod listing;
mod notes;
mod older;
mod opening;
mod play;
mod published;
mod retention;
mod roundtrip;
mod space;
mod text;
