#![doc = include_str!("../README.md")]

mod device;
mod error;
mod flows;
mod handshake;
mod link;
mod outgoing;
mod reader;
mod redirector;
mod writer;

pub use device::Device;
pub use error::StartError;
pub use flows::{FlowVerdict, Flows, Known};
pub use redirector::{Options, Redirector};
