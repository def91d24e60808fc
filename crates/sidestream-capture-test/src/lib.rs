#![doc = include_str!("../README.md")]

mod bed;
pub mod checks;
mod config;
pub mod fake;
mod ground;
mod relay;
mod run;
pub mod sockets;
mod unserved;

pub use config::Config;
pub use ground::{Connected, Datagrams, Family, Ground, IntoGround, KnownProcess, Skip};
#[doc(hidden)]
pub use run::run;
