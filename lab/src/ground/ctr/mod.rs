//! Hosts as containers of a Docker engine, of the lab's own or one that is there already.

mod containers;
mod docker;
pub mod engine;
pub mod images;
pub mod library;
mod machines;
mod place;

pub use machines::{Machine, open};
pub use place::{elsewhere, with_images};
