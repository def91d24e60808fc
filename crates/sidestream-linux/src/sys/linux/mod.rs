//! Linux: user, network and mount namespaces, and a keeper inside.

mod capture;
mod check;
mod forward;
mod forward_udp;
mod hints;
mod keeper;
mod launch;
mod link;
mod local;
mod loopback;
mod netlink;
mod network;
mod nft;
mod owners;
mod passing;
mod plan;
mod raw;
mod reap;
mod remedy;
mod rtnetlink;
mod running;
mod sockets;
mod udp;
mod wire;

pub use capture::SandboxCapture;
pub use check::check;
pub use launch::{Parts, Sandbox};
pub use local::{Caller, Rendezvous, isolate, restrict, serve};
pub use local::{LocalCapture, LocalDial, check_local};
pub use running::Running;
