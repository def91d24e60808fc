#![doc = include_str!("../README.md")]

mod capabilities;
mod capture;
mod datagram;
mod dial;
mod direct;
mod idle;
mod packets;
mod requests;
mod stream;

pub use capabilities::{Attribution, Capabilities, Refusal};
pub use capture::{
    Capture, Control, Destination, Egress, FlowInfo, Incoming, Kind, SetSpecError, next_incoming,
};
pub use datagram::poll_datagram;
pub use dial::{Dial, Dialed, DialedAssociation, Target};
pub use direct::{Direct, UdpSocket};
pub use idle::Idle;
pub use packets::{PacketDriver, PacketProperties, Received, recv_packet, send_packet};
pub use requests::SpecRequests;
pub use stream::{Accepted, Association, Pending, Stream};

/// A boxed future, as dyn-compatible traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
