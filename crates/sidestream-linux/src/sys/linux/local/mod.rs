//! Whole-machine capture of chosen processes.

mod channel;
mod client;
mod device;
mod dial;
mod listen;
mod routes;
mod serve;
#[cfg(test)]
mod testing;

pub use client::{LocalCapture, check_local};
pub use dial::LocalDial;
pub use serve::{Caller, Rendezvous, isolate, restrict, serve};
