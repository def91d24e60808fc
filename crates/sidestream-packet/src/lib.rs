#![doc = include_str!("../README.md")]

mod batch;
pub mod build;
mod bytes;
mod coalesce;
mod defect;
mod display;
mod ip;
mod offload;
mod packet;
pub mod protocol;
mod reassembly;
mod rewrite;
mod segment;
mod sum;
mod transport;

pub use batch::Batch;
pub use coalesce::Coalescer;
pub use defect::{Defect, Defects};
pub use offload::{Checksum, Offload};
pub use packet::Packet;
pub use reassembly::{Reassembly, ReassemblyCounts, ReassemblyLimits};
pub use rewrite::{RewriteError, decrement_hop_limit, rewrite};
pub use segment::segment;
pub use sum::{Sum, complete};
pub use transport::{
    Fragment, IcmpMessage, Quote, TcpFlags, TcpOption, TcpOptions, TcpSegment, Transport,
    UdpDatagram, Unreachable,
};
