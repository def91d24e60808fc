//! Lists of sessions, beside a plain model of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clock;
mod kept;
mod live;
mod model;
mod noted;
mod older;
