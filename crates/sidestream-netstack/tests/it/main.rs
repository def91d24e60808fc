//! What the stack does: tables, simulations over links that lose and reorder, models, costs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a simulation begins at some instant")]

mod client;
mod cost;
mod days;
mod goodput;
mod hand;
mod handshake;
mod hostile;
mod icmp;
mod link;
mod loss;
mod model;
mod path;
mod segmentation;
mod server;
mod streams;
mod udp;
mod world;
