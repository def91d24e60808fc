//! Linux: user, network and mount namespaces, and a keeper inside.

mod accept;
mod capture;
mod check;
mod driver;
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
mod notify;
mod passing;
mod plan;
mod raw;
mod reap;
mod remedy;
mod rtnetlink;
mod running;
mod sockets;
mod transparent;
mod udp;
mod wire;

pub use check::{check, check_seccomp};
pub use driver::SandboxCapture;
pub use launch::{Parts, Sandbox};
pub use local::{Caller, Rendezvous, isolate, restrict, serve};
pub use local::{LocalCapture, LocalDial, check_local};
pub use running::Running;
pub use transparent::{TransparentCapture, check_gateway, gateway_notes};
pub use transparent::{clear_gateway, end_gateway, gateway_status};
