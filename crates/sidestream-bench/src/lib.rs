#![doc = include_str!("../README.md")]

mod bare;
mod captured;
pub mod client;
pub mod compare;
mod counters;
mod job;
pub mod list;
mod noise;
mod origin;
mod relay;
mod serve;
pub mod soak;
mod stats;
pub mod store;
mod sys;

pub use bare::{Tls, bare};
pub use captured::until_captured;
pub use counters::{Cost, Meter, Reading, Source};
pub use job::{Done, Group, Job, Prepared};
pub use noise::Noise;
pub use origin::{Origin, Seen};
pub use relay::relay;
pub use serve::{Hello, serve_bare, serve_client, serve_origin, serve_relay};
pub use stats::{Spread, percentile};
