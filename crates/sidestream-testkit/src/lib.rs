#![doc = include_str!("../README.md")]

mod ca;
mod dns;
mod filters;
mod machine;
mod origin;
#[cfg(feature = "sessions")]
pub mod sessions;
mod skips;
mod udp;

pub use ca::{Leaf, TestCa, Validity};
pub use dns::{DnsOrigin, Query};
pub use filters::filters;
pub use machine::{
    can_make_user_namespaces, has_ipv6_loopback, is_root, sidestream_binary, workspace_path,
};
pub use origin::{Origin, Request, Service, Wire};
pub use skips::skip;
pub use udp::UdpOrigin;
